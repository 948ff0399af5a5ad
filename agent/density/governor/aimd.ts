// How rate and cap follow the host: additive increase while it is calm, multiplicative decrease when it is not (Chiu and
// Jain, 1989; what TCP does for the same reason: many hosts behind one disk find a fair share without knowing of each other).
import type { Decrease, GovernorSettings, Signal, Signals } from './types.js';

export interface Control {
  readonly rate: number;
  readonly cap: number;
  /** Before this the last decrease has not shown its effect yet, and another one would be for the same reason. */
  readonly notBefore: number;
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

const DECREASE = 0.5;
/** Share of the usual rate that a calm second adds. */
const INCREASE = 0.1;
/** A decrease shows in the pressure of the second after the next. */
const EFFECT_MS = 2000;

export function initialControl({ rate, inFlight }: GovernorSettings): Control {
  return { rate, cap: inFlight, notBefore: 0 };
}

/** What was learned of the host, under new figures. */
export function within({ rate, cap, notBefore }: Control, settings: GovernorSettings): Control {
  const { floor, ceiling, inFlight } = settings;
  return { rate: Math.min(ceiling, Math.max(floor, rate)), cap: Math.min(inFlight, cap), notBefore };
}

/** One step; called once a second. */
export function adjust(
  control: Control,
  signals: Signals,
  activity: Activity,
  settings: GovernorSettings,
  now: number,
): Adjustment {
  const exceeded = worst(signals, settings.limits);
  if (exceeded === undefined) return { control: calmer(control, activity, settings), decrease: undefined };
  // Pressure without a start is somebody else's: a lower rate would change nothing, and be wrong when it is over.
  if (activity.starts === 0 || now < control.notBefore) return { control, decrease: undefined };
  const rate = Math.max(settings.floor, control.rate * DECREASE);
  const cap = Math.max(1, Math.floor(control.cap * DECREASE));
  const decrease = { ...exceeded, rateBefore: control.rate, rate };
  return { control: { rate, cap, notBefore: now + EFFECT_MS }, decrease };
}

/** Up to the usual rate by itself; above it only as long as somebody waits for more, and back when nobody does. */
function calmer(control: Control, { limited }: Activity, settings: GovernorSettings): Control {
  const { rate, cap } = control;
  const step = settings.rate * INCREASE;
  const aim = limited ? settings.ceiling : settings.rate;
  const next = rate <= aim ? Math.min(aim, rate + step) : Math.max(aim, rate - step);
  return { ...control, rate: next, cap: Math.min(settings.inFlight, cap + 1) };
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
