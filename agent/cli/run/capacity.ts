import { formatSize } from '../../base/units.js';
import type { Results } from '../../control/methods.js';
import type { Outlook } from '../../control/service.js';
import type { CapacityRow } from '../../model/capacity.js';
import { rows as cpuRows, type PlacementRow } from '../../placement/rows.js';
import { amount } from '../amounts.js';
import type { Answer, Client, Context } from '../command.js';
import { formatAge, formatTime } from '../format.js';
import { pages } from '../pages.js';
import { predictionParts } from '../prediction-parts.js';
import type { Column } from '../table.js';
import { section, table } from '../table.js';

/** Tenants on a page: of each a dozen rows. */
const TENANTS = 200;

export async function run(context: Context): Promise<Answer> {
  const client = await context.client();
  const answer = await whole(client);
  const rows = context.flag('all') ? answer.rows : answer.rows.filter(isOfInterest);
  const hidden = answer.rows.length - rows.length;
  const parts = [
    table(COLUMNS, rows, context.style),
    hidden === 0 ? '' : `${hidden} rows with plenty left are not shown; --all shows them\n`,
    section('Windows', windowLines(answer.windows, context.host.now())),
    section('Reservations', reservationLines(answer.reservations, context.host.now())),
    section('Ceilings of the kernel', ceilingLines(answer.ceilings, context.flag('all'))),
    section('Overhead of drivers', overheadLines(answer.overhead, context.flag('all'))),
    ...(answer.prediction === null ? [] : predictionParts(answer.prediction, answer.rows, context.style)),
    // Where nobody has a cpu to itself, who sits where is no news.
    answer.placement.workloads.length === 0 ? '' : table(CPUS, cpuRows(answer.placement), context.style),
  ];
  return { document: answer, text: parts.filter((part) => part !== '').join('\n') };
}

/** Of thousands of tenants the rows come in pages; the rest is as of the first. */
async function whole(client: Pick<Client, 'call'>): Promise<Results['node.capacity']> {
  const rows: CapacityRow[] = [];
  let first: Results['node.capacity'] | undefined;
  for await (const { next: _next, ...page } of pages(client, 'node.capacity', {}, TENANTS)) {
    first ??= page;
    rows.push(...page.rows);
  }
  return { ...(first as Results['node.capacity']), rows };
}

const ALWAYS: readonly CapacityRow['dimension'][] = ['workloads', 'cpu', 'memory', 'addresses', 'licences', 'cores'];
/** What is promised more than this is worth a line, whatever it is. */
const NOTABLE = 0.5;

function isOfInterest({ scope, dimension, allocatable, committed, reserved }: CapacityRow): boolean {
  const [kind] = scope.split('/');
  if (kind === 'kind') return allocatable !== null;
  if (kind !== 'host') return true;
  return ALWAYS.includes(dimension) || (allocatable !== null && committed + reserved >= allocatable * NOTABLE);
}

function windowLines(windows: Outlook['windows'], now: number): string[] {
  return windows.map(({ name, active, from, until, changes }) => {
    const what = Object.entries(changes).map(([key, value]) => `${key} ${value}`);
    const when =
      from === null || until === null
        ? 'never again'
        : active
          ? `open until ${formatTime(until)} (${formatAge(until - now)} left)`
          : `from ${formatTime(from)} (in ${formatAge(from - now)}) for ${formatAge(until - from)}`;
    return `${name}: ${when}: ${what.join(', ') || 'changes nothing'}`;
  });
}

function reservationLines(reservations: Outlook['reservations'], now: number): string[] {
  return reservations.map(({ reservation, tenant, scheduler, expiresAt }) => {
    const by = scheduler === null ? '' : `, by ${scheduler}`;
    return `${reservation}: tenant ${tenant}${by}, ${formatAge(expiresAt - now)} left`;
  });
}

function ceilingLines(ceilings: Outlook['ceilings'], all: boolean): string[] {
  const shown = all ? ceilings : ceilings.filter(({ limit, used }) => used !== null && used >= limit * NOTABLE);
  return shown.map(({ name, limit, used }) => `${name}: ${used === null ? 'limit' : `${used} of`} ${limit}`);
}

function overheadLines(overhead: Outlook['overhead'], all: boolean): string[] {
  const shown = overhead.filter(({ configured, surcharge, samples }) => all || configured + surcharge + samples > 0);
  return shown.map(({ driver, size, configured, measured, samples, runs, counts, counted, surcharge }) => {
    const what = size === null ? driver : `${driver} ${size}`;
    const above = measured !== null && measured > configured ? ', MORE THAN CONFIGURED' : '';
    const basis = `(p98, ${samples} samples of ${runs} runs${above})`;
    const seen = measured === null ? 'not measured' : `${formatSize(measured)} measured ${basis}`;
    const besides = surcharge === 0 ? '' : `, surcharge ${formatSize(surcharge)}`;
    return `${what}: ${formatSize(counted)} counted, as ${counts}; ${formatSize(configured)} configured, ${seen}${besides}`;
  });
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
  {
    title: 'CAPACITY',
    right: true,
    cell: ({ dimension, capacity }) => (capacity === null ? '' : amount(dimension, capacity)),
  },
  { title: 'KEPT', right: true, cell: ({ dimension, kept }) => (kept === 0 ? '' : amount(dimension, kept)) },
  { title: 'ALLOCATABLE', right: true, cell: ({ dimension, allocatable }) => amount(dimension, allocatable) },
  { title: 'COMMITTED', right: true, cell: ({ dimension, committed }) => amount(dimension, committed) },
  {
    title: 'RESERVED',
    right: true,
    cell: ({ dimension, reserved }) => (reserved === 0 ? '' : amount(dimension, reserved)),
  },
  {
    title: 'FREE',
    right: true,
    cell: ({ dimension, allocatable, committed, reserved }) =>
      allocatable === null ? '' : amount(dimension, Math.max(0, allocatable - committed - reserved)),
  },
  {
    title: 'FULL',
    right: true,
    cell: ({ allocatable, committed, reserved }) => {
      if (allocatable === null || allocatable === 0) return '';
      const share = Math.round(((committed + reserved) / allocatable) * 100);
      return { text: `${share}%`, colour: share >= 100 ? 'red' : share >= 80 ? 'yellow' : undefined };
    },
  },
  { title: 'USED', right: true, cell: ({ dimension, used }) => (used === null ? '' : amount(dimension, used)) },
];
