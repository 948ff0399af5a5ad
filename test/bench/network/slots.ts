// Many microVM slots at once: does the last one cost what the first did, what does the kernel spend on each, and does the
// agent's main loop notice any of it?
import { setTimeout } from 'node:timers/promises';
import { openNetworkRoom } from '../../../netns/index.js';
import type { NetworkRoom } from '../../../netns/types.js';
import type { Bench, Part } from '../group.js';
import { time } from '../interleave.js';
import type { Measurement } from '../result.js';
import { longest, ownShare, watchIdleProcess, watchLoop } from './loop.js';
import { type NamedNetwork, slot } from './names.js';
import { removeAll, roomWay } from './ours.js';
import { meminfo, settled } from './world.js';

const STRIDE = 50;

export const slots: Part = {
  name: 'slots',
  what: '1,000 and 4,000 slots of netns, veth pair, tap and routes: made, weighed, deleted',
  async run(bench) {
    const room = openNetworkRoom();
    try {
      const measured: Measurement[] = [];
      for (const count of bench.quick ? [60] : [1000, 4000]) measured.push(...(await many(bench, room, count)));
      return measured;
    } finally {
      await room.close();
    }
  },
};

async function many(bench: Bench, room: NetworkRoom, count: number): Promise<Measurement[]> {
  const networks = Array.from({ length: count }, (_, number) => slot(0, number));
  await settled(bench.signal);
  const before = kernelMemory();
  const loop = watchLoop();
  const idle = await watchIdleProcess();
  try {
    const each = await make(bench, room, networks);
    await settled(bench.signal);
    const after = kernelMemory();
    const perSlot = (field: keyof typeof before) => (after[field] - before[field]) / count;
    bench.say(`${count}: slab ${perSlot('slab').toFixed(0)} kB, per-cpu ${perSlot('percpu').toFixed(0)} kB each`);
    const deletion = await time(() => removeAll(room, networks));
    // The timers must have had their turn after the last answer.
    await setTimeout(10);
    const seen = loop.stop();
    const idleSeen = await idle.stop();
    bench.say(`${count}: longest stall by the histogram ${seen.histogram.toFixed(1)} ms`);
    return lines(`${count} slots`, each, {
      memory: perSlot('used'),
      deletion: deletion / 1000,
      stall: longest(seen.stalls),
      idleStall: longest(idleSeen.stalls),
      ownStall: longest(ownShare(seen.stalls, idleSeen.stalls)),
    });
  } finally {
    loop.stop();
    await idle.stop();
    await removeAll(room, networks);
    await settled(bench.signal);
  }
}

async function make(bench: Bench, room: NetworkRoom, networks: readonly NamedNetwork[]): Promise<number[]> {
  const each: number[] = [];
  const { run } = roomWay(room, (number) => networks[number] ?? slot(0, number));
  for (let at = 0; at < networks.length; at += STRIDE) {
    bench.signal.throwIfAborted();
    const numbers = networks.slice(at, at + STRIDE).map((_, offset) => at + offset);
    each.push(...(await run(numbers)));
    if (each.length % 1000 === 0) bench.say(`${each.length} of ${networks.length}`);
  }
  return each;
}

interface Totals {
  readonly memory: number;
  readonly deletion: number;
  readonly stall: number;
  readonly idleStall: number;
  /** The longest without the wait for a cpu and what an idle process had at the same time. */
  readonly ownStall: number;
}

function lines(
  name: string,
  each: readonly number[],
  { memory, deletion, stall, idleStall, ownStall }: Totals,
): Measurement[] {
  const edge = Math.min(100, Math.floor(each.length / 2));
  const seconds = each.reduce((sum, value) => sum + value, 0) / 1000;
  const one = (value: number) => [[value]];
  const all = { name: `${name}: create all`, unit: 's', ours: one(seconds) };
  return [
    {
      name: `${name}: create each, the last ${edge}`,
      peer: `the first ${edge}`,
      unit: 'ms',
      ours: [each.slice(-edge)],
      theirs: [each.slice(0, edge)],
      target: { atMost: 2 },
    },
    each.length === 4000
      ? { ...all, peer: 'limit', theirs: one(12), target: { atMost: 1 } }
      : { ...all, peer: '', theirs: null, target: null },
    { name: `${name}: kernel memory each`, peer: '', unit: 'kB', ours: one(memory), theirs: null, target: null },
    { name: `${name}: delete all`, peer: '', unit: 's', ours: one(deletion), theirs: null, target: null },
    {
      name: `${name}: longest stall of the main loop`,
      peer: 'an idle process',
      unit: 'ms',
      ours: one(stall),
      theirs: one(idleStall),
      target: null,
    },
    {
      name: `${name}: of a stall, the loop's own share`,
      peer: 'limit',
      unit: 'ms',
      ours: one(ownStall),
      theirs: one(10),
      target: { atMost: 1 },
    },
  ];
}

// What the kernel itself says is not free any more, and of that the slabs and what it holds for each cpu.
function kernelMemory() {
  return { used: -meminfo('MemAvailable'), slab: meminfo('Slab'), percpu: meminfo('Percpu') };
}
