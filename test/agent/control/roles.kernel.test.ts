// Every method by every role, over the real socket: users of their own, whom the kernel names to the agent.
import { chmodSync, lstatSync } from 'node:fs';
import test, { type ExecutionContext } from 'ava';
import type { Role } from '../../../agent/config/control.js';
import type { MethodName } from '../../../agent/control/methods.js';
import { parseSpec } from '../../../agent/model/spec.js';
import type { BerthError } from '../../../protocol/errors.js';
import { connectAs } from './connect-as.js';
import { specOf } from './fake-service.js';
import { type Harness, startHarness } from './harness.js';
import { ALLOWED, QUESTIONS } from './role-table.js';

/** Of no account: the ids are written as numbers in the configuration. */
const [SOCKET, WEB, AUDIT] = [61_001, 61_002, 61_003];
const access = [
  { users: ['61011'], role: 'viewer' },
  { groups: [String(WEB)], role: 'tenant', tenants: ['acme'] },
  { groups: [String(AUDIT)], role: 'viewer', tenants: ['acme'] },
];

async function withRoles(t: ExecutionContext): Promise<Harness> {
  const harness = await startHarness(t, { control: { access, group: String(SOCKET) } });
  chmodSync(harness.directory, 0o755);
  await harness.service.create(parseSpec(specOf('web', 'acme')));
  // As a record of another version may be.
  await harness.service.create(specOf('theirs', 'globex') as never);
  return harness;
}

const PEERS: Readonly<Record<string, { ids: readonly string[]; role: Role; tenants: readonly string[] | null }>> = {
  root: { ids: [], role: 'operator', tenants: null },
  'a member of the group of the socket': {
    ids: ['--reuid=61010', `--regid=${SOCKET}`, '--clear-groups'],
    ...{ role: 'operator', tenants: null },
  },
  'a user of an entry': {
    ids: ['--reuid=61011', `--regid=${SOCKET}`, '--clear-groups'],
    ...{ role: 'viewer', tenants: null },
  },
  'a user with a group of an entry': {
    ids: ['--reuid=61012', '--regid=61012', `--groups=${SOCKET},${WEB}`],
    ...{ role: 'tenant', tenants: ['acme'] },
  },
  'a user whose own group has an entry with tenants': {
    ids: ['--reuid=61013', `--regid=${AUDIT}`, `--groups=${SOCKET}`],
    ...{ role: 'viewer', tenants: ['acme'] },
  },
};

for (const [who, { ids, role, tenants }] of Object.entries(PEERS))
  test(`${who} may call what ${role} may, and nothing else`, async (t) => {
    const harness = await withRoles(t);
    const client = await connectAs(t, harness.control.socketPath, ids);
    t.deepEqual((await client.call('node.describe')).session, {
      role,
      tenants,
      allow: role === 'operator' ? null : [],
    });
    const before = harness.service.calls.length;
    const refused: MethodName[] = [];
    for (const [method, params] of Object.entries(QUESTIONS) as [MethodName, never][]) {
      const error = await client.call(method, params).then(
        () => undefined,
        (thrown: BerthError) => thrown,
      );
      if (error?.code !== 'not_permitted') continue;
      refused.push(method);
      if (method !== 'session.hello') t.like(error.data, { method, role });
    }
    // The name of another is refused to whoever may not choose one.
    const mayNot = (Object.keys(QUESTIONS) as MethodName[]).filter(
      (method) =>
        !ALLOWED[role].has(method) ||
        (method === 'session.hello' && role !== 'operator') ||
        (method === 'node.doctor' && tenants !== null),
    );
    t.deepEqual(refused.sort(), mayNot.sort());
    if (role === 'viewer') t.is(harness.service.calls.length, before);
    const listed = (await client.call('workload.list')).workloads.map(({ id }) => id);
    t.is(listed.includes('theirs'), tenants === null);
    // Nothing that a viewer asked for has changed it.
    if (role === 'viewer') t.true(listed.includes('web'));
  });

test('the socket is for its group, and for nobody else', async (t) => {
  const harness = await withRoles(t);
  const { mode, gid, uid } = lstatSync(harness.control.socketPath);
  t.deepEqual([mode & 0o777, uid, gid], [0o660, process.getuid?.(), SOCKET]);
  const stranger = ['--reuid=61014', '--regid=61014', '--clear-groups'];
  await t.throwsAsync(connectAs(t, harness.control.socketPath, stranger), { code: 'cannot_connect' });
});

test('who is no operator keeps no scheduler out by its epoch', async (t) => {
  const harness = await withRoles(t);
  const viewer = await connectAs(t, harness.control.socketPath, PEERS['a user of an entry']?.ids ?? []);
  const epoch = Number.MAX_SAFE_INTEGER;
  await t.throwsAsync(viewer.call('session.hello', { scheduler: 'central', epoch }), { code: 'not_permitted' });
  t.is((await viewer.call('session.hello', { scheduler: 'uid-61011', epoch })).session.role, 'viewer');
  const central = await harness.connect();
  t.is((await central.call('session.hello', { scheduler: 'central', epoch: 1 })).session.role, 'operator');
});

test('whoever is not root leaves root a connection', async (t) => {
  const harness = await startHarness(t, { limits: { connections: 4 }, control: { group: String(SOCKET) } });
  chmodSync(harness.directory, 0o755);
  const ids = PEERS['a member of the group of the socket']?.ids ?? [];
  const others = [];
  for (let at = 0; at < 3; at++) others.push(await connectAs(t, harness.control.socketPath, ids));
  await t.throwsAsync(connectAs(t, harness.control.socketPath, ids), { code: 'cannot_connect' });
  t.is((await (await harness.connect()).call('session.ping')).at > 0, true);
  for (const other of others) await other.close();
});

test('an unknown group of the socket is an error of the configuration', async (t) => {
  await t.throwsAsync(startHarness(t, { control: { group: 'no-such-group' } }), {
    ...{ code: 'config_invalid', message: /control\.group: there is no group "no-such-group"/ },
  });
});
