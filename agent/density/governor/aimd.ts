// How rate and cap follow the host: additive increase while it is calm, multiplicative decrease when it is not (Chiu and
// Jain, 1989; what TCP does for the same reason: many hosts behind one disk find a fair share without knowing of each other).
import type { Decrease, GovernorSettings, Signal, Signals } from './types.js';

export interface Control {
  /** What the host bears, as far as is known: where starts go on when it is calm again. */
  readonly rate: number;
  readonly cap: number;
  /** Seconds for which something has been above its limit; 0: it is calm. */
  readonly pressed: number;
}

/** Of the last interval. */
export interface Activity {
  /** Starts that began, or were under way. */
  readonly starts: number;
  /** Somebody waited for a token or for another's end. */
  readonly limited: boolean;
}

export interface Adjustment {
  readonly control: Control;
  readonly decrease: Decrease | undefined;
}

/** Both chosen by simulation (test/simulate): more of either is not sooner done and presses harder, or the other way round. */
const DECREASE = 0.7;
/** Share of the usual rate that a calm second adds. */
const INCREASE = 0.05;

export function initialControl({ rate, inFlight }: GovernorSettings): Control {
  return { rate, cap: inFlight, pressed: 0 };
}

/** What was learned of the host, under new figures. */
export function within({ rate, cap, pressed }: Control, settings: GovernorSettings): Control {
  const { floor, ceiling, inFlight } = settings;
  return { rate: Math.min(ceiling, Math.max(floor, rate)), cap: Math.min(inFlight, cap), pressed };
}

/**
 * Starts that may begin in a second. Under pressure fewer from second to second, down to the floor: the longer it lasts, the
 * less it was the last few starts.
 */
export function rateNow({ rate, pressed }: Control, { floor }: GovernorSettings): number {
  return pressed === 0 ? rate : Math.max(floor, rate * DECREASE ** (pressed - 1));
}

/**
 * Starts that may be under way. Under pressure one: it keeps the host busy, and takes the longer the harder the host is
 * pressed, so that the next one waits for that by itself.
 */
export function capNow({ cap, pressed }: Control): number {
  return pressed === 0 ? cap : 1;
}

/** One step; called once a second. */
export function adjust(control: Control, signals: Signals, activity: Activity, settings: GovernorSettings): Adjustment {
  const exceeded = worst(signals, settings.limits);
  if (exceeded === undefined) return { control: calmer(control, activity, settings), decrease: undefined };
  // Pressure without a start is somebody else's: a lower rate would change nothing, and be wrong when it is over.
  if (activity.starts === 0) return { control, decrease: undefined };
  // What is remembered falls once for each time of pressure, however long it lasts: what is under way already has to get done
  // first, and a rate that fell meanwhile again and again would leave the host idle afterwards.
  if (control.pressed > 0) return { control: { ...control, pressed: control.pressed + 1 }, decrease: undefined };
  const rate = Math.max(settings.floor, control.rate * DECREASE);
  const cap = Math.max(1, Math.floor(control.cap * DECREASE));
  return {
    control: { rate, cap, pressed: 1 },
    decrease: { ...exceeded, rateBefore: control.rate, rate },
  };
}

/** Up to the usual rate by itself; above it only as long as somebody waits for more, and back when nobody does. */
function calmer(control: Control, { limited }: Activity, settings: GovernorSettings): Control {
  const { rate, cap } = control;
  const step = settings.rate * INCREASE;
  const aim = limited ? settings.ceiling : settings.rate;
  const next = rate <= aim ? Math.min(aim, rate + step) : Math.max(aim, rate - step);
  return { rate: next, cap: Math.min(settings.inFlight, cap + 1), pressed: 0 };
}

const SIGNALS: readonly Signal[] = ['memory', 'io', 'cpu', 'network', 'start'];

/** The signal furthest above its limit. */
function worst(signals: Signals, limits: Required<Signals>): Omit<Decrease, 'rate' | 'rateBefore'> | undefined {
  let found: { signal: Signal; value: number; limit: number } | undefined;
  for (const signal of SIGNALS) {
    const value = signals[signal];
    const limit = limits[signal] ?? Number.POSITIVE_INFINITY;
    if (value === undefined || value <= limit) continue;
    if (found === undefined || value / limit > found.value / found.limit) found = { signal, value, limit };
  }
  return found;
}
