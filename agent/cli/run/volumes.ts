// `berth volume list | delete | prune`.
import { defined } from '../../../linux/defined.js';
import { MOST_ON_PAGE } from '../../base/pages.js';
import type { VolumeView } from '../../model/volume.js';
import type { Answer, Context } from '../command.js';
import { type Done, forEach } from '../each.js';
import { formatAge } from '../format.js';
import { pages } from '../pages.js';
import { type Column, table } from '../table.js';

const DEFAULT_TENANT = 'default';

export async function list(context: Context): Promise<Answer> {
  const volumes: VolumeView[] = [];
  const asked = defined({ tenant: context.option('tenant') });
  for await (const answer of pages(await context.client(), 'volume.list', asked, MOST_ON_PAGE))
    volumes.push(...answer.volumes);
  const now = context.host.now();
  const columns: readonly Column<VolumeView>[] = [
    { title: 'VOLUME', least: 12, cell: ({ name }) => name },
    { title: 'TENANT', least: 8, cell: ({ tenant }) => tenant },
    { title: 'AGE', right: true, cell: ({ createdAt }) => formatAge(now - createdAt) },
    { title: 'USED', cell: usersText },
  ];
  return { document: { volumes }, text: table(columns, volumes, context.style) };
}

export async function remove(context: Context): Promise<Answer> {
  const client = await context.client();
  const tenant = context.option('tenant') ?? DEFAULT_TENANT;
  return forEach(context, context.args, async (at): Promise<Done> => {
    const { deleted } = await client.call('volume.delete', { tenant, name: context.args[at] ?? '' });
    return { outcome: 'deleted', volume: deleted, line: `${deleted.name} deleted` };
  });
}

export async function prune(context: Context): Promise<Answer> {
  const dryRun = context.flag('dry-run');
  const client = await context.client();
  const found = await client.call('volume.prune', { dryRun, ...defined({ tenant: context.option('tenant') }) });
  const lines = found.volumes.map(
    ({ tenant, name }) => `${name} of tenant ${tenant} ${dryRun ? 'would be deleted' : 'deleted'}\n`,
  );
  return { document: found, text: lines.length === 0 ? 'No volume is unused.\n' : lines.join('') };
}

function usersText({ usedBy, moreUsers = 0 }: VolumeView): string {
  const [first, ...others] = usedBy;
  const more = others.length + moreUsers;
  if (first === undefined) return '-';
  return more === 0 ? `by ${first}` : `by ${first} and ${more} more`;
}
