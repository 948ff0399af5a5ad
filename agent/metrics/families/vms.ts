// Families of virtual machines on disk. What a machine has in memory is among the families of workloads.
import { bytesOf, type SnapshotView } from '../../model/snapshot.js';
import type { Collectors, Values } from '../collectors.js';
import { OTHER_TENANTS } from '../rollup.js';

export interface VmsSource {
  snapshots(): readonly Pick<SnapshotView, 'tenant' | 'files'>[];
}

interface Sum {
  count: number;
  bytes: number;
}

/** Tenants with series of their own; of more, those with the most bytes. */
const MAX_TENANTS = 200;

export function addVmFamilies(c: Collectors, source: VmsSource): void {
  const by = (value: (sum: Readonly<Sum>) => number) => (): Values =>
    [...sums(source.snapshots())].map(([tenant, sum]) => [{ tenant }, value(sum)] as const);
  c.gauge(
    'berth_vm_snapshots',
    'Snapshots of virtual machines on disk, those of suspended workloads included.',
    ['tenant'],
    by(({ count }) => count),
  );
  c.gauge(
    'berth_vm_snapshots_bytes',
    'Bytes of the files of these snapshots; on the disk they take less where a file has holes.',
    ['tenant'],
    by(({ bytes }) => bytes),
  );
}

function sums(snapshots: ReturnType<VmsSource['snapshots']>): ReadonlyMap<string, Readonly<Sum>> {
  const all = new Map<string, Sum>();
  for (const { tenant, files } of snapshots) add(all, tenant, { count: 1, bytes: bytesOf({ files }) });
  if (all.size <= MAX_TENANTS) return all;
  const bounded = new Map<string, Sum>();
  for (const [at, [tenant, sum]] of [...all].sort(([, a], [, b]) => b.bytes - a.bytes).entries())
    add(bounded, at < MAX_TENANTS ? tenant : OTHER_TENANTS, sum);
  return bounded;
}

function add(all: Map<string, Sum>, tenant: string, { count, bytes }: Readonly<Sum>): void {
  const sum = all.get(tenant) ?? { count: 0, bytes: 0 };
  all.set(tenant, { count: sum.count + count, bytes: sum.bytes + bytes });
}
