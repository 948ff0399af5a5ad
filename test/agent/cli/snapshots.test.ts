// `berth workload snapshot`, `snapshots`, `delete-snapshot`: what is asked of the agent, and what a person gets of it.
import test from 'ava';
import type { SnapshotView } from '../../../agent/model/snapshot.js';
import { BerthError } from '../../../protocol/errors.js';
import { berth, fakeAgent, NOW } from './fake.js';

const snapshot = (workload: string, live: boolean): SnapshotView => ({
  ...{ workload, name: '0001', tenant: 'acme', driver: 'qemu', at: NOW - 7_200_000, bootId: 'b', live, spec: 'c' },
  ...{ fit: { vmm: 'QEMU 7.2' }, address: null, address6: null },
  files: [{ name: 'state', bytes: 70 << 20, sha256: 'd' }],
});

test('snapshot suspends, or keeps running, and goes on after one that fails', async (t) => {
  const agent = fakeAgent({
    'workload.snapshot': ({ id, keepRunning }) => {
      if (id === 'box') throw new BerthError('snapshot_unsupported', 'workload "box" cannot be saved: it is a process');
      return snapshot(id, keepRunning ?? false);
    },
  });
  const { exit, out, err } = await berth('workload snapshot box vm-1', { agent });
  t.is(exit, 1);
  t.is(out, 'vm-1 suspended: snapshot 0001, 70Mi\n');
  t.regex(err, /it is a process/);
  t.is(
    (await berth('workload snapshot vm-1 --keep-running', { agent })).out,
    'vm-1 saved, still running: snapshot 0001, 70Mi\n',
  );
  t.deepEqual(agent.calls.at(-1)?.params, { id: 'vm-1', keepRunning: true });
});

test('list says of which VMM and of which kind each is; delete takes one', async (t) => {
  const agent = fakeAgent({
    'snapshot.list': () => ({ snapshots: [snapshot('vm-1', true), snapshot('vm-2', false)] }),
    'snapshot.delete': ({ id }) => snapshot(id, true),
  });
  const { out } = await berth('workload snapshots vm-1', { agent });
  t.deepEqual(
    out.split('\n').map((line) => line.split(/ {2,}/)),
    [
      ['WORKLOAD', 'NAME', 'SIZE', 'AGE', 'VMM', 'KIND'],
      ['vm-1', '0001', '70Mi', '2h', 'QEMU 7.2', 'kept'],
      ['vm-2', '0001', '70Mi', '2h', 'QEMU 7.2', 'suspended'],
      [''],
    ],
  );
  t.like(agent.calls[0]?.params, { workload: 'vm-1' });
  t.is((await berth('workload delete-snapshot vm-1 0001', { agent })).out, 'vm-1 0001 deleted, 70Mi freed\n');
  t.deepEqual(agent.calls.at(-1)?.params, { id: 'vm-1', name: '0001' });
});
