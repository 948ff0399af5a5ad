// The whole agent on a state disk that fills up: a tmpfs of 8 MiB in a mount namespace of its own.
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { type Client, connect } from '../../agent/control/client.js';
import type { WorkloadView } from '../../agent/workload/record.js';
import { OwnAgent } from './own-agent.js';
import { type OwnHost, openHost } from './own-host.js';

const PORT = 19_466;
let host: OwnHost;
let agent: OwnAgent;
let client: Client;

const state = (): string => join(host.directory, 'state');
const fill = (): string =>
  host.run(`dd if=/dev/zero of=${state()}/fill bs=4k 2>/dev/null; df --output=avail ${state()}`);
const empty = (): string => host.run(`rm -f ${state()}/fill`);

test.before(async () => {
  host = await openHost();
  host.run(`mkdir ${state()} && mount -t tmpfs -o size=8m tmpfs ${state()}`);
  const { directory, prefix, start } = host;
  const env = {
    BERTH_WEB_LISTEN: `127.0.0.1:${PORT}`,
    BERTH_LIFECYCLE_LOG_MAX: '64Ki',
    BERTH_LIFECYCLE_STOP_GRACE: '200ms',
  };
  agent = new OwnAgent({ directory, prefix, start, cgroup: `berth-test-disk-${process.pid}`, env });
  await agent.start();
  client = await connect(agent.socket);
});

test.after.always(async () => {
  await client.close();
  await agent.end();
  host.end();
});

const spec = (id: string, script: string, restart: object = {}) => ({
  ...{ id, driver: 'exec' as const, network: { mode: 'none' as const }, restart },
  exec: { command: ['/bin/sh', '-c', script] },
});

async function until(id: string, is: (view: WorkloadView) => boolean): Promise<WorkloadView> {
  for (;;) {
    const view = await client.call('workload.get', { id });
    if (is(view)) return view;
    await sleep(20);
  }
}

async function untilCondition(code: string, there: boolean): Promise<void> {
  for (;;) {
    const { conditions } = await client.call('node.describe', {});
    if (conditions.some((condition) => condition.code === code) === there) return;
    await sleep(50);
  }
}

/** As the host's own probe would see it. */
const readyz = (): string =>
  host.run(
    `python3 -c 'import http.client as h; c = h.HTTPConnection("127.0.0.1", ${PORT}); c.request("GET", "/readyz"); print(c.getresponse().status)'`,
  );

test.serial(
  'an end on a full disk is recorded, its workload comes back, and the node says what is wrong meanwhile',
  async (t) => {
    await client.call('workload.create', {
      spec: spec('ends', 'read x < /dev/null; sleep 2; exit 3', { policy: 'always' }),
    });
    const { process: first } = await until('ends', ({ process }) => process !== null);
    t.regex(fill(), /\b0\b/);
    await untilCondition('journal_unwritable', true);
    t.is(readyz().trim(), '503');
    const { end } = await until('ends', ({ end }) => end !== null);
    t.like(end, { code: 3, cause: 'exit' });
    empty();
    await untilCondition('journal_unwritable', false);
    await until('ends', ({ process }) => process !== null && process.pid !== first?.pid);
    await untilCondition('disk_full', false);
    t.is(readyz().trim(), '200');
    await client.call('workload.delete', { id: 'ends', now: true });
  },
);

test.serial(
  'on a full disk stop, delete and cordon work, create says why not, and nothing is a defect of berth',
  async (t) => {
    for (const id of ['stops', 'goes']) await client.call('workload.create', { spec: spec(id, 'exec sleep 600') });
    for (const id of ['stops', 'goes']) await until(id, ({ state: now }) => now === 'running');
    fill();
    await untilCondition('journal_unwritable', true);
    const refused = await t.throwsAsync(client.call('workload.create', { spec: spec('new', 'exec sleep 600') }));
    t.true(['disk_full', 'admission_refused'].includes((refused as { code?: string } | undefined)?.code ?? ''));
    await client.call('workload.stop', { id: 'stops' });
    await until('stops', ({ state: now }) => now === 'exited');
    await client.call('workload.delete', { id: 'goes' });
    for (const id of ['goes'])
      while ((await client.call('workload.list', {})).workloads.some((one) => one.id === id)) await sleep(20);
    await client.call('node.cordon', {});
    await client.call('node.uncordon', {});
    empty();
    await untilCondition('disk_full', false);
    await client.call('workload.create', { spec: spec('new', 'exec sleep 600') });
    await until('new', ({ state: now }) => now === 'running');
    for (const id of ['stops', 'new']) await client.call('workload.delete', { id, now: true });
  },
);
