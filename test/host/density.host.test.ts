// A host at the edge of each dimension: the last one that fits, the first that does not and why, and room again after one
// has gone. Then a ceiling of this kernel, lifted and put back, and the tables of a full host.
import test from 'ava';
import type { CapacityRow } from '../../agent/model/capacity.js';
import type { ErrorCode } from '../../protocol/errors.js';
import { create, leftovers, reach, removeAll } from './berth.js';
import { ALLOW_PLAIN, berthCommand, errorOf, explain, MINUTES, openScenario, type Scenario, sh } from './scenario.js';

const LIMITS = '/etc/berth/berth.d/60-limits.toml';
const BASE = `${ALLOW_PLAIN}[metrics]
interval = "1s"

[network]
slots = 0

[network.bridge.lan]
addresses = ["10.77.0.1/24"]
pool = "10.77.0.0/24"

[licence.db]
count = 2

[licence.core]
count = 2
per = "vcpu"
`;

type Spec = { readonly id: string } & Record<string, unknown>;

const sleeper = (id: string, over: Record<string, unknown> = {}): Spec => ({
  ...{ id, tenant: 'acme', driver: 'exec', network: { mode: 'host' } },
  exec: { isolation: 'none', command: ['/bin/sleep', '1000000'] },
  ...over,
});
const routed = (id: string): Spec => sleeper(id, { network: { mode: 'routed' } });
const container = (id: string): Spec => ({
  ...{ id, tenant: 'acme', driver: 'oci', network: { mode: 'host' } },
  oci: { rootfs: '/srv/edge', command: ['/bin/sleep', '1000000'] },
});

/** What of each dimension a workload takes, and a configuration under which two fit. */
interface Edge {
  readonly name: string;
  readonly of: (id: string) => Spec;
  readonly toml: string;
  /** Of the refusal. */
  readonly scope: string;
  readonly dimension: string;
  /** As the refusal says it. */
  readonly limit: number | string;
  readonly code?: ErrorCode;
}

const limit = (dimension: string, most: number | string): string =>
  `[density.limit]\n${dimension} = ${typeof most === 'string' ? `"${most}"` : most}\n`;
const host = (dimension: string, most: number | string, of: Edge['of'] = sleeper): Edge => ({
  ...{ name: dimension, of, toml: limit(dimension, most), scope: 'host', dimension, limit: most },
});

const EDGES: readonly Edge[] = [
  { ...host('workloads', 2), toml: '[density]\nmax_workloads = 2\n' },
  host('cpu', 0.5, (id) => sleeper(id, { resources: { cpu: { request: 0.25 } } })),
  host('memory', '128Mi', (id) => sleeper(id, { resources: { memory: { request: '64Mi' } } })),
  { ...host('addresses', 2, routed), code: 'address_pool_exhausted' },
  host('taps', 2, (id) => ({ id, tenant: 'acme', driver: 'external', external: { tap: true, uid: 65534 } })),
  host('bridge_ports', 2, (id) => sleeper(id, { network: { mode: 'bridge', bridge: 'lan' } })),
  host('netns', 2, routed),
  host('neighbours', 4, routed),
  host('vsock_ids', 2, (id) => ({ id, tenant: 'acme', driver: 'external', external: { vsock: true } })),
  host('fds', 60),
  {
    ...host('inotify_instances', 4),
    toml: '[density.per_workload]\ninotify_instances = 2\n[density.limit]\ninotify_instances = 4\n',
  },
  host('inotify_watches', 6),
  host('keys', 2, container),
  host('pids', 20, (id) => sleeper(id, { resources: { pids: 10 } })),
  host('cgroups', 2),
  host('disk', '64Mi'),
  {
    ...{ name: 'a kind', of: sleeper, toml: '[density.kind.exec]\nworkloads = 2\n' },
    ...{ scope: 'kind/exec', dimension: 'workloads', limit: 2 },
  },
  {
    ...{ name: 'a tenant', of: sleeper, toml: '[tenant.acme]\nworkloads = 2\n' },
    ...{ scope: 'tenant/acme', dimension: 'workloads', limit: 2 },
  },
  {
    name: 'a licence per instance',
    of: (id) => sleeper(id, { resources: { licences: { db: 1 } } }),
    ...{ toml: '', scope: 'licence/db', dimension: 'licences', limit: 2 },
  },
  {
    name: 'a licence per vCPU',
    of: (id) => sleeper(id, { resources: { cpu: { request: 0.1, limit: 1 }, licences: { core: 1 } } }),
    ...{ toml: '', scope: 'licence/core', dimension: 'licences', limit: 2 },
  },
  {
    name: 'a share of a licence',
    of: (id) => sleeper(id, { resources: { licences: { db: 1 } } }),
    toml: '[tenant.acme.licences]\ndb = 1\n',
    ...{ scope: 'tenant/acme/licence/db', dimension: 'licences', limit: 1 },
  },
];

