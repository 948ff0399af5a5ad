// `berth workload snapshot`, `snapshots`, `delete-snapshot`.
import { MOST_ON_PAGE } from '../../base/pages.js';
import { formatSize } from '../../base/units.js';
import { bytesOf, type SnapshotView } from '../../model/snapshot.js';
import type { Answer, Context } from '../command.js';
import { type Done, forEach } from '../each.js';
import { formatAge } from '../format.js';
import { pages } from '../pages.js';
import { choose, dryRun, noneMatch } from '../selection.js';
import { type Column, table } from '../table.js';

export async function make(context: Context): Promise<Answer> {
  const keepRunning = context.flag('keep-running');
  const chosen = choose(context);
  const client = await context.client();
  const { ids } = await chosen(client);
  if (ids.length === 0) return noneMatch(context);
  if (context.flag('dry-run')) return dryRun(context, client, ids, 'snapshot');
  return forEach(context, ids, async (at, progress): Promise<Done> => {
    const id = ids[at] ?? '';
    progress.say(`writing the state of ${id}`);
    const snapshot = await client.call('workload.snapshot', { id, keepRunning });
    const what = keepRunning ? 'saved, still running' : 'suspended';
    const line = `${id} ${what}: snapshot ${snapshot.name}, ${formatSize(bytesOf(snapshot))}`;
    return { outcome: keepRunning ? 'saved' : 'suspended', snapshot, line };
  });
}

export async function list(context: Context): Promise<Answer> {
  const client = await context.client();
  const [workload] = context.args;
  const snapshots: SnapshotView[] = [];
  const asked = workload === undefined ? {} : { workload };
  for await (const answer of pages(client, 'snapshot.list', asked, MOST_ON_PAGE)) snapshots.push(...answer.snapshots);
  const now = context.host.now();
  const columns: readonly Column<SnapshotView>[] = [
    { title: 'WORKLOAD', least: 12, cell: (view) => view.workload },
    { title: 'NAME', cell: ({ name }) => name },
    { title: 'SIZE', right: true, cell: (view) => formatSize(bytesOf(view)) },
    { title: 'AGE', right: true, cell: ({ at }) => formatAge(now - at) },
    { title: 'VMM', cell: ({ fit, driver }) => fit.vmm ?? driver },
    { title: 'KIND', cell: ({ live }) => (live ? 'kept' : 'suspended') },
  ];
  return { document: { snapshots }, text: table(columns, snapshots, context.style) };
}

export async function remove(context: Context): Promise<Answer> {
  const [id = '', name = ''] = context.args;
  const client = await context.client();
  const snapshot = await client.call('snapshot.delete', { id, name });
  return { document: { snapshot }, text: `${id} ${name} deleted, ${formatSize(bytesOf(snapshot))} freed\n` };
}
