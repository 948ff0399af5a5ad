// What each step of the ladder would do now, and to whom; or the reason why it has nothing to do. Pure.
import { PERIOD_USEC } from '../../cgroups/cpu.js';
import type { Value } from '../../cgroups/types.js';
import { formatSize } from '../base/units.js';
import { inOrder, over } from './rank.js';
import type { LadderSettings } from './settings.js';
import type { Applied, Candidate, LadderState, Reading, Step } from './types.js';

export interface Situation {
  readonly settings: LadderSettings;
  readonly state: LadderState;
  readonly reading: Reading;
  /** Those who may be acted upon (rank.ts, `eligible`). */
  readonly candidates: readonly Candidate[];
  readonly now: number;
}

export type Move =
  | { readonly kind: 'suppress' | 'balloon' | 'freeze'; readonly target: string; readonly applied: Applied }
  | { readonly kind: 'reclaim'; readonly target: string; readonly bytes: number }
  | { readonly kind: 'kill'; readonly target: string };

/** Either something to do, or the reason for going on to the next step. */
export type Choice = { readonly moves: readonly Move[] } | { readonly reason: string };

/** Workloads taken in one go by the steps that hurt nobody for good. */
const BATCH = 8;
/** No step may go on for ever in place of the next one. Suppress for cpu ends by itself, at its floor. */
const ROUNDS: Readonly<Record<Step, number>> = {
  ...{ suppress: 3, reclaim: 2, balloon: 2, freeze: 3, kill: Number.POSITIVE_INFINITY },
};
/** Cores left to a suppressed workload; it still has to be able to end. */
const FLOOR = 0.05;
/** Koordinator's cpusuppress: at most a tenth of all cores at once, and nothing for less than a hundredth. */
const STEP = 0.1;
const WORTH = 0.01;
/** Bytes per second from which on a workload counts as growing. */
const GROWING = 1 << 20;
/** Bytes for which a reclaim or a balloon is worth the way. */
const MIN_BYTES = 4 << 20;

export function choose(step: Step, at: Situation): Choice {
  const bounded = step !== 'suppress' || at.settings.resource !== 'cpu';
  if (bounded && at.state.rounds[step] >= ROUNDS[step]) return { reason: `taken ${ROUNDS[step]} times already` };
  return RUNGS[step](at);
}

const RUNGS: Readonly<Record<Step, (at: Situation) => Choice>> = { suppress, reclaim, balloon, freeze, kill };

function suppress(at: Situation): Choice {
  const { resource } = at.settings;
  return resource === 'memory' ? suppressGrowth(at) : resource === 'cpu' ? suppressCpu(at) : suppressIo(at);
}

/** A hog on a tenth of its cpu allocates a tenth as fast, and reclaim can keep up. */
function suppressGrowth(at: Situation): Choice {
  const growing = at.candidates.filter(
    (c) =>
      c.class !== 'guaranteed' && c.usage.growth >= GROWING && c.usage.cpu > FLOOR && !held(at, c.id, 'suppress', c),
  );
  // A burstable workload that is still within its request takes what it was promised.
  const victim = inOrder(
    growing.filter((c) => c.class === 'besteffort' || over(c, 'memory') > 0),
    'memory',
    (c) => c.usage.growth,
  )[0];
  if (victim === undefined)
    return { reason: `nobody of a lower class grows by ${formatSize(GROWING)} a second or more` };
  return { moves: [suppressed(at, victim.id, 1, quota(victim, Math.max(FLOOR, victim.usage.cpu * STEP)))] };
}

/**
 * First cpu.weight 1, which costs nothing while cpus are idle, but counts only among the workloads of one tenant; then
 * cpu.max, a step with each look. Not cpu.idle: a cgroup that leaves it has lost its weight (sched_group_set_idle).
 */
function suppressCpu(at: Situation): Choice {
  const { cores } = at.reading;
  const moves: Move[] = [];
  const busy = inOrder(
    at.candidates.filter((c) => !c.frozen && c.usage.cpu >= WORTH),
    'cpu',
  );
  for (const c of busy) {
    if (moves.length === BATCH) break;
    const before = find(at, c.id, 'suppress');
    const weight: readonly Value[] = c.idle ? [] : [{ file: 'cpu.weight', value: '1' }];
    if (before === undefined && !c.idle) {
      moves.push(suppressed(at, c.id, 1, weight));
      continue;
    }
    const bound = (before && quotaOf(before)) ?? Math.min(c.usage.cpu, c.limit.cpu ?? cores);
    const next = Math.max(FLOOR, bound - cores * STEP);
    if (bound - next < WORTH * cores) continue;
    moves.push(suppressed(at, c.id, (before?.depth ?? 1) + 1, [...weight, ...quota(c, next)]));
  }
  if (moves.length === 0) return { reason: 'no besteffort workload uses cpu beyond what is left to it' };
  return { moves };
}

function suppressIo(at: Situation): Choice {
  if (!at.reading.ioWeight) return { reason: 'io.weight does nothing on this host (io.cost is on for no device)' };
  const moves = inOrder(
    at.candidates.filter((c) => c.usage.io > 0 && find(at, c.id, 'suppress') === undefined),
    'io',
  )
    .slice(0, BATCH)
    .map((c) => suppressed(at, c.id, 1, [{ file: 'io.weight', value: 'default 1' }]));
  return moves.length === 0 ? { reason: 'no besteffort workload does io at more than the least weight' } : { moves };
}

