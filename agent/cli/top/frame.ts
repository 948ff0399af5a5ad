// A frame of `berth top`: the host in a few lines, then a line a workload. Pure.
import { formatSize } from '../../base/units.js';
import { startsText } from '../../density/governor/format.js';
import type { PressureShares } from '../../metrics/host-load.js';
import type { TopDocument, TopRow } from '../../metrics/top.js';
import { cutMiddle } from '../fit.js';
import { formatAge, formatTime, pair, stateCell } from '../format.js';
import type { Colour, Style } from '../style.js';
import { type Cell, type Column, facts, table, tableLines } from '../table.js';
import { inOrder, type View } from './view.js';

const LEAST_NAME = 12;

/** All of it, for a pipe or a log. Ends with a line break. */
export function wholeFrame(top: TopDocument, { sort }: View, style: Style): string {
  const rows = inOrder(top.workloads, sort);
  return `${head(top, style)}\n${rows.length === 0 ? 'No workloads.\n' : table(COLUMNS, rows, style)}`;
}

export interface Screenful {
  /** As many as the screen has rows, none wider than it. */
  readonly lines: readonly string[];
  /** Workloads that fit. */
  readonly page: number;
}

export function screenful(
  top: TopDocument,
  view: View,
  size: { readonly columns: number; readonly rows: number },
  style: Style,
): Screenful {
  const fitting = { ...style, columns: size.columns };
  const above = head(top, fitting).trimEnd().split('\n');
  const rows = inOrder(top.workloads, view.sort);
  // Of all of them, so that the columns stay where they are while it scrolls.
  const [title = '', ...lines] = tableLines(COLUMNS, rows, fitting).lines;
  const page = Math.max(1, size.rows - above.length - 3);
  const first = Math.max(0, Math.min(view.first, rows.length - page));
  const shown = lines.slice(first, first + page);
  const range = rows.length === 0 ? 'no workloads' : `${first + 1}-${first + shown.length} of ${rows.length}`;
  const help = style.paint('dim', `by ${view.sort}, ${range}   q quit, c m p r t i sort, arrows scroll`);
  const gap = Array.from({ length: Math.max(0, page - shown.length) }, () => '');
  const all = [...above, '', title, ...shown, ...gap, help];
  return { lines: all.slice(0, size.rows).map((line) => cut(line, size.columns)), page };
}

function head({ at, sampleAgeMs, node, host, starts, workloads }: TopDocument, style: Style): string {
  const state = node.ready ? 'ready' : 'not ready';
  const sampled = sampleAgeMs === null ? 'not sampled yet' : `sampled ${formatAge(sampleAgeMs)} ago`;
  const { slowed, lines } = startsText(starts);
  const about = `, ${state}${node.cordoned ? ', cordoned' : ''}, ${formatTime(at)}, ${sampled}`;
  const room = Math.max(LEAST_NAME, (style.columns ?? Number.POSITIVE_INFINITY) - 'Workloads  '.length - about.length);
  return facts(
    [
      ['Node', `${cutMiddle(node.name, room)}${about}`],
      ['CPU', used(host.cpu, host.cpus, (n) => figure(n), ' cores', host.pressure.cpu)],
      ['Memory', used(host.memoryUsedBytes, host.memoryBytes, formatSize, '', host.pressure.memory)],
      ['Disk', host.pressure.io === null ? undefined : `pressure ${percent(host.pressure.io)}`],
      ['Starts', { text: lines.join('\n'), colour: slowed ? 'yellow' : undefined }],
      ['Workloads', countsOf(workloads)],
    ],
    style,
  );
}

function used(
  value: number | null,
  of: number,
  show: (value: number) => string,
  unit: string,
  pressure: number | null,
): string {
  const share = value === null || of === 0 ? '' : ` (${percent(value / of)})`;
  const stall = pressure === null ? '' : `, pressure ${percent(pressure)}`;
  return `${value === null ? '-' : show(value)} of ${show(of)}${unit}${share}${stall}`;
}

function countsOf(rows: readonly TopRow[]): string {
  const counts = new Map<string, number>();
  for (const { state } of rows) counts.set(state, (counts.get(state) ?? 0) + 1);
  return rows.length === 0 ? 'none' : [...counts].map(([state, n]) => `${n} ${state}`).join(', ');
}

const figure = (value: number): string => (Math.round(value * 100) / 100).toFixed(2);
const percent = (share: number): string => `${Math.round(share * 100)}%`;

/** Of a limit: from the first on yellow, from the second on red. */
function tone(share: number | null, [high, full]: readonly [number, number]): Colour | undefined {
  if (share === null || share < high) return undefined;
  return share < full ? 'yellow' : 'red';
}

const NEAR_LIMIT = [0.9, 0.98] as const;
const STALLED = [0.1, 0.4] as const;

function measured(value: number | null, limit: number | null, show: (value: number) => string): Cell {
  if (value === null) return { text: '' };
  const share = limit === null || limit === 0 ? null : value / limit;
  return { text: pair(value, limit ?? undefined, show), colour: tone(share, NEAR_LIMIT) };
}

const stall = (title: string, of: keyof PressureShares, drop: number): Column<TopRow> => ({
  ...{ title, drop },
  right: true,
  cell: ({ pressure }) => {
    const share = pressure[of];
    return share === null ? '' : { text: percent(share), colour: tone(share, STALLED) };
  },
});

/** What goes first in a narrow terminal is what `berth show` has as well. */
const COLUMNS: readonly Column<TopRow>[] = [
  { title: 'ID', least: LEAST_NAME, cell: (row) => row.id },
  { title: 'TENANT', least: 8, drop: 7, cell: (row) => row.tenant },
  { title: 'CLASS', drop: 1, cell: (row) => row.class },
  { title: 'STATE', drop: 8, cell: stateCell },
  {
    title: 'CPU',
    right: true,
    drop: 10,
    cell: ({ cpu, cpuLimit }) => {
      const { colour } = measured(cpu, cpuLimit, String);
      const limit = cpuLimit === null ? '' : `/${cpuLimit}`;
      return { text: cpu === null ? '' : `${figure(cpu)}${limit}`, colour };
    },
  },
  { title: 'MEMORY', right: true, drop: 9, cell: (row) => measured(row.memoryBytes, row.memoryLimitBytes, formatSize) },
  { title: 'PIDS', right: true, drop: 3, cell: ({ pids }) => (pids === null ? '' : String(pids)) },
  stall('P-CPU', 'cpu', 5),
  stall('P-MEM', 'memory', 6),
  stall('P-IO', 'io', 4),
  { title: 'RESTARTS', right: true, drop: 2, cell: (row) => String(row.restarts) },
];

/**
 * At most so many columns, colours not counted. What is left out is whole words, but for the first: a figure that is cut would be
 * another figure.
 */
export function cut(line: string, columns: number): string {
  let width = 0;
  let coloured = false;
  let text = '';
  let words = '';
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colours begin with one
  for (const [piece] of line.matchAll(/\x1b\[[\d;]*m|[^\x1b]/gu)) {
    const colour = piece.startsWith('\x1b');
    coloured ||= colour;
    if (!colour && width === columns) {
      const kept = piece === ' ' || words === '' ? text : words;
      return coloured ? `${kept}\x1b[0m` : kept;
    }
    if (piece === ' ' && !text.endsWith(' ')) words = text;
    if (!colour) width += 1;
    text += piece;
  }
  return text;
}
