import test from 'ava';
import type { TenantView } from '../../../agent/density/tenant-admin.js';
import { berth, fakeAgent, NOW } from './fake.js';

const ROW = { capacity: null, kept: 0, reserved: 0, used: null } as const;
const ACME: TenantView = {
  name: 'acme',
  quota: { cpu: 2, memory: 2 ** 32 },
  guaranteed: { cpu: 1 },
  licences: { db: 3 },
  limits: { memory: 2 ** 33, pids: 500 },
  sources: {
    ...{ 'quota.cpu': 'file', 'quota.memory': 'protocol', 'guaranteed.cpu': 'file', 'licences.db': 'protocol' },
    ...{ 'limits.memory': 'file', 'limits.pids': 'protocol' },
  },
  rows: [
    { ...ROW, scope: 'tenant/acme', dimension: 'workloads', allocatable: null, committed: 3 },
    { ...ROW, scope: 'tenant/acme', dimension: 'cpu', allocatable: 2, committed: 2.5, guaranteed: 1 },
    { ...ROW, scope: 'tenant/acme', dimension: 'memory', allocatable: 2 ** 32, committed: 2 ** 30, reserved: 2 ** 20 },
    { ...ROW, scope: 'tenant/acme/licence/db', dimension: 'licences', allocatable: 3, committed: 1 },
  ],
  allow: ['exec.root', 'oci.rootfs'],
  over: ['cpu'],
};

test('reserve and release', async (t) => {
  const made = { reservation: 'web.x.y', id: 'web', tenant: 'acme', scheduler: null, expiresAt: NOW + 120_000 };
  const agent = fakeAgent({ 'workload.reserve': () => made, 'workload.release': () => made });
  const { out } = await berth('reserve -f - --ttl 2m', { agent, input: '{"id": "web"}' });
  t.is(out, 'web.x.y reserved for 2m; create "web" to use it\n');
  t.deepEqual(agent.calls[0]?.params, { spec: { id: 'web' }, ttl: 120_000 });
  t.is((await berth('release web.x.y', { agent })).out, 'web released\n');
  t.deepEqual(agent.calls[1]?.params, { reservation: 'web.x.y' });
  t.is((await berth('reserve -f - --ttl soon', { agent, input: '{}' })).exit, 2);
});

test('tenant list and show', async (t) => {
  const agent = fakeAgent({
    'tenant.list': ({ tenant = 'acme' }) => ({ tenants: tenant === 'acme' ? [ACME] : [] }),
  });
  t.is(
    (await berth('tenant list', { agent })).out,
    `TENANT  WORKLOADS    CPU   MEMORY  GUARANTEED  OVER
acme            3  2.5/2  1Gi/4Gi  cpu 1       cpu
`,
  );
  t.is(
    (await berth('tenant show acme', { agent })).out,
    `Tenant      acme
Granted     exec.root, oci.rootfs
Over quota  cpu
            nothing that needs more starts: raise the quota, or stop workloads, \`berth tenant set acme --evict\`

DIMENSION      QUOTA  GUARANTEED  COMMITTED  RESERVED  FREE
workloads   no limit           -          3         -     -
cpu                2           1        2.5         -  -0.5
memory           4Gi           -        1Gi       1Mi   3Gi
licence db         3           -          1         -     2

SETTING         VALUE  FROM
cpu                 2  file
memory            4Gi  protocol
guaranteed.cpu      1  file
licences.db         3  protocol
limits.memory     8Gi  file
limits.pids       500  protocol
`,
  );
  t.deepEqual(JSON.parse((await berth('tenant show acme --json', { agent })).out), { tenant: ACME });
  t.is((await berth('tenant show nobody', { agent })).exit, 4);
});

test('tenant set: settings from the command line over a file', async (t) => {
  const agent = fakeAgent({ 'tenant.set': () => ({ tenant: ACME, evicted: [] }) });
  const { out } = await berth(
    [
      'tenant',
      'set',
      'acme',
      'memory=4Gi',
      'cpu=',
      'guaranteed.cpu=1.5',
      'licences.db=3',
      'limits.io=[{"device":"8:0"}]',
      '-f',
      '-',
      '--create',
    ],
    { agent, input: '{"quota": {"memory": "1Gi", "pids": 7}}' },
  );
  t.deepEqual(agent.calls[0]?.params, {
    tenant: 'acme',
    settings: {
      quota: { memory: '4Gi', pids: 7, cpu: null },
      guaranteed: { cpu: 1.5 },
      licences: { db: 3 },
      limits: { io: [{ device: '8:0' }] },
    },
    create: true,
    evict: false,
  });
  t.is(out, 'acme set\n  it has more cpu than its quota: nothing that needs more starts; --evict stops workloads\n');
  const evicting = fakeAgent({ 'tenant.set': () => ({ tenant: ACME, evicted: ['web-1'] }) });
  t.is((await berth('tenant set acme cpu=1 --evict', { agent: evicting })).out, 'acme set\n  web-1 is stopped\n');
  for (const line of ['tenant set acme memory', 'tenant set acme colour.x=1', 'tenant set acme limits.io=[x'])
    t.is((await berth(line, { agent })).exit, 2, line);
});

