// A real Prometheus scrapes a real agent with real workloads; the dashboard's queries are put to it one by one.
import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { type PanelQuery, panelQueries } from '../../dashboards/queries.js';
import { PREPARE } from '../demo/workloads.js';
import { create, reach } from './berth.js';
import { query, queryOne, startPrometheus } from './prometheus.js';
import { ALLOW_PLAIN, errorOf, explain, MINUTES, openScenario, type Scenario, sh, TREE } from './scenario.js';

const PAGE = 'http://127.0.0.1:9464';
const DASHBOARDS = fileURLToPath(new URL('../../../dashboards/', import.meta.url));
/** Something for every panel: quotas that nobody meets, a pool of licences, and what is expected to be used. */
const CONFIG = `${ALLOW_PLAIN}[metrics]
interval = "1s"
[cgroups]
ksm = "on"
[density]
prediction = "advise"
[[density.window]]
name = "night"
cron = "0 22 * * *"
duration = "8h"
cpu_overcommit = 8
[tenant.acme]
workloads = 100
memory = "64Gi"
[tenant.acme.guaranteed]
workloads = 2
[licence.db]
count = 3
`;

/** What is learned in a day, what only a scheduler brings, what only an engine with a socket tells, and what only a virtual machine has. */
const EMPTY = [
  ...['Advised overcommit', 'Leases run out in', 'Ends of other engines by cause'],
  ...['Memory of guests', 'Memory of VMMs', 'Snapshots', 'Bytes of snapshots'],
];

const shell = (script: string) => ['/bin/sh', '-c', script];
const exec = (id: string, command: readonly string[], resources: Record<string, unknown> = {}, more = {}) => ({
  id,
  tenant: 'acme',
  driver: 'exec',
  resources,
  exec: { isolation: 'none', command },
  ...more,
});
const holdsMemory = 'b = b"x" * (24 << 20); import time; time.sleep(1e6)';
const specs = [
  exec('steady', ['/usr/bin/python3', '-c', holdsMemory], { memory: { limit: '64Mi' }, pids: 10 }),
  exec('twin', ['/usr/bin/python3', '-c', holdsMemory], { memory: { limit: '64Mi', ksm: true } }),
  exec('busy', shell('while :; do :; done'), { cpu: { limit: 0.1 } }),
  exec('hog', shell('x=0123456789abcdef; while :; do x=$x$x; done'), { memory: { limit: '16Mi' } }),
  exec('restless', shell('sleep 3; exit 1'), {}, { restart: { policy: 'on-failure', maxRetries: 1000 } }),
  {
    id: 'box',
    tenant: 'acme',
    driver: 'oci',
    resources: { memory: { limit: '64Mi' } },
    oci: { rootfs: '/srv/berth-demo/rootfs', command: ['/bin/busybox', 'httpd', '-f', '-p', '80', '-h', '/www'] },
    health: { tcp: 80, interval: '2s' },
  },
  { id: 'room', tenant: 'globex', driver: 'external' },
];
/** A container of LXC, as far as its cgroup tells. */
const ANOTHER_ENGINE = [
  'mkdir /sys/fs/cgroup/lxc.payload.theirs',
  "setsid sh -c 'echo $$ > /sys/fs/cgroup/lxc.payload.theirs/cgroup.procs; exec sleep infinity' > /dev/null 2>&1 < /dev/null &",
].join('\n');
/** A link with the tag of another installation: berth counts it and leaves it alone. */
const THEIRS = 'ip link add theirs type dummy && ip link set theirs alias berth:0badcafe:theirs';

let s: Scenario;
let prometheus: number;

test.before(async (t) => {
  t.timeout(15 * MINUTES);
  s = await openScenario('berth-metrics', CONFIG);
  await s.host.ssh(`${PREPARE}\n${THEIRS}\n${ANOTHER_ENGINE}`);
  prometheus = await startPrometheus(s.target);
});

test.afterEach.always((t) => explain(t, s));

test.after.always(async (t) => {
  t.timeout(MINUTES);
  await s?.close();
});

test.serial('something of everything happens', async (t) => {
  t.timeout(8 * MINUTES);
  for (const spec of specs) await create(s.node, spec);
  for (const id of ['steady', 'twin', 'busy', 'box', 'room'])
    t.is((await reach(s.node, id, ['running'])).state, 'running');
  t.is((await reach(s.node, 'hog', ['failed'])).end?.cause, 'limit');
  const more = exec('more', ['/bin/true'], { memory: { limit: '1Ti' } });
  t.is((await errorOf(create(s.node, more))).code, 'admission_refused');
  const { sandbox } = await s.node.call('workload.get', { id: 'box' });
  await sh(s.host, `ip netns exec ${sandbox.netns} curl -s --max-time 2 http://169.254.169.254/ || true`);
  await s.node.waitForEvent(({ type }) => type === 'workload.restarting', { timeoutMs: 3 * MINUTES });
});

