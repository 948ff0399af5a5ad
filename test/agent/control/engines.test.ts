// Who is told what of workloads that other engines run.
import test from 'ava';
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

test('an engine that berth does not know, and one that is not there, are errors', async (t) => {
  const client = await (await startHarness(t)).connect();
  await t.throwsAsync(client.call('engine.get', { engine: 'rkt' as never }), { code: 'invalid_params' });
  await t.throwsAsync(client.call('engine.get', { engine: 'podman' }), { code: 'not_found' });
});
