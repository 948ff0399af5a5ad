// When a cron expression begins, as a function of time: node-cron parses it and can start things, but cannot say when it
// last began, nor look ahead from another moment than now.
import { parse } from 'node-cron';

export interface Cron {
  /** The last beginning in (from, to], or undefined. Unix milliseconds. */
  last(from: number, to: number): number | undefined;
  /** The first beginning after `from`, looking eight years ahead. */
  next(from: number): number | undefined;
}

const DAY_MS = 86_400_000;
/** A rare day (29 February) comes within eight years; who plans further ahead plans in vain. */
const HORIZON_DAYS = 8 * 366;

/** Throws an Error for what node-cron takes for no expression. */
export function cronOf(expression: string, timezone: string): Cron {
  const { minute, hour, dayOfMonth, month, dayOfWeek } = parse(expression);
  const zone = zoneOf(timezone);
  const times = hour.flatMap((h) => minute.map((m) => h * 60 + m)).sort((a, b) => a - b);
  // As node-cron has it, a day must match both: day of the month and day of the week.
  const isDay = (day: Date): boolean =>
    month.includes(day.getUTCMonth() + 1) && matchesDate(day, dayOfMonth) && matchesWeekday(day, dayOfWeek);
  const ofDay = (day: Date): number[] => {
    if (!isDay(day)) return [];
    // There may be 1,440 times in a day, and the calendar of a zone is slow to ask: a day without a change asks twice.
    const offset = zone.offsetAround(day.getTime());
    const instant = (local: number): number => (offset === undefined ? zone.instant(local) : local - offset);
    return times.map((minutes) => instant(day.getTime() + minutes * 60_000));
  };
  return {
    last(from, to) {
      for (let day = midnight(zone.local(to)); day >= zone.local(from) - 2 * DAY_MS; day -= DAY_MS) {
        const found = ofDay(new Date(day)).findLast((at) => at <= to);
        if (found !== undefined) return found > from ? found : undefined;
      }
      return undefined;
    },
    next(from) {
      const first = midnight(zone.local(from));
      for (let n = 0; n < HORIZON_DAYS; n++) {
        const found = ofDay(new Date(first + n * DAY_MS)).find((at) => at > from);
        if (found !== undefined) return found;
      }
      return undefined;
    },
  };
}

const midnight = (ms: number): number => Math.floor(ms / DAY_MS) * DAY_MS;

function daysIn(day: Date): number {
  return new Date(Date.UTC(day.getUTCFullYear(), day.getUTCMonth() + 1, 0)).getUTCDate();
}

/** `L` is the last day of the month. */
function matchesDate(day: Date, wanted: readonly (number | string)[]): boolean {
  const date = day.getUTCDate();
  return wanted.some((value) => Number(value) === date || (value === 'L' && date === daysIn(day)));
}

/** `1#2` is the second Monday of the month, `5L` the last Friday. */
function matchesWeekday(day: Date, wanted: readonly (number | string)[]): boolean {
  const weekday = day.getUTCDay();
  const nth = Math.ceil(day.getUTCDate() / 7);
  const isLast = day.getUTCDate() > daysIn(day) - 7;
  return wanted.some((value) => {
    const [number, rest] = String(value).split(/(?=[#L])/);
    if (Number(number) % 7 !== weekday) return false;
    return rest === undefined || rest === `#${nth}` || (rest === 'L' && isLast);
  });
}

interface Zone {
  /** What the clock on the wall is ahead of UTC, the whole of the local day `midnight`; undefined: it changes near it. */
  offsetAround(midnight: number): number | undefined;
  /** The clock on the wall there, as if it were UTC. */
  local(instant: number): number;
  /** The moment at which that clock shows `local`; the first of two, and after the gap where there is none. */
  instant(local: number): number;
}

function zoneOf(timezone: string): Zone {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: timezone,
    ...{ year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric', second: 'numeric' },
    hourCycle: 'h23',
  });
  const local = (instant: number): number => {
    const part = new Map(format.formatToParts(instant).map(({ type, value }) => [type, Number(value)]));
    const of = (name: Intl.DateTimeFormatPartTypes): number => part.get(name) ?? 0;
    return Date.UTC(of('year'), of('month') - 1, of('day'), of('hour'), of('minute'), of('second'));
  };
  const offset = (instant: number): number => local(instant) - Math.floor(instant / 1000) * 1000;
  return {
    local,
    offsetAround(midnight) {
      const before = offset(midnight - DAY_MS);
      return before === offset(midnight + 2 * DAY_MS) ? before : undefined;
    },
    instant(wanted) {
      // The offsets a day before and after are the two that can hold; the greater one gives the earlier moment.
      const offsets = [offset(wanted - DAY_MS), offset(wanted + DAY_MS)].sort((a, b) => b - a);
      const moments = offsets.map((value) => wanted - value);
      return moments.find((moment) => local(moment) === wanted) ?? moments[1] ?? wanted;
    },
  };
}
