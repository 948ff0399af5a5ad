// The decisions of a shrink of memory, apart from its effects.
//
// memory.max below the usage reclaims once and then kills, and the kernel never refuses it (cgroup-v2.rst). So the usage is
// brought down first, a little at a time, with a look at what that does to whoever is in the cgroup; the limit follows from
// above. memory.high is not used for it: it would throttle every allocation meanwhile, and for ever after a crash.

/** What was seen between two steps. */
export interface Reading {
  /** Milliseconds, of any clock that only goes forward. */
  readonly atMs: number;
  /** memory.current. */
  readonly current: number;
  /** memory.pressure, full total. */
  readonly fullUsec: number;
  /** memory.events `max`: allocations that met the limit. */
  readonly maxEvents: number;
  /** memory.events `oom_kill`. */
  readonly oomKills: number;
}

/** `futile`: it cannot be reclaimed. `stalled`, `killed`: whoever is in it suffers. `aborted`: by the signal. `late`: at its deadline. */
export type Why = 'futile' | 'stalled' | 'killed' | 'unsupported' | 'aborted' | 'late';

export interface ShrinkState {
  readonly target: number;
  /** What must be free below the limit. */
  readonly slack: number;
  /** Undefined: a share of what is in use. */
  readonly stepBytes: number | undefined;
  /** What memory.max is now. */
  readonly limit: number | 'max';
  /** Steps in a row that brought little. */
  readonly poor: number;
  /** Asked for in the step before; 0 at the start. */
  readonly asked: number;
  readonly before: Reading | undefined;
  /** Where the window begins in which stalls are added up. */
  readonly window: Reading | undefined;
}

export type Action =
  | { readonly kind: 'done'; readonly limit: number }
  | { readonly kind: 'refused'; readonly why: Why }
  /** `limit`: memory.max to write first; undefined when it stays. */
  | { readonly kind: 'reclaim'; readonly bytes: number; readonly limit: number | undefined };

const MIB = 1 << 20;
const LEAST_STEP = 4 * MIB;
const MOST_STEP = 64 * MIB;
const STEP_SHARE = 0.05;
const POOR_SHARE = 0.1;
const POOR_STEPS = 2;
const WINDOW_MS = 1000;
const STALL_SHARE = 0.4;

const LEAST_TIME_MS = 60_000;
const SLOWEST_BYTES_PER_MS = 64 * 1024;

/** Milliseconds after which a shrink by so many bytes is given up: one that is well takes a tenth of it. */
export function shrinkDeadline(bytes: number): number {
  return LEAST_TIME_MS + Math.max(0, bytes) / SLOWEST_BYTES_PER_MS;
}

/** Bytes of one step. Small enough for refaults to show before the next, large enough to end. */
export function stepSize(current: number, stepBytes: number | undefined): number {
  return Math.min(MOST_STEP, stepBytes ?? Math.max(LEAST_STEP, Math.round(current * STEP_SHARE)));
}

export function nextStep(
  state: ShrinkState,
  reading: Reading,
): { readonly state: ShrinkState; readonly action: Action } {
  const { target, slack, before, asked } = state;
  const { current } = reading;
  const window = state.window ?? reading;
  const refused = (why: Why) => ({ state, action: { kind: 'refused', why } as const });
  if (before !== undefined && reading.oomKills > before.oomKills) return refused('killed');
  const elapsed = Math.max(WINDOW_MS, reading.atMs - window.atMs);
  if (reading.fullUsec - window.fullUsec > STALL_SHARE * elapsed * 1000) return refused('stalled');
  if (current + slack <= target) return { state: { ...state, limit: target }, action: { kind: 'done', limit: target } };

  const brought = before === undefined ? 0 : before.current - current;
  // Meeting the limit that follows means that the usage grows back as fast as it is taken.
  const met = before !== undefined && reading.maxEvents > before.maxEvents;
  const poor = before !== undefined && (met || brought < asked * POOR_SHARE) ? state.poor + 1 : 0;
  if (poor >= POOR_STEPS) return refused('futile');

  const step = stepSize(current, state.stepBytes);
  const bytes = Math.min(step, current + slack - target);
  // A whole step of room above the usage: who goes on allocating during the shrink must not run into it at once.
  const follow = Math.max(target, current + Math.max(slack, step));
  const lower = state.limit === 'max' || follow < state.limit;
  const next = {
    ...state,
    poor,
    asked: bytes,
    before: reading,
    limit: lower ? follow : state.limit,
    window: reading.atMs - window.atMs >= WINDOW_MS ? reading : window,
  };
  return { state: next, action: { kind: 'reclaim', bytes, limit: lower ? follow : undefined } };
}