function reclaim(at: Situation): Choice {
  if (at.settings.resource !== 'memory') return { reason: 'helps only against want of memory' };
  let goal = goalOf(at);
  const moves: Move[] = [];
  for (const c of inOrder(at.candidates, 'memory', (one) => one.usage.reclaimable)) {
    // Half of it: what has been used last is at the other end of the list.
    const bytes = Math.floor(Math.min(goal, c.usage.reclaimable / 2));
    if (bytes < MIN_BYTES) continue;
    moves.push({ kind: 'reclaim', target: c.id, bytes });
    goal -= bytes;
    if (moves.length === BATCH || goal < MIN_BYTES) break;
  }
  return moves.length === 0 ? { reason: 'nobody has page cache, or swap to go to' } : { moves };
}

function balloon(at: Situation): Choice {
  if (at.settings.resource !== 'memory') return { reason: 'helps only against want of memory' };
  let goal = goalOf(at);
  const moves: Move[] = [];
  for (const c of inOrder(at.candidates, 'memory')) {
    const bytes = Math.floor(Math.min(goal, over(c, 'memory')));
    if (!c.canBalloon || c.frozen || bytes < MIN_BYTES) continue;
    const size = (find(at, c.id, 'balloon')?.bytes ?? 0) + bytes;
    const applied: Applied = { target: c.id, step: 'balloon', values: [], depth: 1, bytes: size, at: at.now };
    moves.push({ kind: 'balloon', target: c.id, applied });
    goal -= bytes;
    if (moves.length === BATCH || goal < MIN_BYTES) break;
  }
  return moves.length === 0 ? { reason: 'no guest with a balloon is above its request' } : { moves };
}

/** A frozen workload grows no more, but holds what it has: reclaim is the point of freezing it. */
function freeze(at: Situation): Choice {
  const { spare, resource } = at.settings;
  const [victim] = inOrder(
    worthy(at).filter((c) => !c.frozen && !spare.has(c.class) && !at.state.thawed.includes(c.id)),
    resource,
  ).filter((c) => find(at, c.id, 'freeze') === undefined);
  if (victim === undefined) return { reason: 'nobody who may be frozen has enough of it to matter' };
  const target = victim.id;
  const applied: Applied = { target, step: 'freeze', values: [], depth: 1, bytes: 0, at: at.now };
  const bytes = Math.floor(victim.usage.reclaimable);
  const after: Move[] = resource === 'memory' && bytes >= MIN_BYTES ? [{ kind: 'reclaim', target, bytes }] : [];
  return { moves: [{ kind: 'freeze', target, applied }, ...after] };
}

function kill(at: Situation): Choice {
  // Frozen it uses neither cpu nor io, and killed no less.
  if (at.settings.resource !== 'memory') return { reason: 'frees nothing that a freeze does not' };
  const [victim] = inOrder(
    worthy(at).filter((c) => !at.settings.spare.has(c.class) && !at.state.killed.includes(c.id)),
    'memory',
  );
  if (victim === undefined) return { reason: 'nobody who may be killed has enough memory to matter' };
  return { moves: [{ kind: 'kill', target: victim.id }] };
}

/** Whose end or standstill would be felt: a hundredth of the memory of the scope, or of one core. */
function worthy({ candidates, reading, settings }: Situation): Candidate[] {
  if (settings.resource === 'io') return candidates.filter((c) => c.usage.io > 0);
  if (settings.resource === 'cpu') return candidates.filter((c) => c.usage.cpu >= WORTH);
  return candidates.filter((c) => c.usage.memory >= reading.memory * WORTH);
}

/** Bytes to get back at once: half as much again as is missing, and a twentieth of the scope at least. */
function goalOf({ reading, settings }: Situation): number {
  const { available } = reading;
  const missing = available === null ? 0 : settings.minAvailable(available.total) * 1.5 - available.bytes;
  return Math.max(missing, reading.memory / 20, MIN_BYTES);
}

function suppressed(at: Situation, target: string, depth: number, values: readonly Value[]): Move {
  return { kind: 'suppress', target, applied: { target, step: 'suppress', values, depth, bytes: 0, at: at.now } };
}

function held(at: Situation, target: string, step: Applied['step'], candidate: Candidate): boolean {
  return candidate.frozen || find(at, target, step) !== undefined;
}

function find({ state }: Situation, target: string, step: Applied['step']): Applied | undefined {
  return state.applied.find((applied) => applied.target === target && applied.step === step);
}

/** No burst: the kernel refuses a quota below cpu.max.burst (tg_set_cfs_bandwidth). */
function quota({ limit }: Candidate, cores: number): Value[] {
  const max: Value = { file: 'cpu.max', value: quotaText(cores) };
  return limit.burst ? [{ file: 'cpu.max.burst', value: '0' }, max] : [max];
}

function quotaText(cores: number): string {
  return `${Math.round(cores * PERIOD_USEC)} ${PERIOD_USEC}`;
}

/** Cores; undefined without cpu.max. */
export function quotaOf({ values }: Applied): number | undefined {
  const value = values.find(({ file }) => file === 'cpu.max')?.value;
  return value === undefined ? undefined : Number.parseInt(value, 10) / PERIOD_USEC;
}

/** A step back of suppress: cpu.max grows by a tenth of all cores until it bounds nothing, then all is taken back. */
export function loosened(applied: Applied, resource: LadderSettings['resource'], cores: number): Applied | null {
  const bound = quotaOf(applied);
  if (resource !== 'cpu' || bound === undefined) return null;
  const next = bound + cores * STEP;
  const values =
    next < cores
      ? applied.values.map((one) => (one.file === 'cpu.max' ? { ...one, value: quotaText(next) } : one))
      : applied.values.filter(({ file }) => !file.startsWith('cpu.max'));
  return values.length === 0 ? null : { ...applied, depth: applied.depth - 1, values };
}