let s: Scenario;

test.before(async (t) => {
  t.timeout(10 * MINUTES);
  s = await openScenario('berth-density', BASE);
  // Two runtimes at once on one root filesystem would both make what it lacks.
  await sh(
    s.host,
    'mkdir -p /srv/edge/bin /srv/edge/proc /srv/edge/sys /srv/edge/dev && cp /bin/busybox /srv/edge/bin/sleep',
  );
});

test.afterEach.always(async (t) => {
  await explain(t, s);
  // One that fails leaves nothing to the next.
  if (!t.passed && s !== undefined) await removeAll(s.node);
});

test.after.always(async (t) => {
  t.timeout(MINUTES);
  await s?.close();
});

/** Applied while the agent runs, but for sections that are not live. `systemctl reload` would start a command each time. */
async function configure(toml: string): Promise<void> {
  await s.host.write(LIMITS, toml);
  await s.node.call('node.reload', {});
}

async function row(scope: string, dimension: string): Promise<CapacityRow | undefined> {
  const { rows } = await s.node.call('node.capacity', {});
  return rows.find((one) => one.scope === scope && one.dimension === dimension);
}

async function remove(id: string): Promise<void> {
  const after = s.node.events.at(-1)?.cursor ?? 0;
  await s.node.call('workload.delete', { id, now: true });
  await s.node.waitForEvent(({ type, workload }) => type === 'workload.deleted' && workload === id, {
    ...{ after, timeoutMs: 5 * MINUTES },
  });
}

for (const { name, of, toml, scope, dimension, limit: most, code = 'admission_refused' } of EDGES)
  test.serial(
    `the edge of ${name}: what fits runs, one more is refused with the figures, and fits when one has gone`,
    async (t) => {
      t.timeout(5 * MINUTES);
      await configure(toml);
      const fits = most === 1 ? ['first'] : ['first', 'second'];
      for (const id of fits) {
        t.true((await s.node.call('workload.fits', { spec: of(id) })).fits, id);
        await create(s.node, of(id));
      }
      for (const id of fits) t.is((await reach(s.node, id)).state, 'running');
      const answer = await s.node.call('workload.fits', { spec: of('late') });
      t.false(answer.fits);
      t.like(answer.refusals[0], { scope, dimension, limit: most });
      t.is(answer.more, 0);
      const error = await errorOf(create(s.node, of('late')));
      t.is(error.code, code);
      t.like(error.data, { scope, dimension, limit: most });
      t.truthy(error.hint);
      const before = await row(scope, dimension);
      t.is((await errorOf(s.node.call('workload.get', { id: 'late' }))).code, 'not_found');
      await remove('first');
      await create(s.node, of('late'));
      t.is((await reach(s.node, 'late')).state, 'running');
      t.deepEqual((await row(scope, dimension))?.committed, before?.committed);
      await removeAll(s.node);
      t.is(await leftovers(s.target), '');
    },
  );

test.serial('the agent keeps no more open for a workload than the ledger counts', async (t) => {
  t.timeout(5 * MINUTES);
  await configure('');
  const open = async (): Promise<number> =>
    Number(await sh(s.host, 'ls /proc/$(systemctl show -P MainPID berth)/fd | wc -l'));
  const before = await open();
  const ids = Array.from({ length: 10 }, (_, at) => `kept-${at}`);
  for (const id of ids) await create(s.node, sleeper(id));
  for (const id of ids) t.is((await reach(s.node, id)).state, 'running');
  // What sampling opens is open when each of them has figures.
  const sampled = `curl -sf http://127.0.0.1:9464/metrics | grep -c '^berth_workload_cpu_seconds_total{workload="kept-.*mode="user"'`;
  await s.host.waitFor(`[ $(${sampled}) -eq ${ids.length} ]`, { what: 'figures of each', timeoutMs: 3 * MINUTES });
  const most = (await open()) - before;
  const counted = (await row('host', 'fds'))?.committed ?? 0;
  t.log(`${most / ids.length} of ${counted / ids.length} descriptors each`);
  t.true(most > ids.length * 10 && most <= counted, `${most} of ${counted}`);
  await removeAll(s.node);
});