test('tenant list and licence audit follow pages to the end', async (t) => {
  const entry = (at: number) => ({ at, type: 'grant', licence: 'db', count: 1, workload: 'w' }) as const;
  const agent = fakeAgent({
    'tenant.list': ({ cursor }) =>
      cursor === undefined ? { tenants: [ACME], next: 'acme' } : { tenants: [{ ...ACME, name: 'globex' }] },
    'licence.audit': ({ cursor = 0 }) => ({
      entries: [entry(cursor)],
      ...(cursor < 200 ? { next: cursor + 100 } : {}),
    }),
  });
  const { tenants } = JSON.parse((await berth('tenant list --json', { agent })).out);
  t.deepEqual(
    tenants.map(({ name }: { name: string }) => name),
    ['acme', 'globex'],
  );
  const { entries } = JSON.parse((await berth('licence audit --json', { agent })).out);
  t.deepEqual(
    entries.map(({ at }: { at: number }) => at),
    [0, 100, 200],
  );
});

test('tenant delete', async (t) => {
  const agent = fakeAgent({ 'tenant.delete': ({ tenant }) => ({ deleted: tenant }) });
  t.regex((await berth('tenant delete acme', { agent })).out, /^acme deleted/);
});

test('licence list and audit', async (t) => {
  const db = {
    ...({ name: 'db', per: 'vcpu', onExhausted: 'refuse' } as const),
    ...{ count: 2, total: 6, inUse: 3, reserved: 0 },
    leases: [{ scheduler: 'central', count: 4, expiresAt: NOW + 60_000 }],
    holders: [
      { workload: 'web-1', tenant: 'acme', count: 2 },
      { workload: 'web-2', tenant: 'acme', count: 1 },
    ],
  } as const;
  const entry = { at: NOW, type: 'grant', licence: 'db', count: 2, workload: 'web-1', tenant: 'acme' } as const;
  const agent = fakeAgent({
    'licence.list': () => ({ licences: [db] }),
    'licence.audit': () => ({ entries: [entry] }),
  });
  t.regex(
    (await berth('licence list', { agent })).out,
    /^db +vcpu +6 +3 +- +refuse +4 of central, 1m left +web-1 \(2\), web-2$/m,
  );
  t.regex(
    (await berth('licence audit --since 24h', { agent })).out,
    /^2026-11-21T12:00:00Z +grant +db +2 +web-1 +acme/m,
  );
  t.deepEqual(agent.calls.at(-1)?.params, { since: NOW - 86_400_000, limit: 1000 });
  t.deepEqual(JSON.parse((await berth('licence audit --json', { agent })).out), { entries: [entry] });
  t.is((await berth('licence audit --since yesterday', { agent })).exit, 2);
});

test('doctor --fix, --rollback, --dry-run', async (t) => {
  const good = { key: 'kernel.keys.maxkeys', before: 200, after: 4000, now: 4000 };
  const agent = fakeAgent({
    'node.tune': ({ action }) => ({
      settings: action === 'rollback' ? [] : [good, { ...good, key: 'x', now: 200, problem: 'no' }],
    }),
  });
  const fixed = await berth('doctor --fix', { agent });
  t.is(fixed.exit, 1, 'one of them was not taken');
  t.regex(fixed.out, /^kernel\.keys\.maxkeys +200 +4000 +4000 +-$/m);
  t.is((await berth('doctor --fix --dry-run', { agent })).exit, 0);
  t.is((await berth('doctor --rollback', { agent })).out, 'nothing was changed\n');
  t.deepEqual(
    agent.calls.map(({ params }) => params),
    [{ action: 'fix' }, { action: 'plan' }, { action: 'rollback' }],
  );
  t.is((await berth('doctor --fix --rollback', { agent })).exit, 2);
});
