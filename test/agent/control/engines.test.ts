// Who is told what of workloads that other engines run.
import test from 'ava';
import type { AgentService } from '../../../agent/control/service.js';
import { startHarness } from './harness.js';

test('a session with scopes is told the workloads of its tenants, and of an engine only how it does', async (t) => {
  const client = await (await startHarness(t)).connect();
  const [whole] = (await client.call('engine.list')).engines;
  t.like(whole, { workloads: 2, dropped: 1, socket: '/run/docker.sock', why: 'one is odd' });
  await client.call('session.hello', { scheduler: 'one', epoch: 1, scopes: ['globex'] });
  const [scoped] = (await client.call('engine.list')).engines;
  t.like(scoped, { name: 'docker', state: 'up', workloads: 1, dropped: 0, socket: null, why: null });
  const { engine, workloads } = await client.call('engine.get', { engine: 'docker' });
  t.deepEqual(engine, scoped);
  t.deepEqual(
    workloads.map(({ name }) => name),
    ['api'],
  );
});

test('a session with scopes is told how many of its own other engines run, and not what they hold together', async (t) => {
  const { service, connect } = await startHarness(t);
  const { describe, capacity } = service;
  Object.assign(service, {
    describe: () => ({ ...describe(), host: { cpus: 1, foreign: { docker: 2 } } }),
    capacity: (filter: Parameters<typeof capacity>[0]) => {
      const { shared, tenants } = capacity(filter);
      return { shared: shared.flatMap((row) => [row, { ...row, scope: 'engine/docker' }]), tenants };
    },
  } satisfies Partial<AgentService>);
  const client = await connect();
  const scopes = async (): Promise<string[]> => (await client.call('node.capacity')).rows.map(({ scope }) => scope);
  t.deepEqual((await client.call('node.describe')).host, { cpus: 1, foreign: { docker: 2 } });
  t.deepEqual(await scopes(), ['host', 'engine/docker', 'tenant/acme', 'tenant/globex']);
  const { node } = await client.call('session.hello', { scheduler: 'one', epoch: 1, scopes: ['globex'] });
  t.deepEqual(node.host, { cpus: 1, foreign: { docker: 1 } });
  t.deepEqual((await client.call('node.describe')).host, node.host);
  t.deepEqual(await scopes(), ['host', 'tenant/globex']);
});

test('an engine that berth does not know, and one that is not there, are errors', async (t) => {
  const client = await (await startHarness(t)).connect();
  await t.throwsAsync(client.call('engine.get', { engine: 'rkt' as never }), { code: 'invalid_params' });
  await t.throwsAsync(client.call('engine.get', { engine: 'podman' }), { code: 'not_found' });
});
