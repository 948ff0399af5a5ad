// The whole agent beside the real Docker: one ledger for both.
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { KINDS, RealEngine } from './discovery/engines/real.js';
import { OwnAgent } from './own-agent.js';
import { type OwnHost, openHost } from './own-host.js';
import { type Client, connect } from './told-client.js';

const GIB = 2 ** 30;

let host: OwnHost;
let docker: RealEngine;
let agent: OwnAgent;
let client: Client;

test.before(async () => {
  host = await openHost();
  docker = new RealEngine(KINDS.docker, mkdtempSync(join(tmpdir(), 'berth-docker-')));
  await docker.up();
  await docker.load();
  await docker.start('db', { memory: GIB, pids: 50 });
  agent = new OwnAgent({
    ...{ directory: host.directory, prefix: host.prefix, start: host.start },
    cgroup: `berth-engines-${process.pid}`,
    env: {
      BERTH_NETWORK_SLOTS: '0',
      BERTH_WEB_LISTEN: '',
      BERTH_DENSITY_LIMIT_MEMORY: '2Gi',
      BERTH_ENGINES_DOCKER_SOCKET: docker.socket,
      BERTH_ENGINES_PODMAN_AUTHORITY: 'off',
      BERTH_DRIVERS_EXTERNAL_ALLOW: '["sandbox", "namespace"]',
    },
  });
  await agent.start();
  client = await connect(agent.socket);
});

test.after.always(async () => {
  await client?.close();
  await agent?.end();
  await docker?.end();
  host?.end();
});

const room = async (): Promise<boolean> => {
  const resources = { memory: { request: '1536Mi' } };
  const exec = { isolation: 'none', command: ['/bin/true'], user: 'nobody' };
  const spec = { id: 'web', driver: 'exec', network: { mode: 'none' }, resources, exec };
  return (await client.call('workload.fits', { spec })).fits;
};

test.serial('a container is listed, and its limit is held in the ledger', async (t) => {
  // The agent is ready before its first look at other engines.
  while (await room()) await sleep(50);
  const { engine, workloads } = await client.call('engine.get', { engine: 'docker' });
  t.like(engine, { state: 'up', workloads: 1, why: null });
  t.like(workloads[0], { name: 'db', tenant: 'docker', limits: { cpu: 0.5, memory: GIB, pids: 50 } });
  const { rows } = await client.call('node.capacity', {});
  const held = rows.find(({ scope, dimension }) => scope === 'engine/docker' && dimension === 'memory');
  t.is(held?.committed, GIB);
  t.like((await client.call('node.describe')).host, { foreign: { docker: 1 } });
});

test.serial('what does not fit beside it is refused until it is gone', async (t) => {
  t.false(await room());
  const [db] = (await client.call('engine.get', { engine: 'docker' })).workloads;
  await docker.stop(db?.id ?? '');
  // By the event of its end, long before the next look.
  while (!(await room())) await sleep(50);
  t.deepEqual((await client.call('engine.get', { engine: 'docker' })).workloads, []);
});

test.serial('a container in the namespace of a sandbox counts once: the larger of both shares is held', async (t) => {
  const held = async (): Promise<number> => {
    const { rows } = await client.call('node.capacity', {});
    const both = rows.filter(
      ({ scope, dimension }) => dimension === 'memory' && ['engine/docker', 'kind/external'].includes(scope),
    );
    return both.reduce((sum, { committed }) => sum + committed, 0);
  };
  const id = await docker.start('joined', { memory: GIB });
  while ((await held()) !== GIB) await sleep(50);
  const external = { namespace: `/proc/${await docker.pid(id)}/ns/net` };
  const resources = { memory: { request: '256Mi' } };
  await client.call('workload.create', { spec: { id: 'sandbox', driver: 'external', external, resources } });
  while ((await client.call('workload.get', { id: 'sandbox' })).state !== 'running') await sleep(50);
  t.true((await held()) > GIB);
  // With the next event of Docker the agent looks again.
  const other = await docker.start('other', { memory: 16 << 20 });
  while ((await held()) !== GIB + (16 << 20)) await sleep(50);
  await client.call('workload.delete', { id: 'sandbox' });
  await docker.stop(other);
  while ((await held()) !== GIB) await sleep(50);
  await docker.stop(id);
  while ((await held()) !== 0) await sleep(50);
  t.is(await held(), 0);
});

test.serial('a container that the kernel kills at its limit is told with the limit and the victim', async (t) => {
  const hog = 'x=0123456789abcdef; while :; do x=$x$x; done';
  const id = await docker.start('hog', { memory: 16 << 20, command: ['/bin/sh', '-c', hog] });
  for await (const { type, tenant, data } of client.events(0)) {
    if (type !== 'engine.workload_ended' || data.id !== id) continue;
    t.is(tenant, 'docker');
    t.like(data, { engine: 'docker', name: 'hog', signal: 'SIGKILL', cause: 'limit', actor: 'kernel' });
    t.regex(String(data.detail), /^killed by the kernel at its memory limit/);
    t.like(data.victim, { command: 'sh' });
    break;
  }
});

test.serial('while Docker hangs the agent answers, and starts workloads', async (t) => {
  await docker.hang();
  t.teardown(() => docker.goOn());
  t.true(await room());
  t.is((await client.call('engine.list')).engines[0]?.name, 'docker');
});
