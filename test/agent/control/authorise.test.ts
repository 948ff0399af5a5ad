import test from 'ava';
import { BerthError } from '../../../protocol/errors.js';
import { type NodeSession, startScheduler, type TestScheduler } from '../../scheduler/scheduler.js';
import { specOf } from './fake-service.js';
import { type Harness, startHarness } from './harness.js';

/** A node whose one scheduler has these scopes, connected. */
async function withScheduler(
  t: Parameters<typeof startHarness>[0],
  scopes: readonly string[],
): Promise<Harness & { scheduler: TestScheduler; node: NodeSession }> {
  const scheduler = await startScheduler();
  const harness = await startHarness(t, { schedulers: [{ url: scheduler.url, scopes }] });
  t.teardown(() => scheduler.stop());
  return { ...harness, scheduler, node: await scheduler.node() };
}

test('a scheduler acts within its tenants only', async (t) => {
  const { node, connect } = await withScheduler(t, ['acme']);
  const local = await connect();
  await local.call('workload.create', { spec: specOf('theirs', 'globex') });
  t.is((await node.call('workload.create', { spec: specOf('mine', 'acme') })).id, 'mine');

  const forbidden = { code: 'not_permitted' };
  await t.throwsAsync(node.call('workload.create', { spec: specOf('other', 'globex') }), forbidden);
  await t.throwsAsync(node.call('workload.fits', { spec: specOf('other', 'globex') }), forbidden);
  // Somebody else's is told as one that is not there.
  const absent = { code: 'not_found', message: 'there is no workload "theirs"' };
  await t.throwsAsync(node.call('workload.update', { id: 'theirs', spec: specOf('theirs', 'acme') }), absent);
  await t.throwsAsync(node.call('workload.update', { id: 'mine', spec: specOf('mine', 'globex') }), forbidden);
  await t.throwsAsync(node.call('workload.list', { tenant: 'globex' }), forbidden);
  for (const method of ['get', 'delete', 'logs', 'start', 'stop', 'restart', 'freeze', 'thaw'] as const)
    await t.throwsAsync(node.call(`workload.${method}`, { id: 'theirs' }), absent, method);
  for (const method of ['node.cordon', 'node.uncordon', 'node.cleanup'] as const)
    await t.throwsAsync(node.call(method), forbidden, method);
  await t.throwsAsync(node.call('node.tune', { action: 'fix' }), forbidden);
  await t.throwsAsync(node.call('tenant.set', { tenant: 'acme', settings: { quota: { cpu: 99 } } }), forbidden);
  await t.throwsAsync(node.call('tenant.delete', { tenant: 'acme' }), forbidden);
  await t.throwsAsync(node.call('licence.lease', { licence: 'db', count: 9, ttl: 5000 }), forbidden);
  await t.throwsAsync(node.call('workload.reserve', { spec: specOf('other', 'globex') }), forbidden);
  await local.call('workload.reserve', { spec: specOf('kept', 'globex') });
  await t.throwsAsync(node.call('workload.release', { reservation: 'kept' }), { code: 'reservation_not_found' });
  const { reservations, windows } = await node.call('node.capacity');
  t.deepEqual(reservations, []);
  t.deepEqual(windows[0]?.changes, { cpu_overcommit: 8 });
  t.deepEqual(
    (await node.call('tenant.list')).tenants.map(({ name }) => name),
    ['acme'],
  );
  t.is((await node.call('licence.list')).licences[0]?.holders.length, 1);
  t.is((await node.call('licence.audit')).entries.length, 1);

  t.deepEqual(
    (await node.call('workload.list')).workloads.map(({ id }) => id),
    ['mine'],
  );
  t.deepEqual(
    (await node.call('node.capacity')).rows.map(({ scope }) => scope),
    ['host', 'tenant/acme'],
  );
  const top = await node.call('node.top');
  t.deepEqual(
    top.workloads.map(({ id }) => id),
    ['mine'],
  );
  const queued = [{ tenant: 'acme', queued: 1 }];
  t.deepEqual(top.starts.byTenant, queued);
  t.deepEqual((await node.call('node.describe')).starts.byTenant, queued);
  t.is((await local.call('node.top')).starts.byTenant.length, 2);
  t.is((await local.call('workload.list')).workloads.length, 2);
  await t.throwsAsync(node.call('workload.get', { id: 'nobody' }), { code: 'not_found' });
});

test('a session has others evicted where it covers them, and nowhere else', async (t) => {
  const { node, connect, service } = await withScheduler(t, ['acme', 'globex']);
  const local = await connect();
  await node.call('workload.create', { spec: specOf('a'), preempt: true });
  await node.call('workload.fits', { spec: specOf('b'), preempt: true });
  await node.call('workload.create', { spec: specOf('c') });
  await local.call('workload.create', { spec: specOf('d'), preempt: true });
  t.deepEqual(service.calls, [
    'create a preempting acme,globex',
    'fits b preempting acme,globex',
    'create c',
    'create d preempting all',
  ]);
});

