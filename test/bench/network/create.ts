// The time to make a container's sandbox, against each other way of making the same objects.
import { openNetworkRoom } from '../../../netns/index.js';
import type { Part } from '../group.js';
import { interleave, type Way } from '../interleave.js';
import type { Measurement } from '../result.js';
import type { Target } from '../statistics.js';
import { cniWay, removeCniBridge } from './cni.js';
import { compiledRecipeWay } from './compiled.js';
import { batchWay, separateWay } from './iproute.js';
import { sandbox, series } from './names.js';
import { recipeWay, removeAll, roomWay } from './ours.js';
import { settled } from './world.js';

const NAME = 'create a sandbox';
const WARM_UP = [1000, 1001, 1002, 1003, 1004];

export const create: Part = {
  name: 'create',
  what: 'netns, veth pair, addresses and routes of a container; the ways take turns',
  async run(bench) {
    const room = openNetworkRoom();
    const ways: readonly Way[] = [
      roomWay(room, series(0)),
      recipeWay(series(1)),
      compiledRecipeWay(series(2), bench.directory),
      batchWay(series(3)),
      separateWay(series(4)),
      cniWay('ADD', series(5), bench.directory, (netns) => room.createIsolated(netns)),
    ];
    const turns = bench.quick ? { rounds: 2, each: 5 } : { rounds: 4, each: 50 };
    const settle = () => settled(bench.signal);
    try {
      return compare(ways, await interleave(ways, { ...bench, ...turns, settle, warmUp: WARM_UP }));
    } finally {
      const numbers = [...WARM_UP, ...Array.from({ length: turns.rounds * turns.each }, (_, at) => at)];
      await removeAll(
        room,
        ways.flatMap((_, way) => numbers.map((number) => sandbox(way, number))),
      );
      removeCniBridge();
      await room.close();
      await settle();
    }
  },
};

// The room does what an agent waits for, the way to its thread and back included. How near the recipe is to the kernel's
// own speed is a question to the recipe alone.
const COMPARISONS: readonly (readonly [name: string, ours: string, rival: string, target: Target | null])[] = [
  [NAME, 'room', 'ip', { atLeast: 14 }],
  [NAME, 'room', 'ip -batch', { atLeast: 4 }],
  [NAME, 'room', 'CNI ADD', { atLeast: 8 }],
  [NAME, 'room', 'C', null],
  [`${NAME}, recipe alone`, 'recipe', 'C', { atMost: 1.15 }],
];

function compare(ways: readonly Way[], values: Map<string, number[][]>): Measurement[] {
  return COMPARISONS.map(([name, ours, peer, target]) => {
    const missing = ways.find((way) => way.name === peer)?.missing;
    return { name, peer, unit: 'ms', ours: values.get(ours) ?? [], theirs: missing ?? values.get(peer) ?? [], target };
  });
}
