// `berth licence list | audit`.
import { MOST_ON_PAGE } from '../../base/pages.js';
import type { AuditEntry } from '../../density/audit.js';
import type { LicenceView } from '../../model/licence.js';
import type { Answer, Context } from '../command.js';
import { formatAge, formatTime } from '../format.js';
import { pages } from '../pages.js';
import { sinceOf } from '../since.js';
import { type Column, table } from '../table.js';

/** Pools on a page: each may have a hundred holders. */
const POOLS = 50;

export async function list(context: Context): Promise<Answer> {
  const client = await context.client();
  const licences: LicenceView[] = [];
  for await (const answer of pages(client, 'licence.list', {}, POOLS)) licences.push(...answer.licences);
  const now = context.host.now();
  const columns: readonly Column<LicenceView>[] = [
    { title: 'LICENCE', cell: ({ name }) => name },
    { title: 'PER', cell: ({ per }) => per },
    { title: 'TOTAL', right: true, cell: ({ total }) => String(total) },
    {
      title: 'IN-USE',
      right: true,
      cell: ({ inUse, total }) => ({ text: String(inUse), colour: inUse > total ? 'red' : undefined }),
    },
    { title: 'RESERVED', right: true, cell: ({ reserved }) => (reserved === 0 ? '' : String(reserved)) },
    { title: 'EXHAUSTED', cell: ({ onExhausted }) => onExhausted },
    {
      title: 'LEASES',
      cell: ({ leases }) =>
        leases
          .map(({ scheduler, count, expiresAt }) => `${count} of ${scheduler}, ${formatAge(expiresAt - now)} left`)
          .join('; '),
    },
    {
      title: 'HOLDERS',
      cell: ({ holders, moreHolders = 0 }) => {
        const told = holders.map(({ workload, count }) => (count === 1 ? workload : `${workload} (${count})`));
        return [...told, ...(moreHolders === 0 ? [] : [`and ${moreHolders} more`])].join(', ');
      },
    },
  ];
  return { document: { licences }, text: table(columns, licences, context.style) };
}

export async function audit(context: Context): Promise<Answer> {
  const since = sinceOf(context) ?? 0;
  const client = await context.client();
  const entries: AuditEntry[] = [];
  for await (const answer of pages(client, 'licence.audit', { since }, MOST_ON_PAGE)) entries.push(...answer.entries);
  return { document: { entries }, text: table(ENTRIES, entries, context.style) };
}

const ENTRIES: readonly Column<AuditEntry>[] = [
  { title: 'TIME', cell: ({ at }) => formatTime(at) },
  { title: 'WHAT', cell: ({ type }) => type },
  { title: 'LICENCE', cell: ({ licence }) => licence },
  { title: 'COUNT', right: true, cell: ({ count }) => String(count) },
  { title: 'WORKLOAD', least: 12, cell: ({ workload = '' }) => workload },
  { title: 'TENANT', least: 8, cell: ({ tenant = '' }) => tenant },
  { title: 'SCHEDULER', least: 12, cell: ({ scheduler = '' }) => scheduler },
  { title: 'NOTE', cell: ({ note = '' }) => note },
];