test('who makes room for whom is not told across the scope of a session', async (t) => {
  const { node, connect, events, service } = await withScheduler(t, ['acme']);
  const local = await connect();
  const by = { workload: 'theirs', tenant: 'globex' };
  const victim = (id: string, tenant: string) => ({ id, tenant, class: 'besteffort', priority: 1 }) as const;
  const wait = (id: string, tenant: string) => ({ id, tenant, state: 'stopping', problem: null }) as const;
  const create = service.create;
  service.create = async (spec) => ({
    ...(await create(spec)),
    end: { at: 1, code: 0, signal: null, cause: 'preempted', detail: 'gone', by },
    evicted: { cause: 'preempted', detail: 'gone', at: 1, by },
    preemption: {
      ...{ at: 1, why: 'cpu', waitingFor: ['mine', 'theirs'] },
      victims: [victim('mine', 'acme'), victim('theirs', 'globex')],
    },
    waiting: { reason: 'preemption', waitedMs: 1, for: [wait('mine', 'acme'), wait('theirs', 'globex')] },
  });
  const seen = await node.call('workload.create', { spec: specOf('web') });
  t.notRegex(JSON.stringify(seen), /theirs|globex/);
  t.like(seen, { preemption: { waitingFor: ['mine'] }, end: { cause: 'preempted' }, waiting: { waitedMs: 1 } });
  t.deepEqual((await local.call('workload.create', { spec: specOf('web') })).end?.by, by);
  const told = (tenant: string) => ({ by: { workload: 'w', tenant }, detail: 'gone' });
  events.append({ type: 'workload.preempted', workload: 'web', tenant: 'acme', data: told('globex') });
  const { cursor } = events.append({ type: 'workload.preempted', workload: 'web', tenant: 'acme', data: told('acme') });
  await node.waitForEvent((event) => event.cursor === cursor);
  const data = node.events.filter(({ type }) => type === 'workload.preempted').map((event) => event.data);
  t.deepEqual(data, [{ detail: 'gone' }, told('acme')]);
});

test('events of other tenants are not told', async (t) => {
  const { node, events } = await withScheduler(t, ['acme']);
  events.append({ type: 'workload.created', workload: 'theirs', tenant: 'globex' });
  events.append({ type: 'reaper.removed', workload: 'whose' });
  events.append({ type: 'workload.created', workload: 'mine', tenant: 'acme' });
  const { cursor } = events.append({ type: 'node.cordoned' });
  await node.waitForEvent((event) => event.cursor === cursor);
  t.deepEqual(
    node.events.map(({ type, workload }) => workload ?? type),
    ['mine', 'node.cordoned'],
  );
});

test('hello narrows the configured scopes and never widens them', async (t) => {
  const { node } = await withScheduler(t, ['acme', 'globex']);
  const hello = (scopes: string[]) => node.call('session.hello', { scheduler: 'scheduler', epoch: 1, scopes });
  await hello(['globex', 'initech']);
  await t.throwsAsync(node.call('workload.create', { spec: specOf('a', 'acme') }), { code: 'not_permitted' });
  await t.throwsAsync(node.call('workload.create', { spec: specOf('a', 'initech') }), { code: 'not_permitted' });
  await t.notThrowsAsync(node.call('workload.create', { spec: specOf('a', 'globex') }));
  await t.throwsAsync(hello(['initech']), { code: 'not_permitted' });
  await t.throwsAsync(node.call('session.hello', { scheduler: 'another', epoch: 1 }), { code: 'not_permitted' });
});

test('a scheduler that asks before it has said hello is refused', async (t) => {
  const scheduler = await startScheduler({ id: 'unexpected' });
  t.teardown(() => scheduler.stop());
  await startHarness(t, { schedulers: [{ url: scheduler.url, id: 'expected' }] });
  t.regex(await scheduler.problem(), /^node-1: not_permitted: this node knows you as scheduler "expected"/);
});

test('a lower epoch is refused, also by the next life of the agent', async (t) => {
  const { connect, control } = await startHarness(t);
  const [newer, older] = [await connect(), await connect()];
  await newer.call('session.hello', { scheduler: 'central', epoch: 5 });
  await newer.call('session.hello', { scheduler: 'central', epoch: 5 });
  const refused = await t.throwsAsync(older.call('session.hello', { scheduler: 'central', epoch: 4 }));
  t.like(refused, { code: 'stale_epoch', data: { epoch: 4, seen: 5 } });
  t.is((await older.closed).code, 4001);
  await t.notThrowsAsync((await connect()).call('session.hello', { scheduler: 'other', epoch: 0 }));
  t.deepEqual(control.stats().closed, [{ reason: 'stale_epoch', count: 1 }]);
});

test('a newer epoch closes the older session, whose requests then fail', async (t) => {
  const { connect } = await startHarness(t);
  const [older, newer] = [await connect(), await connect()];
  await older.call('session.hello', { scheduler: 'central', epoch: 1 });
  await newer.call('session.hello', { scheduler: 'central', epoch: 2 });
  t.is((await older.closed).code, 4001);
  await t.throwsAsync(older.call('session.ping'), { instanceOf: BerthError, code: 'stale_epoch' });
  t.true((await newer.call('session.ping')).at > 0);
});

test('two hellos at one moment: the higher epoch wins, whichever comes first', async (t) => {
  for (const order of [
    [7, 6],
    [6, 7],
  ]) {
    const { connect } = await startHarness(t);
    const hello = async (epoch: number) => {
      const client = await connect();
      return { client, hello: () => client.call('session.hello', { scheduler: 'central', epoch }) };
    };
    const [six, seven] = [await hello(6), await hello(7)];
    await Promise.allSettled((order[0] === 6 ? [six, seven] : [seven, six]).map((one) => one.hello()));
    t.is((await six.client.closed).code, 4001);
    t.true((await seven.client.call('session.ping')).at > 0);
  }
});
