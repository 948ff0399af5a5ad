// Health probes and mounts by a real agent: what the workload serves decides whether it is ready, an agent that is killed meanwhile
// asks again, and what stays unwell is started again.
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import type { WorkloadView } from '../../agent/model/record.js';
import { OwnAgent } from './own-agent.js';
import { type OwnHost, openHost } from './own-host.js';
import { type Client, connect } from './told-client.js';

let host: OwnHost;
let agent: OwnAgent;
let client: Client;
/** What its web server shows. */
let data: string;

const PAGE = 'up';
const spec = (id: string, more: object = {}) => ({
  ...{ id, driver: 'exec', network: { mode: 'routed' } },
  exec: { command: ['/bin/busybox', 'httpd', '-f', '-p', '80', '-h', '/data'] },
  mounts: [{ type: 'bind', source: data, target: '/data', readOnly: true }],
  health: { http: { port: 80, path: `/${PAGE}` }, interval: '1s', retries: 2 },
  ...more,
});

test.before(async () => {
  host = await openHost();
  data = mkdtempSync('/srv/berth-health-');
  chmodSync(data, 0o755);
  agent = new OwnAgent({
    ...{ directory: host.directory, prefix: host.prefix, start: host.start },
    cgroup: `berth-test-health-${process.pid}`,
    env: {
      BERTH_NETWORK_POOL: '10.222.0.0/24',
      BERTH_NETWORK_TABLE: 'berth_health',
      BERTH_NETWORK_LINK_PREFIX: 'b12',
      BERTH_NETWORK_SLOTS: '0',
      BERTH_WEB_LISTEN: '',
      BERTH_LIFECYCLE_STOP_GRACE: '200ms',
      BERTH_DRIVERS_MOUNTS: JSON.stringify([data]),
    },
  });
  await agent.start();
  client = await connect(agent.socket);
});

test.after.always(async () => {
  await client?.close();
  await agent?.end();
  host?.end();
  rmSync(data, { recursive: true, force: true });
});

test.afterEach.always((t) => {
  if (!t.passed) t.log(agent.log.slice(-3000));
});

async function until(id: string, is: (view: WorkloadView) => boolean): Promise<WorkloadView> {
  for (;;) {
    const view = await client.call('workload.get', { id });
    if (is(view)) return view;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const show = (): void => {
  writeFileSync(join(data, PAGE), 'up\n');
  chmodSync(join(data, PAGE), 0o644);
};
const hide = (): void => rmSync(join(data, PAGE), { force: true });

test.serial('it is ready while it serves, and the next agent asks again', async (t) => {
  const told: string[] = [];
  client.onEvent(({ type }) => told.push(type));
  await client.call('events.subscribe', { since: 0 });
  await client.call('workload.create', { spec: spec('web') });
  const first = await until('web', ({ state }) => state === 'running');
  t.is(first.ready, false);
  show();
  await until('web', ({ ready }) => ready === true);
  const waited = agent.berth(['workload', 'wait', 'web', '--for', 'ready', '--timeout', '20s']);
  t.is(waited.status, 0, waited.stderr);
  hide();
  await until('web', ({ ready }) => ready === false);
  t.regex(agent.berth(['workload', 'list']).stdout, /running\(unready\)/);
  show();
  await client.close();
  await agent.kill('SIGKILL');
  await agent.start();
  client = await connect(agent.socket);
  const second = await until('web', ({ ready }) => ready === true);
  t.is(second.process?.pid, first.process?.pid);
  t.true(told.includes('workload.ready'), told.join());
  await client.call('workload.delete', { id: 'web', now: true });
});

test.serial('what stays unwell is started again by its policy, with the reason', async (t) => {
  hide();
  await client.call('workload.create', { spec: spec('sick', { restart: { policy: 'always' } }) });
  const { end, restarts } = await until('sick', ({ end }) => end !== null);
  t.is(end?.cause, 'health', JSON.stringify(end));
  t.regex(end?.detail ?? '', /health probe failed 2 times in a row: port 80 answered 404/);
  t.true(restarts >= 1);
  show();
  await until('sick', ({ ready }) => ready === true);
  await client.call('workload.delete', { id: 'sick', now: true });
});

const KINDS: Readonly<Record<string, object>> = {
  sandbox: {},
  plain: { mounts: [], exec: { command: ['/bin/sleep', '1000'], isolation: 'none', user: 'nobody' } },
};

for (const [kind, more] of Object.entries(KINDS))
  test.serial(`${kind}: a command runs inside, as its user; only its exit code counts`, async (t) => {
    const file = kind === 'plain' ? join(data, PAGE) : `/data/${PAGE}`;
    const line = `head -c 3000000 /dev/zero; [ -e ${file} ] && [ "$(id -u)" != 0 ] && grep -q exec- /proc/self/cgroup`;
    const command = ['/bin/sh', '-c', line];
    hide();
    const asked = { network: { mode: 'none' }, health: { command, interval: '1s', retries: 2 }, ...more };
    await client.call('workload.create', { spec: spec('inner', asked) });
    const events: { type: string; data: unknown }[] = [];
    client.onEvent(({ type, data: said }) => events.push({ type, data: said }));
    await client.call('events.subscribe', { since: 0 });
    show();
    await until('inner', ({ ready }) => ready === true);
    hide();
    await until('inner', ({ ready }) => ready === false);
    const slow = { command: ['/bin/sh', '-c', 'sleep 1000; true'], timeout: '300ms', interval: '1s', retries: 1 };
    await client.call('workload.patch', { id: 'inner', patch: { health: slow, restart: { policy: 'on-failure' } } });
    const { end } = await until('inner', (view) => view.end !== null);
    t.is(end?.cause, 'health');
    t.regex(end?.detail ?? '', /the command did not end within 300ms/);
    t.false(events.some(({ type }) => type === 'workload.exec'));
    const missing = { command: ['/no/such/program'], timeout: '3s' };
    await client.call('workload.patch', { id: 'inner', patch: { health: missing } });
    await until('inner', ({ end: last }) =>
      /the command (could not be started|ended with exit code 12[67])/.test(last?.detail ?? ''),
    );
    await client.call('workload.delete', { id: 'inner', now: true });
    while ((await client.call('workload.list')).workloads.some(({ id }) => id === 'inner'))
      await new Promise((resolve) => setTimeout(resolve, 50));
    t.is(host.run(`ls ${join(host.directory, 'run', 'workloads')}`), '');
  });

test.serial('a source outside of the trees of the node is refused, and leaves nothing', async (t) => {
  const outside = { mounts: [{ type: 'bind', source: '/etc', target: '/data' }] };
  const error = await t.throwsAsync(client.call('workload.create', { spec: spec('thief', outside) }));
  t.like(error, { code: 'not_permitted' });
  t.regex(error?.message ?? '', /mounts\.0\.source: \/etc is in no tree/);
  mkdirSync(join(data, 'sub'), { recursive: true });
  const added = { capabilities: { add: ['NET_ADMIN'] } };
  const refused = await t.throwsAsync(client.call('workload.create', { spec: spec('thief', added) }));
  t.regex(refused?.message ?? '', /capabilities\.add/);
  t.deepEqual(
    (await client.call('workload.list')).workloads.filter(({ id }) => id === 'thief'),
    [],
  );
});
