// The governor in words for people: the command and the status page say the same.
import type { StartWait } from '../../model/start-wait.js';
import type { GovernorStatus, Signal } from './types.js';

/** `slowed`: starts wait, and the host has had fewer settle at once. `lines`: what goes on, and what has slowed it down. */
export interface StartsText {
  readonly slowed: boolean;
  readonly lines: readonly string[];
}

export function startsText(status: GovernorStatus): StartsText {
  const { enabled, settling, bound, queued, maxQueue, oldestWaitMs, lastDecrease } = status;
  if (!enabled) return { slowed: false, lines: ['all at once (governor.enabled is false)'] };
  const waiting =
    queued === 0 ? 'none waits' : `${queued} of at most ${maxQueue} wait, the oldest for ${brief(oldestWaitMs)}`;
  const now = `${settling} of ${bound} settling, ${waiting}`;
  // Nobody waits for a place: what the host was like is nobody's concern.
  if (queued === 0 || lastDecrease === null) return { slowed: false, lines: [now] };
  const { signal, value, limit, boundBefore, agoMs } = lastDecrease;
  const why = `fewer at once (${boundBefore} before), last ${brief(agoMs)} ago: ${WHY[signal](value, limit)}`;
  return { slowed: true, lines: [now, why] };
}

/** `3rd,~2s`: one word, so that a table keeps its number of words. */
export function placeText({ ahead, expectedMs }: StartWait): string {
  return `${ordinal(ahead + 1)},~${brief(expectedMs)}`;
}

/** `3rd in the queue of starts, its turn is expected in 2s, has waited 1s` */
export function waitText({ ahead, expectedMs, waitedMs }: StartWait): string {
  const turn = `its turn is expected in ${brief(expectedMs)}`;
  return `${ordinal(ahead + 1)} in the queue of starts, ${turn}, has waited ${brief(waitedMs)}`;
}

const percent = (share: number): string => `${Math.round(share * 100)} %`;
const stall = (what: string) => (value: number, limit: number) =>
  `tasks wait for ${what} ${percent(value)} of the time, the limit is ${percent(limit)}`;

const WHY: Readonly<Record<Signal, (value: number, limit: number) => string>> = {
  cpu: stall('a cpu'),
  io: stall('the disk'),
  memory: stall('memory'),
  network: (value, limit) => `a network operation takes ${Math.round(value)} ms, the limit is ${Math.round(limit)} ms`,
  start: (value, limit) => `a start takes ${figure(value)} times as long as usual, the limit is ${figure(limit)}`,
};

const figure = (value: number): string => String(Math.round(value * 10) / 10);

/** One unit: `1s`, `90s`, `5m`, `3h`. Never less than a second. */
function brief(ms: number): string {
  const seconds = Math.max(1, Math.ceil(ms / 1000));
  if (seconds < 120) return `${seconds}s`;
  return seconds < 7200 ? `${Math.round(seconds / 60)}m` : `${Math.round(seconds / 3600)}h`;
}

function ordinal(n: number): string {
  const teen = n % 100 >= 11 && n % 100 <= 13;
  return `${n}${teen ? 'th' : (['th', 'st', 'nd', 'rd'][n % 10] ?? 'th')}`;
}
