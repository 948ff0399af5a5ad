// In which order values are written, so that no step on the way is one that the kernel refuses, or worse.
import { defaultAt } from './list.js';
import { placeOf } from './place.js';
import type { Held, Value } from './types.js';

/** A value to be written; `before`: what is there now, undefined when that is not known. */
interface Change extends Value {
  readonly before: string | undefined;
}

/** What is not here comes in between, as it came. */
const FIRST: readonly string[] = [
  'cgroup.max.descendants',
  'cgroup.max.depth',
  'cpuset.mems',
  'cpuset.cpus',
  // Back from idle the weight is 100 again, and only then it can be written.
  'cpu.idle',
  'cpu.weight',
  'cpu.uclamp.min',
  'cpu.uclamp.max',
  // A quota below the burst is EINVAL, and so is a burst above the quota (kernel/sched/core.c, tg_set_cfs_bandwidth).
  'cpu.max.burst lowered',
  'cpu.max',
  'cpu.max.burst',
  // Whom an OOM kill takes and where memory may go to must be settled when the limit falls.
  'memory.oom.group',
  'memory.zswap.writeback',
  'memory.zswap.max',
  'memory.swap.max',
  'memory.swap.high',
  'memory.max',
  'memory.high',
  'memory.low',
  'memory.min',
];

/** The writes that turn `before` into `after`: what differs, and the kernel's default for what is not in `after`. */
export function changeValues(before: readonly Value[], after: readonly Value[]): Value[] {
  const had = new Map(before.map((value) => [placeOf(value), value]));
  const wanted = inForce(after);
  const kept = new Set(wanted.map(placeOf));
  const idle = isIdle(after);
  const woken = isIdle(before) && !idle;
  const changes: Change[] = wanted.map((value) => ({ ...value, before: had.get(placeOf(value))?.value }));
  const written = changes.filter(({ file, value, before: was }) => was !== value || (woken && file === 'cpu.weight'));
  for (const [place, { file, value: was }] of had) {
    if (kept.has(place) || (idle && file === 'cpu.weight')) continue;
    const value = defaultAt({ file, value: was });
    if (value !== undefined && value !== was) written.push({ file, value, before: was });
  }
  return inOrder(written);
}

/** The writes that put back what was there before `held`, the answers of one or more applyValues, oldest first. */
export function restoreValues(held: readonly Held[]): Value[] {
  const places = new Map<string, { now: Value; was: Value }>();
  for (const { file, value, previous } of held) {
    if (previous === undefined) continue;
    const now = { file, value };
    const place = placeOf(now);
    places.set(place, { now, was: places.get(place)?.was ?? { file, value: previous } });
  }
  const all = [...places.values()];
  return changeValues(
    all.map(({ now }) => now),
    all.map(({ was }) => was),
  );
}

/** `values` without those that have no meaning beside others: the weight of a group that is idle. */
export function inForce(values: readonly Value[]): readonly Value[] {
  return isIdle(values) ? values.filter(({ file }) => file !== 'cpu.weight') : values;
}

function isIdle(values: readonly Value[]): boolean {
  return values.some(({ file, value }) => file === 'cpu.idle' && value === '1');
}

function inOrder(changes: readonly Change[]): Value[] {
  return changes
    .map((change, at) => ({ change, rank: rankOf(change), at }))
    .sort((a, b) => a.rank - b.rank || a.at - b.at)
    .map(({ change: { file, value } }) => ({ file, value }));
}

function rankOf({ file, value, before }: Change): number {
  // A partition is made of cpus that are there, and cpus are taken away from none.
  if (file === 'cpuset.cpus.partition') return value === 'member' ? -1 : FIRST.length + 1;
  const lowered = file === 'cpu.max.burst' && Number(before) > Number(value);
  const rank = FIRST.indexOf(lowered ? 'cpu.max.burst lowered' : file);
  return rank < 0 ? FIRST.length : rank;
}
