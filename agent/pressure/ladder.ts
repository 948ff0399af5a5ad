// The ladder: what is done about pressure before the kernel kills. Pure; one state per scope and resource.
//
//   calm --felt >= warn--> warn --felt >= act, or too little available--> act
//   act  --felt below `release` of the act threshold--> warn       the clocks of freeze and kill start again
//   warn --all of the scope below `release` for `releaseAfter`--> undo the last step, one after the other --> calm
//
// Pressure that comes back soon after something was undone doubles `releaseAfter` for the next time: a hog that is thawed
// brings it back for ever, and is not to be frozen and thawed every quarter of a minute.
//
// At warn only suppress and reclaim are taken, which nobody has to notice. Steps are taken in order, one rung at a time with
// a cool-down between; a rung that has nothing to do is passed over, with the reason, in the same decision. Freeze and kill
// wait until act-level pressure has gone on for a while, freeze not so when memory is about to end: it can be undone.
import { formatSize } from '../base/units.js';
import { STEPS } from '../config/pressure.js';
import { eligible, inOrder, ranked } from './rank.js';
import { choose, loosened, type Move, type Situation } from './rungs.js';
import type { LadderSettings, Threshold } from './settings.js';
import type { Action, Applied, Candidate, LadderState, Level, Ranked, Reading, Skipped, Step } from './types.js';

export interface Decision {
  readonly state: LadderState;
  readonly actions: readonly Action[];
}

/** How many of the order of victims an action names. */
const NAMED = 10;
/** How often `releaseAfter` is doubled at most; for a freeze no further than `FROZEN` of `freezeMax`, which ends it anyway. */
const RELAPSES = 3;
const FROZEN = 0.75;
/** Between two steps back of suppress. */
const LOOSEN_MS = 1000;
const LOOSEN_BATCH = 8;
/** Available memory must exceed the floor by a quarter before it counts as enough again. */
export const ENOUGH = 1.25;

const NO_ROUNDS: LadderState['rounds'] = { suppress: 0, reclaim: 0, balloon: 0, freeze: 0, kill: 0 };

export function calm(now: number, applied: readonly Applied[] = []): LadderState {
  return {
    ...{ level: applied.length > 0 ? 'warn' : 'calm', since: now, actSince: null, belowSince: null, idle: null },
    ...{
      lastUp: null,
      lastDown: null,
      lastKill: null,
      relapses: 0,
      rounds: NO_ROUNDS,
      killed: [],
      thawed: [],
      applied,
    },
  };
}

/** `candidates` are all workloads of the scope that run or are frozen; what was applied to others is forgotten. */
export function decide(
  before: LadderState,
  reading: Reading,
  candidates: readonly Candidate[],
  settings: LadderSettings,
  now: number,
): Decision {
  const ids = new Set(candidates.map(({ id }) => id));
  const applied = before.applied.filter(({ target }) => ids.has(target));
  const state = advance({ ...before, applied, idle: null }, reading, settings, now);
  const at: Situation = {
    ...{ state, reading, settings, now },
    candidates: eligible(candidates, settings.scope, settings.resource),
  };
  const late = state.applied.find(({ step, at }) => step === 'freeze' && now - at >= settings.freezeMaxMs);
  if (late !== undefined) return thawLate(at, late);
  return isUp(reading, settings) ? up(at, isPressing(reading, settings)) : down(at);
}

/** Whether anything is to be done on the way up; then narrower scopes wait for what it does. */
export function isUp(reading: Reading, settings: LadderSettings): boolean {
  return isPressing(reading, settings) || reaches(reading.felt, settings.thresholds.warn);
}

/** Below this nobody needs to know who feels it. */
export function matters(stall: Reading['felt'], { thresholds, release }: LadderSettings): boolean {
  return reaches(stall, thresholds.warn, release) || reaches(stall, thresholds.act, release);
}

export function isPressing(reading: Reading, settings: LadderSettings): boolean {
  return reaches(reading.felt, settings.thresholds.act) || isShort(reading, settings);
}

function isShort({ available }: Reading, settings: LadderSettings): boolean {
  return available !== null && available.bytes < settings.minAvailable(available.total);
}

function reaches(stall: Reading['felt'], threshold: Threshold | undefined, share = 1): boolean {
  return threshold !== undefined && stall[threshold.kind] >= threshold.stall * share;
}

