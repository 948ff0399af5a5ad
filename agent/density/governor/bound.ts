// How many starts may settle at once, as a value that follows the host: it doubles from a small number until the host says
// stop (slow start), then additive increase and multiplicative decrease (Chiu and Jain, 1989), as TCP does for the same
// reason. It is lowered for what starts do to the host, never for its own sake: busy cpus are no reason, a queue for them is.
import type { Decrease, GovernorSettings, Signal, SignalLimits, Signals } from './types.js';

export interface Bound {
  /** At least 1. A fraction is progress towards the next whole number. */
  readonly value: number;
  /** Nothing has been above its limit since the host was idle. */
  readonly doubling: boolean;
  /** When it was last lowered, ms. */
  readonly loweredAt: number;
  /** The host is out of memory: no start may begin, whatever `value` is. */
  readonly closed: boolean;
}

/** Of the last interval. */
export interface Activity {
  readonly now: number;
  readonly settling: number;
  /** Cores that those want together. */
  readonly cores: number;
  /** Somebody waited for a place. */
  readonly limited: boolean;
}

export interface Adjustment {
  readonly bound: Bound;
  readonly decrease: Decrease | undefined;
}

const DECREASE = 0.8;
/** What was admitted before a decrease has to show in the signals before the next one. */
const SETTLE_MS = 1000;
/** After an idle time: for each core, and at least, as the agent alone keeps a small host busy with these. */
const FIRST = { perCore: 4, least: 16 };
/** For each core, what is added in an interval. */
const INCREASE = 0.5;
/** Share of the cpus. */
const OURS = 0.5;
/** Multiple of its limit from which memory pressure closes the bound: the next start would be paid with an OOM kill. */
const WALL = 5;
const WALL_MOST = 0.9;

export function firstBound({ cores, maxSettling }: GovernorSettings): Bound {
  const value = Math.min(maxSettling, Math.max(FIRST.least, cores * FIRST.perCore));
  return { value, doubling: true, loweredAt: Number.NEGATIVE_INFINITY, closed: false };
}

/** Starts that may settle now. */
export function placesOf({ value, closed }: Bound): number {
  return closed ? 0 : Math.floor(value);
}

/** One step, at the end of each interval while starts settle or wait. */
export function adjust(bound: Bound, signals: Signals, activity: Activity, settings: GovernorSettings): Adjustment {
  // A queue for the cpus is somebody else's while those that settle want less than this share of them.
  const ours = activity.cores > settings.cores * OURS;
  const exceeded = worst(ours ? signals : { ...signals, cpu: undefined }, settings.limits);
  if (exceeded === undefined) return { bound: grown(bound, activity, settings), decrease: undefined };
  const closed = exceeded.signal === 'memory' && exceeded.value >= Math.min(WALL_MOST, exceeded.limit * WALL);
  const { now, settling } = activity;
  // Pressure without a start is somebody else's.
  const kept = { ...bound, closed, doubling: false };
  if (settling === 0 || now - bound.loweredAt < SETTLE_MS) return { bound: kept, decrease: undefined };
  const value = Math.min(
    bound.value,
    Math.max(leastFor(exceeded.signal, settings), aim(exceeded.signal, bound, settling)),
  );
  const figures = { boundBefore: Math.floor(bound.value), bound: Math.floor(value) };
  const decrease = figures.bound < figures.boundBefore ? { ...exceeded, ...figures } : undefined;
  return { bound: { ...kept, value, loweredAt: now }, decrease };
}

/** Only while somebody waits: a bound that nobody reaches says nothing about what the host bears. */
function grown(bound: Bound, { limited }: Activity, { cores, maxSettling }: GovernorSettings): Bound {
  if (!limited) return { ...bound, closed: false };
  const value = Math.min(maxSettling, bound.doubling ? bound.value * 2 : bound.value + Math.max(1, cores * INCREASE));
  return { ...bound, value, closed: false };
}

/** What a start takes of memory it keeps: one at a time, at once. Of everything else it takes less when it is over. */
function aim(signal: Signal, { value }: Bound, settling: number): number {
  return signal === 'memory' ? 1 : Math.min(value, settling) * DECREASE;
}

/**
 * For each core, and at least. Starts also wait for other things than cpus: with fewer some cpus would be idle, and the queue
 * no sooner done. What takes long in the network or in the agent does so in proportion to how many ask.
 */
const LEAST: Readonly<Partial<Record<Signal, number>>> = { cpu: 2, network: 4, start: 4 };
const LEAST_OF_ALL = 8;

function leastFor(signal: Signal, { cores, maxSettling }: GovernorSettings): number {
  const perCore = LEAST[signal];
  return perCore === undefined ? 1 : Math.min(maxSettling, Math.max(LEAST_OF_ALL, cores * perCore));
}

const SIGNALS: readonly Signal[] = ['memory', 'io', 'cpu', 'network', 'start'];

/** Memory before all others, as it closes the bound; then the signal furthest above its limit. */
export function worst(
  signals: Signals,
  limits: SignalLimits,
): Pick<Decrease, 'signal' | 'value' | 'limit'> | undefined {
  let found: { signal: Signal; value: number; limit: number } | undefined;
  for (const signal of SIGNALS) {
    const value = signals[signal];
    const limit = limits[signal];
    if (value === undefined || limit === undefined || value <= limit) continue;
    if (signal === 'memory') return { signal, value, limit };
    if (found === undefined || value / limit > found.value / found.limit) found = { signal, value, limit };
  }
  return found;
}
