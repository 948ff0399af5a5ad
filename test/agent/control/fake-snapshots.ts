// Snapshots of a fake service: two that are always there, and what is said of a third.
import { inRange } from '../../../agent/base/pages.js';
import type { SnapshotService } from '../../../agent/control/service.js';
import { type SnapshotView, snapshotKey } from '../../../agent/model/snapshot.js';

const snapshot = (workload: string, tenant: string, live: boolean): SnapshotView => ({
  ...{ workload, name: '0001', tenant, driver: 'qemu', at: 1, bootId: 'boot-1', live, spec: 'a'.repeat(64) },
  ...{ fit: { vmm: 'QEMU 7.2' }, address: null, address6: null },
  files: [{ name: 'state', bytes: 5 << 20, sha256: 'b'.repeat(64) }],
});

/** `calls`: see FakeService. */
export function fakeSnapshots(calls: string[]): SnapshotService {
  return {
    make: async (id, { live }) => {
      calls.push(`snapshot ${id}`);
      return snapshot(id, 'acme', live);
    },
    list: ({ sees, workload, ...range }) => {
      const all = [snapshot('vm-1', 'acme', true), snapshot('vm-2', 'globex', false)];
      const seen = all.filter((one) => sees(one.tenant) && (workload === undefined || one.workload === workload));
      return inRange(seen, snapshotKey, range);
    },
    delete: async (id) => {
      calls.push(`delete snapshot ${id}`);
      return snapshot(id, 'acme', true);
    },
  };
}