/** Level and clocks; nothing is done yet. */
function advance(state: LadderState, reading: Reading, settings: LadderSettings, now: number): LadderState {
  const { warn, act } = settings.thresholds;
  const { release, minAvailable } = settings;
  const enough =
    reading.available === null || reading.available.bytes >= minAvailable(reading.available.total) * ENOUGH;
  const below = enough && !reaches(reading, warn, release) && !reaches(reading, act, release);
  const belowSince = below ? (state.belowSince ?? now) : null;
  const next = ((): Level => {
    if (isPressing(reading, settings)) return 'act';
    if (state.level === 'act' && (!enough || reaches(reading.felt, act, release))) return 'act';
    if (state.level !== 'calm' || reaches(reading.felt, warn)) {
      const over = belowSince !== null && now - belowSince >= settings.releaseAfterMs && state.applied.length === 0;
      return over ? 'calm' : 'warn';
    }
    return 'calm';
  })();
  const actSince = next === 'act' ? (state.actSince ?? now) : null;
  if (next === 'calm' && state.level !== 'calm') {
    const { lastUp, lastDown, lastKill, relapses } = state;
    return { ...calm(now), lastUp, lastDown, lastKill, relapses, belowSince };
  }
  return { ...state, level: next, since: next === state.level ? state.since : now, actSince, belowSince };
}

function up(at: Situation, pressing: boolean): Decision {
  const { state, settings, now } = at;
  const rest = (idle: string): Decision => ({ state: { ...state, idle }, actions: [] });
  if (within(state.lastKill, settings.afterKillMs, now)) return rest('cool-down after a kill');
  const resting = within(state.lastUp, settings.coolDownMs, now);
  const skipped: Skipped[] = [];
  for (const step of STEPS) {
    if (!settings.steps.has(step)) {
      skipped.push({ step, reason: 'not among the steps of the configuration' });
      continue;
    }
    // Suppress for cpu is one rung that is made tighter with each look.
    const goesOn = step === 'suppress' && settings.resource === 'cpu' && state.rounds.suppress > 0;
    const early = goesOn ? undefined : resting ? 'cool-down' : tooEarly(step, at, pressing);
    const choice = choose(step, at);
    if ('reason' in choice) {
      skipped.push({ step, reason: choice.reason });
      continue;
    }
    return early === undefined ? taken(step, choice.moves, at, skipped) : rest(`${step} waits: ${early}`);
  }
  return rest(skipped.map(({ step, reason }) => `${step}: ${reason}`).join('; '));
}

function within(since: number | null, ms: number, now: number): boolean {
  return since !== null && now - since < ms;
}

function tooEarly(step: Step, at: Situation, pressing: boolean): string | undefined {
  if (step === 'suppress' || step === 'reclaim') return undefined;
  if (!pressing) return 'pressure is not at level act';
  const { settings, state, reading, now } = at;
  const acting = Math.round(now - (state.actSince ?? now));
  if (step === 'freeze' && acting < settings.freezeAfterMs && !isShort(reading, settings))
    return `level act for ${acting} of ${settings.freezeAfterMs} ms`;
  if (step === 'kill' && acting < settings.killAfterMs) return `level act for ${acting} of ${settings.killAfterMs} ms`;
  return undefined;
}

function taken(step: Step, moves: readonly Move[], at: Situation, skipped: readonly Skipped[]): Decision {
  const { state, settings, now } = at;
  const { scope, resource } = settings;
  const why = reasonOf(at);
  const order = namesOf(at);
  const actions = moves.map((move): Action => ({ ...move, scope, resource, why, ranked: order, skipped }));
  const applied = moves.reduce(
    (list, move) => ('applied' in move ? replaced(list, move.applied, move.applied) : list),
    state.applied,
  );
  const killed = step === 'kill' ? [...state.killed, ...moves.map(({ target }) => target)] : state.killed;
  const rounds = { ...state.rounds, [step]: state.rounds[step] + 1 };
  const lastKill = step === 'kill' ? now : state.lastKill;
  const relapses = relapsesOf(state, settings, now);
  return { state: { ...state, applied, killed, rounds, lastUp: now, lastKill, relapses, belowSince: null }, actions };
}

/** After a step up: one more where it is the first since something was undone, none where that was long ago. */
function relapsesOf({ lastUp, lastDown, relapses }: LadderState, { freezeMaxMs }: LadderSettings, now: number): number {
  if (lastDown === null || (lastUp !== null && lastUp >= lastDown)) return relapses;
  return within(lastDown, freezeMaxMs, now) ? Math.min(relapses + 1, RELAPSES) : 0;
}

