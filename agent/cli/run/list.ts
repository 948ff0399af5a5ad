import { BerthError } from '../../../protocol/errors.js';
import type { WorkloadView } from '../../model/record.js';
import type { Answer, Context } from '../command.js';
import { cpuOf, formatAge, memoryOf, stateCell } from '../format.js';
import { isEmpty, matching, selectionOf } from '../selection.js';
import type { LIST_FORMATS, LIST_ORDERS } from '../table/options.js';
import type { Column } from '../table.js';
import { table } from '../table.js';
import { watchList } from '../watch-list.js';

export async function run(context: Context): Promise<Answer> {
  const asked = selectionOf(context);
  const key = ORDERS[(context.option('sort') ?? 'tenant') as (typeof LIST_ORDERS)[number]];
  const watch = context.flag('watch');
  if (watch && ![undefined, 'wide'].includes(context.option('output')))
    throw new BerthError('usage', '--watch prints the table, or with -o wide more columns; for programs use --json');
  const engine = context.option('engine');
  if (engine !== undefined) {
    if (watch || !isEmpty(asked) || ['output', 'sort'].some((name) => context.option(name) !== undefined))
      throw new BerthError(
        'usage',
        '--engine prints its table, or with --json a document; no other option goes with it',
      );
    return (await import('./engines.js')).workloadsOf(context, engine);
  }
  const client = await context.client();
  const look = async (): Promise<WorkloadView[]> =>
    (await matching(client, asked)).sort(
      (a, b) => compare(key(a), key(b)) || compare(a.spec.tenant, b.spec.tenant) || compare(a.id, b.id),
    );
  if (watch)
    return watchList(context, client, {
      look,
      lines: (all, gone) => tableOf(all, context, gone).split('\n').slice(0, -1),
    });
  const workloads = await look();
  const document = { workloads };
  return { document, text: await textOf(document, context) };
}

async function textOf(
  { workloads }: { readonly workloads: readonly WorkloadView[] },
  context: Context,
): Promise<string> {
  const format = context.option('output') as (typeof LIST_FORMATS)[number] | undefined;
  switch (format) {
    case 'json':
      return `${JSON.stringify({ workloads }, undefined, 2)}\n`;
    case 'yaml':
      return (await import('../yaml-specs.js')).toYaml({ workloads });
    // For scripts: nothing for none.
    case 'id':
      return workloads.map(({ id }) => `${id}\n`).join('');
    case 'name':
      return workloads.map(({ id, spec }) => `${spec.tenant}/${id}\n`).join('');
    default:
      return workloads.length === 0 ? 'No workloads.\n' : tableOf(workloads, context);
  }
}

const NONE: ReadonlySet<string> = new Set();

function tableOf(workloads: readonly WorkloadView[], { option, host, style }: Context, gone = NONE): string {
  const usual = columns(host.now(), gone);
  return table(option('output') === 'wide' ? [...usual, ...WIDE] : usual, workloads, style);
}

type Key = string | number;

/** Ascending; what is equal by tenant and id. */
const ORDERS: Readonly<Record<(typeof LIST_ORDERS)[number], (w: WorkloadView) => Key>> = {
  tenant: ({ spec }) => spec.tenant,
  id: ({ id }) => id,
  driver: ({ spec }) => spec.driver,
  state: ({ state }) => state,
  class: ({ spec }) => spec.class,
  priority: ({ spec }) => spec.priority,
  since: ({ since }) => since,
  created: ({ createdAt }) => createdAt,
  restarts: ({ restarts }) => restarts,
  cpu: ({ spec }) => spec.resources.cpu?.limit ?? spec.resources.cpu?.request ?? 0,
  memory: ({ spec }) => spec.resources.memory?.limit ?? spec.resources.memory?.request ?? 0,
};

const compare = (a: Key, b: Key): number => (a < b ? -1 : a > b ? 1 : 0);

function columns(now: number, gone: ReadonlySet<string>): readonly Column<WorkloadView>[] {
  return [
    { title: 'ID', least: 12, cell: (w) => w.id },
    { title: 'TENANT', least: 8, cell: (w) => w.spec.tenant },
    { title: 'DRIVER', drop: 2, cell: (w) => w.spec.driver },
    { title: 'STATE', cell: (w) => (gone.has(w.id) ? { text: 'gone', colour: 'dim' } : stateCell(w)) },
    { title: 'SINCE', right: true, drop: 3, cell: (w) => formatAge(now - w.since) },
    { title: 'CPU', right: true, cell: cpuOf },
    { title: 'MEMORY', right: true, cell: memoryOf },
    { title: 'ADDRESS', drop: 4, cell: (w) => w.sandbox.address ?? '' },
    { title: 'RESTARTS', right: true, drop: 1, cell: (w) => String(w.restarts) },
  ];
}

const WIDE: readonly Column<WorkloadView>[] = [
  { title: 'CLASS', drop: 5, cell: (w) => w.spec.class },
  { title: 'PRIORITY', right: true, drop: 6, cell: (w) => String(w.spec.priority) },
  { title: 'PID', right: true, drop: 7, cell: (w) => String(w.process?.pid ?? '') },
  { title: 'GENERATION', right: true, drop: 8, cell: (w) => String(w.generation) },
  {
    title: 'LABELS',
    least: 12,
    cell: ({ spec }) =>
      Object.entries(spec.labels)
        .map(([name, value]) => `${name}=${value}`)
        .join(','),
  },
];
