// `berth tenant list | show | set | delete`.
import { BerthError } from '../../../protocol/errors.js';
import { formatSize } from '../../base/units.js';
import type { TenantView } from '../../density/tenant-admin.js';
import type { CapacityRow } from '../../model/capacity.js';
import { amount } from '../amounts.js';
import type { Answer, Context } from '../command.js';
import { pages } from '../pages.js';
import { readSettings } from '../settings.js';
import { type Column, facts, table } from '../table.js';

/** Far below the longest answer of an agent, whatever the tenants have set. */
const PAGE = 100;

export async function list(context: Context): Promise<Answer> {
  const client = await context.client();
  const tenants: TenantView[] = [];
  for await (const answer of pages(client, 'tenant.list', {}, PAGE)) tenants.push(...answer.tenants);
  return { document: { tenants }, text: table(TENANTS, tenants, context.style) };
}

export async function show(context: Context): Promise<Answer> {
  const client = await context.client();
  const name = context.args[0] ?? '';
  const [tenant] = (await client.call('tenant.list', { tenant: name })).tenants;
  if (tenant === undefined)
    throw new BerthError('tenant_unknown', `there is no tenant "${name}"`, { data: { tenant: name } });
  return { document: { tenant }, text: describe(tenant, context) };
}

export async function set(context: Context): Promise<Answer> {
  const [name = '', ...settings] = context.args;
  const change = await readSettings(context, settings);
  const client = await context.client();
  const [create, evict] = [context.flag('create'), context.flag('evict')];
  const answer = await client.call('tenant.set', { tenant: name, settings: change, create, evict });
  const { tenant, evicted } = answer;
  const left = tenant.over.filter(() => !evict);
  const lines = [
    `${name} set`,
    ...(left.length === 0
      ? []
      : [`  it has more ${left.join(', ')} than its quota: nothing that needs more starts; --evict stops workloads`]),
    ...evicted.map((id) => `  ${id} is stopped`),
  ];
  return { document: answer, text: `${lines.join('\n')}\n` };
}

export async function remove(context: Context): Promise<Answer> {
  const client = await context.client();
  const answer = await client.call('tenant.delete', { tenant: context.args[0] ?? '' });
  return { document: answer, text: `${answer.deleted} deleted: what was set for it is taken back\n` };
}

function rowOf({ name, rows }: TenantView, dimension: CapacityRow['dimension']): CapacityRow | undefined {
  return rows.find((row) => row.dimension === dimension && row.scope === `tenant/${name}`);
}

/** `3/10`: committed and reserved of the quota. */
function share(tenant: TenantView, dimension: 'workloads' | 'cpu' | 'memory'): string {
  const row = rowOf(tenant, dimension);
  const has = amount(dimension, (row?.committed ?? 0) + (row?.reserved ?? 0));
  const quota = tenant.quota[dimension];
  return quota === undefined ? has : `${has}/${amount(dimension, quota)}`;
}

const TENANTS: readonly Column<TenantView>[] = [
  { title: 'TENANT', least: 12, cell: ({ name }) => name },
  { title: 'WORKLOADS', right: true, cell: (tenant) => share(tenant, 'workloads') },
  { title: 'CPU', right: true, cell: (tenant) => share(tenant, 'cpu') },
  { title: 'MEMORY', right: true, cell: (tenant) => share(tenant, 'memory') },
  {
    title: 'GUARANTEED',
    cell: ({ guaranteed }) =>
      Object.entries(guaranteed)
        .map(([of, value]) => `${of} ${amount(of as CapacityRow['dimension'], value)}`)
        .join(', '),
  },
  { title: 'OVER', cell: ({ over }) => ({ text: over.join(', '), colour: 'red' }) },
];

interface Line {
  readonly setting: string;
  readonly value: string;
  readonly source: string;
}

const LINES: readonly Column<Line>[] = [
  { title: 'SETTING', cell: ({ setting }) => setting },
  { title: 'VALUE', right: true, cell: ({ value }) => value },
  { title: 'FROM', cell: ({ source }) => source },
];

const USE: readonly Column<CapacityRow>[] = [
  {
    title: 'DIMENSION',
    cell: ({ scope, dimension }) => (dimension === 'licences' ? `licence ${scope.split('/').at(-1)}` : dimension),
  },
  { title: 'QUOTA', right: true, cell: ({ dimension, allocatable }) => amount(dimension, allocatable) },
  {
    title: 'GUARANTEED',
    right: true,
    cell: ({ dimension, guaranteed }) => (guaranteed === undefined ? '' : amount(dimension, guaranteed)),
  },
  { title: 'COMMITTED', right: true, cell: ({ dimension, committed }) => amount(dimension, committed) },
  {
    title: 'RESERVED',
    right: true,
    cell: ({ dimension, reserved }) => (reserved === 0 ? '' : amount(dimension, reserved)),
  },
  {
    title: 'FREE',
    right: true,
    cell: ({ dimension, allocatable, committed, reserved }) => {
      if (allocatable === null) return '';
      const free = allocatable - committed - reserved;
      return { text: amount(dimension, free), colour: free < 0 ? 'red' : undefined };
    },
  },
];

function describe(tenant: TenantView, { style }: Context): string {
  const { name, rows, over, sources, allow } = tenant;
  const settings: Line[] = (['quota', 'guaranteed', 'licences', 'limits'] as const).flatMap((section) =>
    Object.entries(tenant[section]).map(([key, value]) => {
      const setting = section === 'quota' ? key : `${section}.${key}`;
      return { setting, value: valueText(key, value), source: sources[`${section}.${key}`] ?? '' };
    }),
  );
  const head = facts(
    [
      ['Tenant', name],
      ['Granted', allow.join(', ')],
      ['Over quota', { text: overText(name, over), colour: 'red' }],
    ],
    style,
  );
  const parts = [head, table(USE, rows, style), settings.length === 0 ? '' : table(LINES, settings, style)];
  return parts.filter((part) => part !== '').join('\n');
}

function overText(name: string, over: TenantView['over']): string {
  if (over.length === 0) return '';
  return `${over.join(', ')}\nnothing that needs more starts: raise the quota, or stop workloads, \`berth tenant set ${name} --evict\``;
}

const BYTES = ['memory', 'swap', 'disk'];

function valueText(key: string, value: unknown): string {
  if (typeof value !== 'number') return JSON.stringify(value);
  return BYTES.includes(key) ? formatSize(value) : String(value);
}
