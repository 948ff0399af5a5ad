// Health probes and mounts by a real agent: what the workload serves decides whether it is ready, an agent that is killed meanwhile
// asks again, and what stays unwell is started again.
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { type Client, connect } from '../../agent/control/client.js';
import type { WorkloadView } from '../../agent/model/record.js';
import { OwnAgent } from './own-agent.js';
import { type OwnHost, openHost } from './own-host.js';

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
