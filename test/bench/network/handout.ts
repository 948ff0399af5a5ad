// A slot from the pool becomes somebody's sandbox, and is flushed of its tenant and taken back. Both count: a pool whose
// slots cannot be used again is only creation at another time.
import { setTimeout } from 'node:timers/promises';
import type { NetworkRoom, SlotSettings } from '../../../netns/types.js';
import type { Bench, Part } from '../group.js';
import { interleave, time, type Way } from '../interleave.js';
import { cniWay, removeCniBridge } from './cni.js';
import { NETNS_PREFIX, sandbox, series } from './names.js';
import { removeAll } from './ours.js';
import { withRoom } from './settings.js';
import { settled } from './world.js';

const NAME = 'hand a slot out and take it back, flushed';
const SLOTS: SlotSettings = { veth: 20, tap: 0, mtu: 1500, netnsPrefix: `${NETNS_PREFIX}-slot-` };
const LOOK_MS = 20;

export const handout: Part = {
  name: 'handout',
  what: 'a slot from the pool, assigned, flushed and taken back, against CNI ADD',
  run: async (bench) => withRoom(SLOTS, (room) => measure(bench, room)),
};

async function measure(bench: Bench, room: NetworkRoom) {
  const turns = bench.quick ? { rounds: 2, each: 5 } : { rounds: 4, each: 50 };
  const handed: number[][] = [];
  const cycle = cycles(room, handed);
  const cni = cniWay('ADD', series(1), bench.directory, (netns) => room.createIsolated(netns));
  try {
    while (room.slots().ready.veth < SLOTS.veth) {
      bench.signal.throwIfAborted();
      await setTimeout(LOOK_MS);
    }
    const values = await interleave([cycle, cni], { ...bench, ...turns, settle: () => settled(bench.signal) });
    const ours = values.get(cycle.name) ?? [];
    const theirs = cni.missing ?? values.get(cni.name) ?? [];
    const common = { peer: cni.name, unit: 'ms', theirs };
    const { recycled, discarded } = room.slots();
    bench.say(`${recycled} slots were used again, ${discarded} thrown away`);
    return [
      { ...common, name: NAME, ours, target: { atLeast: 100 } },
      { ...common, name: 'of that, the hand-out', ours: handed, target: null },
    ];
  } finally {
    const numbers = Array.from({ length: turns.rounds * turns.each }, (_, at) => at);
    await removeAll(
      room,
      [0, 1].flatMap((way) => numbers.map((number) => sandbox(way, number))),
    );
    removeCniBridge();
    await settled(bench.signal);
  }
}

/** `handed` gets the first half of each cycle. */
function cycles(room: NetworkRoom, handed: number[][]): Way {
  return {
    name: 'pool',
    async run(numbers) {
      const round: number[] = [];
      handed.push(round);
      const values: number[] = [];
      for (const number of numbers) {
        const slot = room.acquire('veth');
        if (slot === undefined) throw new Error('no slot is ready');
        const network = { ...sandbox(0, number), netns: slot.netns, hostLink: slot.hostLink };
        const { netns, hostLink, owner } = network;
        const out = await time(() => room.create(network));
        const back = await time(() => room.remove({ netns, hostLink, owner, network, recycle: true }));
        round.push(out);
        values.push(out + back);
      }
      return values;
    },
  };
}