function releaseAfter({ relapses }: LadderState, { step }: Applied, settings: LadderSettings): number {
  const { releaseAfterMs, freezeMaxMs } = settings;
  const wait = releaseAfterMs * 2 ** relapses;
  return step === 'freeze' ? Math.max(releaseAfterMs, Math.min(wait, freezeMaxMs * FROZEN)) : wait;
}

/** In the place of what it replaces, so that it is still undone in its turn; at the end when it is new. */
function replaced(list: readonly Applied[], old: Applied, by: Applied | null): readonly Applied[] {
  const same = (one: Applied): boolean => one.target === old.target && one.step === old.step;
  if (by === null) return list.filter((one) => !same(one));
  return list.some(same) ? list.map((one) => (same(one) ? by : one)) : [...list, by];
}

function down(at: Situation): Decision {
  const { state, settings, now } = at;
  const last = state.applied.at(-1);
  if (last === undefined || state.belowSince === null) return { state, actions: [] };
  if (within(state.belowSince, releaseAfter(state, last, settings), now)) return { state, actions: [] };
  const pace = last.step === 'suppress' ? LOOSEN_MS : settings.coolDownMs;
  if (within(state.lastDown, pace, now)) return { state, actions: [] };
  if (last.step !== 'suppress') return undone(at, [[last, null]], 'pressure is over');
  const first = state.applied.findLastIndex(({ step }) => step !== 'suppress') + 1;
  const trailing = state.applied.slice(first).slice(-LOOSEN_BATCH).reverse();
  const { cores } = at.reading;
  return undone(
    at,
    trailing.map((one) => [one, loosened(one, settings.resource, cores)]),
    'pressure is over',
  );
}

/** Everything that is held, the last first. */
export function undoAll(state: LadderState, { scope, resource }: LadderSettings, why: string): Action[] {
  return [...state.applied].reverse().map(({ step, target }) => ({
    ...{ kind: UNDO[step], target, applied: null, scope, resource, why, ranked: [], skipped: [] },
  }));
}

function thawLate(at: Situation, late: Applied): Decision {
  const { state, actions } = undone(
    at,
    [[late, null]],
    `frozen for ${Math.round(at.now - late.at)} ms, which is long enough`,
  );
  return { state: { ...state, thawed: [...state.thawed, late.target] }, actions };
}

const UNDO = { suppress: 'release', balloon: 'deflate', freeze: 'thaw' } as const;

function undone(at: Situation, pairs: readonly (readonly [Applied, Applied | null])[], why: string): Decision {
  const { scope, resource } = at.settings;
  const actions = pairs.map(
    ([old, applied]): Action => ({
      ...{ kind: UNDO[old.step], target: old.target, applied, scope, resource },
      ...{ why: `${why}; ${figuresOf(at)}`, ranked: [], skipped: [] },
    }),
  );
  const applied = pairs.reduce((list, [old, by]) => replaced(list, old, by), at.state.applied);
  return { state: { ...at.state, applied, lastDown: at.now }, actions };
}

function namesOf({ candidates, settings }: Situation): Ranked[] {
  return inOrder(candidates, settings.resource)
    .slice(0, NAMED)
    .map((candidate) => ranked(candidate, settings.resource));
}

function reasonOf(at: Situation): string {
  const { settings, reading, state, now } = at;
  const { warn, act } = settings.thresholds;
  const { available } = reading;
  const over = [act, warn].find((one) => reaches(reading.felt, one));
  const causes: string[] = [];
  if (over !== undefined)
    causes.push(
      `${settings.resource} ${over.kind} ${Math.round(reading.felt[over.kind])} ms/s, threshold ${over.stall} ms/s`,
    );
  if (available !== null && isShort(reading, settings))
    causes.push(
      `available memory ${formatSize(available.bytes)}, less than ${formatSize(Math.round(settings.minAvailable(available.total)))}`,
    );
  return `${causes.join(', and ')}; level ${state.level} for ${Math.round(now - (state.actSince ?? state.since))} ms`;
}

function figuresOf({ reading, settings }: Situation): string {
  const { some, full } = reading;
  return `${settings.resource} some ${Math.round(some)} ms/s, full ${Math.round(full)} ms/s`;
}