test.serial('the page is clean to promtool and agrees with the kernel', async (t) => {
  t.timeout(5 * MINUTES);
  const lint = await s.host.ssh(`curl -sf ${PAGE}/metrics | promtool check metrics`, { check: false });
  t.is(lint.code, 0, lint.stdout + lint.stderr);
  t.is(lint.stdout + lint.stderr, '');
  const page = await sh(s.host, `curl -sf ${PAGE}/metrics`);
  t.regex(page, /^berth_admission_decisions_total\{result="refused",dimension="memory"\} 1$/m);
  t.regex(page, /^berth_ends_total\{cause="limit"\} 1$/m);
  t.regex(page, /^berth_leaked_objects\{kind="cgroup"\} 0$/m);
  for (const kind of ['cpu_seconds', 'pressure_seconds', 'network_bytes'])
    t.regex(page, new RegExp(`^berth_workload_${kind}_total\\{.*workload="box"`, 'm'));

  const asked = await queryOne(prometheus, 'berth_workload_memory_bytes{workload="steady"} > 24 * 1024 * 1024');
  const current = Number(await sh(s.host, `cat ${TREE}/acme/steady/memory.current`));
  t.true(Math.abs(asked - current) < 4 << 20, `Prometheus has ${asked}, the kernel ${current}`);
  t.is(await queryOne(prometheus, 'berth_workload_memory_limit_bytes{workload="steady"}'), 64 << 20);
  t.is(await queryOne(prometheus, 'up{job="berth"}'), 1);
});

test.serial(
  'the host as a whole agrees with its kernel, and merging of equal pages is told with what it saves',
  async (t) => {
    t.timeout(12 * MINUTES);
    const stalled = await queryOne(prometheus, 'berth_host_pressure_seconds_total{resource="cpu",kind="some"}');
    const total = /some .*total=(\d+)/.exec(await sh(s.host, 'cat /proc/pressure/cpu'))?.[1];
    t.true(stalled > 0 && stalled <= Number(total) / 1e6, `Prometheus has ${stalled}, the kernel ${total} us`);
    // The same page six thousand times: one of them stays.
    const most = 20 << 20;
    const profit = `berth_workload_ksm_profit_bytes{workload="twin"} > ${most}`;
    t.log(`saved: ${await queryOne(prometheus, profit, 10 * MINUTES)}`);
    t.true(((await s.node.call('workload.get', { id: 'twin' })).ksm?.profit ?? 0) > most);
    t.true((await queryOne(prometheus, 'berth_host_ksm_profit_bytes')) > most);
    t.deepEqual(await query(prometheus, 'berth_workload_ksm_profit_bytes{workload!="twin"}'), [], 'not asked for');
  },
);

test.serial('a link of another installation is counted apart from the leaks, and stays', async (t) => {
  t.timeout(5 * MINUTES);
  // The sweep of each minute finds it.
  t.is(await queryOne(prometheus, 'berth_foreign_objects{kind="link",whose="another"}', 3 * MINUTES), 1);
  t.is(await queryOne(prometheus, 'berth_leaked_objects{kind="link"}'), 0);
  t.regex(await sh(s.host, 'ip link show theirs'), /alias berth:0badcafe:theirs/);
});

test.serial('health, readiness, status as a document and as a page', async (t) => {
  t.timeout(3 * MINUTES);
  const port = await s.host.forward(9464);
  const get = async (path: string) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`);
    return { status: response.status, type: response.headers.get('content-type') ?? '', body: await response.text() };
  };
  t.like(await get('/healthz'), { status: 200, body: 'ok\n' });
  const ready = await get('/readyz?verbose');
  t.is(ready.status, 200);
  t.regex(ready.body, /^\[\+\] ready: ok$/m);
  t.regex(ready.body, /^\[\+\] driver exec: usable$/m);
  const status = await get('/status.json');
  t.regex(status.type, /^application\/json/);
  t.true(JSON.stringify(JSON.parse(status.body)).includes('"steady"'));
  const page = await get('/');
  t.regex(page.type, /^text\/html/);
  t.true(page.body.includes('steady'));
  t.is((await get('/nowhere')).status, 404);
});

test.serial('every query of every panel of the dashboards has data', async (t) => {
  t.timeout(10 * MINUTES);
  const variables = { job: 'berth', instance: '.+', rateInterval: '1m' };
  const boards = (await readdir(DASHBOARDS)).filter((name) => name.endsWith('.json'));
  const texts = await Promise.all(boards.map((name) => readFile(`${DASHBOARDS}${name}`, 'utf8')));
  let open: readonly PanelQuery[] = texts
    .flatMap((text) => panelQueries(text, variables))
    .filter(({ panel }) => !EMPTY.includes(panel));
  t.true(open.length >= 120, `${open.length} queries`);
  // Rates need two scrapes. What has data is asked no more.
  for (const end = Date.now() + 5 * MINUTES; ; ) {
    const answers = await Promise.all(open.map(({ expr }) => query(prometheus, expr)));
    open = open.filter((_, n) => answers[n]?.length === 0);
    if (open.length === 0 || Date.now() > end) break;
    await sleep(1000);
  }
  t.deepEqual(open, []);
});
