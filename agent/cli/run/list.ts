import type { WorkloadView } from '../../model/record.js';
import type { Answer, Context } from '../command.js';
import { cpuOf, formatAge, memoryOf, stateCell } from '../format.js';
import { matching, selectionOf } from '../selection.js';
import type { Column } from '../table.js';
import { table } from '../table.js';

export async function run(context: Context): Promise<Answer> {
  const asked = selectionOf(context);
  const client = await context.client();
  const found = await matching(client, asked);
  const order = (a: WorkloadView, b: WorkloadView) => compare(a.spec.tenant, b.spec.tenant) || compare(a.id, b.id);
  const workloads = found.sort(order);
  const text =
    workloads.length === 0 ? 'No workloads.\n' : table(columns(context.host.now()), workloads, context.style);
  return { document: { workloads }, text };
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

function columns(now: number): readonly Column<WorkloadView>[] {
  return [
    { title: 'ID', cell: (w) => w.id },
    { title: 'TENANT', cell: (w) => w.spec.tenant },
    { title: 'DRIVER', cell: (w) => w.spec.driver },
    { title: 'STATE', cell: stateCell },
    { title: 'SINCE', right: true, cell: (w) => formatAge(now - w.since) },
    { title: 'CPU', right: true, cell: cpuOf },
    { title: 'MEMORY', right: true, cell: memoryOf },
    { title: 'ADDRESS', cell: (w) => w.sandbox.address ?? '' },
    { title: 'RESTARTS', right: true, cell: (w) => String(w.restarts) },
  ];
}
