// The start governor in the real agent: what settles is read from real cgroups, and whatever ends a start frees its place.
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { OwnAgent } from './own-agent.js';
import { type OwnHost, openHost } from './own-host.js';
import { type Client, connect } from './told-client.js';

let host: OwnHost;
let agent: OwnAgent;
let client: Client;

/** Nothing that this machine is busy with may lower the bound. */
const BLIND = ['cpu_pressure = 1', 'io_pressure = 1', 'memory_pressure = 1', 'network_latency = "1h"'];

const config = () => join(host.directory, 'berth.toml');
const govern = (...lines: string[]) => writeFileSync(config(), ['[governor]', ...BLIND, ...lines].join('\n'));

test.before(async () => {
  host = await openHost();
  govern('max_settling = 1', 'settle_timeout = "1h"', 'start_latency_factor = 100');
  agent = new OwnAgent({
    ...{ directory: host.directory, prefix: host.prefix, start: host.start, args: ['--config', config()] },
    cgroup: `berth-test-governor-${process.pid}`,
    env: {
      BERTH_NETWORK_POOL: '10.221.0.0/24',
      BERTH_NETWORK_TABLE: 'berth_testgov',
      BERTH_NETWORK_LINK_PREFIX: 'bg',
      BERTH_NETWORK_SLOTS: '0',
      BERTH_WEB_LISTEN: '127.0.0.1:9467',
      BERTH_DENSITY_DEFAULT_CPU_REQUEST: '0.01',
      BERTH_DENSITY_DEFAULT_MEMORY_REQUEST: '1Mi',
    },
  });
  await agent.start();
  client = await connect(agent.socket);
});

test.after.always(async () => {
  await client?.close();
  await agent.end();
  host.end();
});

/** Works for a cpu until the file is there, and rests then. */
const boots = (until: string) => `while [ ! -e ${until} ]; do :; done; exec sleep 100000`;

const create = (id: string, program = 'exec sleep 100000') =>
  client.call('workload.create', {
    spec: {
      ...{ id, driver: 'exec', network: { mode: 'host' } },
      exec: { isolation: 'none', command: ['/bin/sh', '-c', program] },
    },
  });

/** Waits for the state; a failure ends the wait. */
async function reach(t: ExecutionContext, id: string, state: string): Promise<void> {
  for (;;) {
    const { workloads } = await client.call('workload.list', {});
    const found = workloads.find((one) => one.id === id);
    const seen = found?.state ?? 'deleted';
    if (seen === state || seen === 'failed') {
      t.is(seen, state, `${id}: ${found?.error?.message}`);
      return;
    }
    await sleep(50);
  }
}

async function isQueued(id: string): Promise<void> {
  while ((await client.call('workload.get', { id })).waiting?.reason !== 'start_queue') await sleep(50);
}

const starts = async () => (await client.call('node.describe', {})).starts;

test.serial('a program that works keeps its place until it rests; a delete does not wait for one', async (t) => {
  const ready = join(host.directory, 'ready');
  await create('boots', boots(ready));
  await reach(t, 'boots', 'running');
  await create('next');
  await create('never');
  await isQueued('next');
  await isQueued('never');
  t.like(await starts(), { settling: 1, bound: 1, queued: 2 });
  await client.call('workload.delete', { id: 'never', now: true });
  await reach(t, 'never', 'deleted');
  t.false(existsSync(ready));
  writeFileSync(ready, '');
  await reach(t, 'next', 'running');
});

test.serial('a program that works and ends, is killed or is deleted frees its place', async (t) => {
  const ends: Readonly<Record<string, (id: string) => Promise<unknown>>> = {
    exits: async () => writeFileSync(join(host.directory, 'exits'), ''),
    stopped: (id) => client.call('workload.stop', { id }),
    deleted: (id) => client.call('workload.delete', { id, now: true }),
    frozen: (id) => client.call('workload.freeze', { id }),
  };
  for (const [how, end] of Object.entries(ends)) {
    await create(how, `while [ ! -e ${join(host.directory, how)} ]; do :; done`);
    await reach(t, how, 'running');
    await create(`after-${how}`);
    await isQueued(`after-${how}`);
    await end(how);
    await reach(t, `after-${how}`, 'running');
  }
});

test.serial('killed while one settles and one waits, the next agent starts the one that waits', async (t) => {
  await create('works', boots(join(host.directory, 'never-there')));
  await reach(t, 'works', 'running');
  await create('waits');
  await isQueued('waits');
  await client.close();
  await agent.kill('SIGKILL');
  await agent.start();
  client = await connect(agent.socket);
  await reach(t, 'waits', 'running');
  await reach(t, 'works', 'running');
  await client.call('workload.delete', { id: 'works', now: true });
  await reach(t, 'works', 'deleted');
});

test.serial('with room for them no start waits, one by one or at once, and nothing settles afterwards', async (t) => {
  govern('start_latency_factor = 100');
  await client.call('node.reload');
  const before = (await starts()).totals.granted;
  for (let at = 0; at < 6; at++) {
    await create(`one-${at}`);
    await reach(t, `one-${at}`, 'running');
  }
  await Promise.all(Array.from({ length: 8 }, (_, at) => create(`many-${at}`)));
  for (let at = 0; at < 8; at++) await reach(t, `many-${at}`, 'running');
  while ((await starts()).settling > 0) await sleep(50);
  const { queued, totals } = await starts();
  t.deepEqual([queued, totals.granted - before, totals.refused, totals.expired], [0, 14, 0, 0]);
  t.deepEqual(
    (await queuedSoFar()).filter((id) => /^(one|many)-/.test(id)),
    [],
    'no start of these was queued',
  );
});

/** Of which an event said that they were queued. */
async function queuedSoFar(): Promise<string[]> {
  const queued: string[] = [];
  const { cursor } = await client.call('events.subscribe', {});
  for await (const event of client.events(0)) {
    if (event.type === 'start.queued') queued.push(event.workload ?? '');
    if (event.cursor >= cursor) break;
  }
  return queued;
}
