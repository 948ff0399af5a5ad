// A slot from the pool becomes somebody's sandbox, and is flushed of its tenant and taken back. Both count: a pool whose
// slots cannot be used again is only creation at another time.
import { setTimeout } from 'node:timers/promises';
import { removalOf } from '../../../netns/defaults.js';
import { openHost } from '../../../netns/host.js';
import { removeNamespace } from '../../../netns/namespaces.js';
import { assignSlot } from '../../../netns/slots/assign.js';
import { prepareSlot } from '../../../netns/slots/prepare.js';
import { reclaimSlot } from '../../../netns/slots/reclaim.js';
import type { NetworkRoom, SlotSettings } from '../../../netns/types.js';
import type { Bench, Part } from '../group.js';
import { interleave, time, type Way } from '../interleave.js';
import type { Measurement } from '../result.js';
import { cniWay, removeCniBridge } from './cni.js';
import { NETNS_PREFIX, sandbox, series } from './names.js';
import { removeAll } from './ours.js';
import { settingsWith, withRoom } from './settings.js';
import { removeLinks, settled } from './world.js';

const SLOTS: SlotSettings = { veth: 20, tap: 0, mtu: 1500, netnsPrefix: `${NETNS_PREFIX}-slot-` };
/** The recipe's own slots, out of the room's sight. */
const OWN: SlotSettings = { ...SLOTS, netnsPrefix: `${NETNS_PREFIX}-own-` };
const TARGET = { atLeast: 100 };
const WARM_UP = Array.from({ length: 100 }, (_, at) => 1000 + at);
const LOOK_MS = 20;
const RCU_MS = 200;

export const handout: Part = {
  name: 'handout',
  what: 'a slot from the pool, assigned, flushed and taken back, against CNI ADD',
  run: async (bench) => withRoom(SLOTS, (room) => measure(bench, room)),
};

async function measure(bench: Bench, room: NetworkRoom): Promise<Measurement[]> {
  const turns = bench.quick ? { rounds: 2, each: 5 } : { rounds: 4, each: 50 };
  const [ours, recipe] = [roomCycles(room), recipeCycles()];
  const cni = cniWay('ADD', series(2), bench.directory, (netns) => room.createIsolated(netns));
  const numbers = [...WARM_UP, ...Array.from({ length: turns.rounds * turns.each }, (_, at) => at)];
  try {
    while (room.slots().ready.veth < SLOTS.veth) {
      bench.signal.throwIfAborted();
      await setTimeout(LOOK_MS);
    }
    const ways = [ours.way, recipe.way, cni];
    const settle = () => settled(bench.signal);
    const values = await interleave(ways, { ...bench, ...turns, settle, warmUp: WARM_UP });
    // The first run was the warm-up.
    const { recycled, discarded } = room.slots();
    bench.say(`${recycled} slots of the room were used again, ${discarded} thrown away`);
    const line = { peer: cni.name, unit: 'ms', theirs: cni.missing ?? values.get(cni.name) ?? [] };
    return [ours, recipe].flatMap(({ way, handed }) => {
      const alone = way.name === 'room' ? '' : ', recipe alone';
      return [
        {
          ...line,
          name: `slot handed out, flushed, taken back${alone}`,
          ours: values.get(way.name) ?? [],
          target: TARGET,
        },
        { ...line, name: `slot handed out${alone}`, ours: handed.slice(1), target: null },
      ];
    });
  } finally {
    await removeAll(
      room,
      [0, 1, 2].flatMap((way) => numbers.map((number) => sandbox(way, number))),
    );
    removeCniBridge();
    await settled(bench.signal);
  }
}

/** Hands a slot out and takes it back for each number; `handed` has how long the first half took, for each run. */
interface Cycles {
  readonly way: Way;
  readonly handed: number[][];
}

type Cycle = (number: number) => Promise<readonly [out: number, back: number]>;

function cycles(name: string, within: (run: (cycle: Cycle) => Promise<void>) => Promise<void>): Cycles {
  const handed: number[][] = [];
  const way: Way = {
    name,
    async run(numbers) {
      const [first, whole]: [number[], number[]] = [[], []];
      await within(async (cycle) => {
        for (const number of numbers) {
          const [out, back] = await cycle(number);
          first.push(out);
          whole.push(out + back);
        }
      });
      handed.push(first);
      return whole;
    },
  };
  return { way, handed };
}

function roomCycles(room: NetworkRoom): Cycles {
  return cycles('room', (run) =>
    run(async (number) => {
      const slot = room.acquire('veth');
      if (slot === undefined) throw new Error('no slot is ready');
      const network = { ...sandbox(0, number), netns: slot.netns, hostLink: slot.hostLink };
      const out = await time(() => room.create(network));
      return [out, await time(() => room.remove(removalOf(network, { recycle: true })))];
    }),
  );
}

/** In this thread, with one slot of its own. */
function recipeCycles(): Cycles {
  return cycles('recipe', async (run) => {
    const host = openHost();
    host.settings = settingsWith(OWN);
    const netns = `${OWN.netnsPrefix}0`;
    const { hostLink } = prepareSlot(host, netns, 'veth');
    try {
      // The socket that made it counts as one of a workload until RCU has freed it.
      await setTimeout(RCU_MS);
      await run(async (number) => {
        const network = { ...sandbox(1, number), netns, hostLink };
        const out = await time(() => assignSlot(host, network));
        return [out, await time(() => reclaimSlot(host, network))];
      });
    } finally {
      host.close();
      removeLinks(hostLink);
      removeNamespace(netns);
    }
  });
}
