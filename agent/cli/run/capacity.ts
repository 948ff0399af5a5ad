import { rows as cpuRows, type PlacementRow } from '../../placement/rows.js';
import type { CapacityRow } from '../../service.js';
import { formatSize } from '../../workload/units.js';
import type { Answer, Context } from '../command.js';
import type { Column } from '../table.js';
import { table } from '../table.js';

export async function run(context: Context): Promise<Answer> {
  const client = await context.client();
  const { rows, placement } = await client.call('node.capacity', {});
  const text = table(COLUMNS, rows, context.style);
  // Where nobody has a cpu to itself, who sits where is no news.
  const seats = placement.workloads.length === 0 ? '' : `\n${table(CPUS, cpuRows(placement), context.style)}`;
  return { document: { rows, placement }, text: `${text}${seats}` };
}

function amount(row: CapacityRow, value: number | null): string {
  if (value === null) return 'no limit';
  return row.dimension === 'memory' ? formatSize(value) : String(Math.round(value * 100) / 100);
}

const CPUS: readonly Column<PlacementRow>[] = [
  { title: 'CPUS', cell: (row) => row.cpus },
  { title: 'NODE', cell: (row) => row.node },
  { title: 'CORES', cell: (row) => row.cores },
  { title: 'USE', cell: (row) => row.use },
  { title: 'HOLDERS', cell: (row) => row.holders },
];

const COLUMNS: readonly Column<CapacityRow>[] = [
  { title: 'SCOPE', cell: (row) => row.scope },
  { title: 'DIMENSION', cell: (row) => row.dimension },
  { title: 'CAPACITY', right: true, cell: (row) => amount(row, row.capacity) },
  { title: 'ALLOCATABLE', right: true, cell: (row) => amount(row, row.allocatable) },
  { title: 'COMMITTED', right: true, cell: (row) => amount(row, row.committed) },
  {
    title: 'FREE',
    right: true,
    cell: (row) => (row.allocatable === null ? '' : amount(row, Math.max(0, row.allocatable - row.committed))),
  },
  {
    title: 'USED',
    right: true,
    cell: ({ allocatable, committed }) => {
      if (allocatable === null || allocatable === 0) return '';
      const share = Math.round((committed / allocatable) * 100);
      return { text: `${share}%`, colour: share >= 100 ? 'red' : share >= 80 ? 'yellow' : undefined };
    },
  },
];
