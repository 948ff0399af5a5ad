// A table in a terminal that is too narrow for it. Names are cut in the middle, because names of one kind often begin alike and end alike;
// a figure that is cut would be another figure, so that a column of figures is shown whole or left out. Pure.

/** How a column may give way; without both it never does. */
export interface GivesWay {
  /** Its cells are names, which may be cut to this many characters. */
  readonly least?: number;
  /** It may be left out, the column with the lowest number first. */
  readonly drop?: number;
}

const GAP = 2;
/** Stands for what was cut; in no name of a workload or a tenant. */
const CUT = '~';

/**
 * The width of each column, 0 for one that is left out. `widths`: of the widest cell, title included. A single column that is left is
 * cut to the room. Where more are left and still too wide, all columns come whole, and the terminal wraps them.
 */
export function fitted(columns: readonly GivesWay[], widths: readonly number[], room: number | undefined): number[] {
  if (room === undefined || !(room > 0)) return [...widths];
  const shown = new Set(columns.keys());
  const order = [...columns.entries()]
    .flatMap(([at, { drop }]) => (drop === undefined ? [] : [{ at, drop }]))
    .sort((a, b) => a.drop - b.drop);
  for (;;) {
    const within = shrunk(columns, widths, shown, room);
    if (within !== undefined) return within;
    const next = order.shift();
    if (next === undefined) break;
    shown.delete(next.at);
  }
  const [only = 0] = shown;
  return shown.size === 1 ? widths.map((_, at) => (at === only ? room : 0)) : [...widths];
}

/** Undefined: too wide all the same. */
function shrunk(
  columns: readonly GivesWay[],
  widths: readonly number[],
  shown: ReadonlySet<number>,
  room: number,
): number[] | undefined {
  const within = widths.map((width, at) => (shown.has(at) ? width : 0));
  let excess = within.reduce((sum, width) => sum + width, 0) + GAP * (shown.size - 1) - room;
  const names = [...shown].map((at) => ({ at, least: columns[at]?.least ?? Number.POSITIVE_INFINITY }));
  while (excess > 0) {
    const over = names.map(({ at, least }) => ({ at, by: (within[at] ?? 0) - least })).filter(({ by }) => by > 0);
    // The widest one, so that short names stay whole.
    const widest = over.sort((a, b) => (within[b.at] ?? 0) - (within[a.at] ?? 0))[0];
    if (widest === undefined) return undefined;
    within[widest.at] = (within[widest.at] ?? 0) - 1;
    excess -= 1;
  }
  return within;
}

/** At most `width` characters: beginning and end. */
export function cutMiddle(text: string, width: number): string {
  const all = [...text];
  if (all.length <= width) return text;
  const end = Math.floor((width - 1) / 2);
  return `${all.slice(0, width - 1 - end).join('')}${CUT}${end === 0 ? '' : all.slice(-end).join('')}`;
}