test.serial(
  'a reload ends when it is in force; one that is not valid fails, with the reason, and changes nothing',
  async (t) => {
    t.timeout(5 * MINUTES);
    await s.host.write(LIMITS, '[density]\nmax_workloads = 7\n');
    await sh(s.host, 'systemctl reload berth');
    t.is((await row('host', 'workloads'))?.allocatable, 7);
    await s.host.write(LIMITS, '[density]\nmax_workloads = -1\n');
    const said = await sh(s.host, 'systemctl reload berth; echo "exit $?"; journalctl -q -u berth -n 20 -o cat');
    t.regex(said, /^exit 1$/m);
    t.regex(said, /berth: .*max_workloads/);
    t.is((await row('host', 'workloads'))?.allocatable, 7);
    await s.host.write(LIMITS, '[density]\nmax_workloads = 8\n');
    // By signal, too: that one has no end to wait for.
    const after = s.node.events.at(-1)?.cursor ?? 0;
    await sh(s.host, 'systemctl kill --kill-whom=main -s HUP berth');
    await s.node.waitForEvent(({ type }) => type === 'config.reloaded', { after });
    t.is((await row('host', 'workloads'))?.allocatable, 8);
  },
);

test.serial('a ceiling of the kernel is in the way, is named, lifted, and put back', async (t) => {
  t.timeout(5 * MINUTES);
  await configure('');
  const key = 'user.max_net_namespaces';
  const [was = '', now = ''] = (await sh(s.host, `sysctl -n ${key}; sysctl -qw ${key}=20; sysctl -n ${key}`)).split(
    '\n',
  );
  t.is(now, '20');
  await sh(s.host, 'systemctl reload berth');
  const few = await row('host', 'netns');
  t.true(few?.capacity === 20 && (few.allocatable ?? 0) < 20, JSON.stringify(few));
  const found = await berthCommand(s.host, ['doctor']);
  t.regex(JSON.stringify(found.document), new RegExp(key.replaceAll('.', '\\.')));
  const fixed = await sh(s.host, `berth doctor --fix; sysctl -n ${key}`);
  t.log(fixed);
  t.true(Number(fixed.split('\n').at(-1)) >= 1000);
  t.true(((await row('host', 'netns'))?.allocatable ?? 0) > 100);
  await sh(s.host, 'berth doctor --rollback');
  t.is(await sh(s.host, `sysctl -n ${key}`), '20');
  await sh(s.host, `sysctl -qw ${key}=${was}; systemctl reload berth`);
});

test.serial('the tables of a full host say what is full, for whom, and what would have to go', async (t) => {
  t.timeout(5 * MINUTES);
  await configure(`[density]
max_workloads = 6
[tenant.acme]
workloads = 4
memory = "256Mi"
guaranteed = { memory = "128Mi" }
[tenant.globex]
workloads = 3
`);
  const memory = (request: string) => ({ resources: { memory: { request } } });
  for (const id of ['a1', 'a2', 'a3', 'a4']) await create(s.node, sleeper(id, memory('64Mi')));
  await create(s.node, sleeper('g1', { tenant: 'globex', class: 'besteffort', ...memory('32Mi') }));
  await create(s.node, sleeper('g2', { tenant: 'globex', ...memory('32Mi') }));
  for (const id of ['a1', 'a2', 'a3', 'a4', 'g1', 'g2']) await reach(s.node, id);
  const text = await sh(
    s.host,
    `echo '${JSON.stringify(sleeper('g3', { tenant: 'globex', priority: 500 }))}' | berth fits -f -; echo "exit $?"
berth node capacity; berth tenant list; berth tenant show acme`,
  );
  t.log(text);
  t.regex(text, /g3 does not fit\n {2}.*workloads of host: limit 6, used 6/);
  t.regex(text, /it would fit without g1 \(besteffort/);
  t.regex(text, /^exit 3$/m);
  t.regex(text, /^tenant\/acme +memory +.* 256Mi +256Mi +- +0 +100%/m);
  await removeAll(s.node);
});
