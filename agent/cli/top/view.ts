// What of the rows is shown, and in which order; and what a key makes of that. Pure.
import type { TopRow } from '../../metrics/top.js';

export const SORTS = ['cpu', 'memory', 'pressure', 'restarts', 'tenant', 'id'] as const;
export type Sort = (typeof SORTS)[number];

export interface View {
  readonly sort: Sort;
  /** Of the rows, the first that is on the screen. */
  readonly first: number;
}

const KEYS: ReadonlyMap<string, Sort> = new Map(SORTS.map((sort) => [sort.charAt(0), sort]));
const UP = ['k', '\x1b[A', '\x1bOA'];
const DOWN = ['j', '\x1b[B', '\x1bOB'];
const PAGE_UP = '\x1b[5~';
const PAGE_DOWN = '\x1b[6~';
const HOME = ['g', '\x1b[H', '\x1b[1~', '\x1bOH'];
const END = ['G', '\x1b[F', '\x1b[4~', '\x1bOF'];

/** `page`: rows that fit on the screen. An unknown key changes nothing. */
export function press(view: View, key: string, rows: number, page: number): View | 'quit' | 'interrupt' {
  if (key === 'q' || key === 'Q') return 'quit';
  // In raw mode nobody else makes a signal of it.
  if (key === '\x03') return 'interrupt';
  const sort = KEYS.get(key);
  if (sort !== undefined) return { sort, first: 0 };
  const by = stepOf(key, rows, page);
  return { ...view, first: Math.max(0, Math.min(rows - page, view.first + by)) };
}

function stepOf(key: string, rows: number, page: number): number {
  if (UP.includes(key)) return -1;
  if (DOWN.includes(key)) return 1;
  if (key === PAGE_UP) return -page;
  if (key === PAGE_DOWN || key === ' ') return page;
  if (HOME.includes(key)) return -rows;
  return END.includes(key) ? rows : 0;
}

/** The most first; then what waits, by its place; then the rest. Ties by id. */
export function inOrder(rows: readonly TopRow[], sort: Sort): TopRow[] {
  return [...rows].sort((a, b) => COMPARE[sort](a, b) || waitsFirst(a, b) || compare(a.id, b.id));
}

type Compare = (a: TopRow, b: TopRow) => number;

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
const most =
  (value: (row: TopRow) => number | null): Compare =>
  (a, b) => {
    const [of, other] = [value(a) ?? -1, value(b) ?? -1];
    return other - of;
  };
const waitsFirst: Compare = (a, b) => placeOf(a) - placeOf(b);
const placeOf = ({ waiting }: TopRow): number => waiting?.ahead ?? Number.MAX_SAFE_INTEGER;

/** The worst of the three. */
export function worst({ pressure: { cpu, memory, io } }: TopRow): number | null {
  const known = [cpu, memory, io].filter((share) => share !== null);
  return known.length === 0 ? null : Math.max(...known);
}

const COMPARE: Readonly<Record<Sort, Compare>> = {
  cpu: most((row) => row.cpu),
  memory: most((row) => row.memoryBytes),
  pressure: most(worst),
  restarts: most((row) => row.restarts),
  tenant: (a, b) => compare(a.tenant, b.tenant),
  id: (a, b) => compare(a.id, b.id),
};
