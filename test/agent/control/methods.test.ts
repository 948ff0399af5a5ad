import test from 'ava';
import { METHODS, type MethodName } from '../../../agent/control/methods.js';
import { SPARE } from './fake-images.js';
import { DRAIN, fakeService, specOf } from './fake-service.js';
import { startHarness } from './harness.js';

test('every method makes the round trip', async (t) => {
  const { connect, service } = await startHarness(t);
  const client = await connect();
  const done = new Set<MethodName>();
  const call: typeof client.call = async (method, ...args) => {
    done.add(method);
    return client.call(method, ...args);
  };

  const hello = await call('session.hello', { scheduler: 'person', epoch: 1 });
  t.is(hello.protocol, 'berth.v1');
  t.is(hello.node.name, 'fake');
  t.is(hello.acked, 0);
  t.true((await call('session.ping')).at > 0);
  t.deepEqual(await call('node.describe'), { ...fakeService().describe(), session: hello.session });
  t.is((await call('node.capacity')).rows.length, 3);
  t.deepEqual(await call('node.cordon'), { cordoned: true });
  t.true((await call('node.describe')).cordoned);
  t.deepEqual(await call('node.drain', { deadline: 5000, keepClass: 'guaranteed' }), { drain: DRAIN });
  t.like(await call('node.drain', { dryRun: true, grace: 1 }), {
    drain: null,
    plan: [{ id: 'web', graceMs: 1 }],
    more: 0,
  });
  t.deepEqual(await call('node.uncordon'), { cordoned: false, resumed: 2 });
  t.deepEqual(await call('node.reload'), { restart: [], unmet: [] });
  t.is((await call('node.doctor')).conditions[0]?.code, 'fine');
  t.deepEqual(await call('node.cleanup'), { removed: ['netns/berth-old'] });
  t.is((await call('node.tune', { action: 'fix' })).settings[0]?.now, 4000);
  t.is((await call('workload.fits', { spec: specOf('web') })).more, 7);
  const { reservation } = await call('workload.reserve', { spec: specOf('web'), ttl: 5000 });
  t.is((await call('node.capacity')).reservations[0]?.reservation, reservation);
  t.is((await call('workload.release', { reservation })).id, 'web');
  t.deepEqual(await call('cni.call', { command: 'STATUS' }), { code: 0, output: '{}' });
  t.is((await call('engine.list')).engines.length, 2);
  t.is((await call('engine.get', { engine: 'docker' })).workloads.length, 2);
  t.is((await call('tenant.list')).tenants.length, 2);
  const change = { tenant: 'acme', settings: { quota: { memory: '1Gi' } }, create: true, evict: true };
  t.deepEqual((await call('tenant.set', change)).evicted, ['web']);
  t.deepEqual(await call('tenant.delete', { tenant: 'acme' }), { deleted: 'acme' });
  t.is((await call('licence.list')).licences[0]?.holders.length, 2);
  t.is((await call('licence.lease', { licence: 'db', count: 2, ttl: 60_000 })).name, 'db');
  t.is((await call('licence.audit')).entries.length, 2);
  t.is((await call('workload.create', { spec: specOf('web') })).spec.class, 'burstable');
  t.is((await call('workload.update', { id: 'web', spec: { ...specOf('web'), priority: 7 } })).generation, 2);
  t.is((await call('workload.patch', { id: 'web', patch: { priority: 8 } })).generation, 3);
  t.is((await call('workload.get', { id: 'web' })).id, 'web');
  t.like((await call('node.top')).workloads[0], { id: 'web', tenant: 'acme', cpu: null, waiting: null });
  t.is((await call('workload.list')).workloads.length, 1);
  t.is((await call('workload.list', { tenant: 'globex' })).workloads.length, 0);
  t.is((await call('workload.list', { state: 'failed' })).workloads.length, 0);
  t.is((await call('workload.stop', { id: 'web' })).desired, 'stopped');
  t.is((await call('workload.start', { id: 'web' })).desired, 'running');
  t.is((await call('workload.freeze', { id: 'web' })).desired, 'frozen');
  t.is((await call('workload.thaw', { id: 'web' })).desired, 'running');
  t.is((await call('workload.restart', { id: 'web' })).desired, 'running');
  t.deepEqual(await call('workload.logs', { id: 'web', offset: 3 }), { next: 8, text: 'web:65536', end: true });
  const { stream } = await call('workload.exec', { id: 'web', command: ['cat'] });
  t.is(stream, 1);
  t.deepEqual(await call('workload.console', { id: 'web' }), { stream: 2 });
  t.deepEqual(await call('workload.copy', { id: 'web', direction: 'from', path: '/srv/a' }), { stream: 3 });
  await call('workload.copy', { id: 'web', direction: 'from', path: '/', as: 'root' });
  t.deepEqual(await call('stream.credit', { stream, bytes: 1 }), { stream });
  t.deepEqual(await call('stream.input', { stream, data: 'aGVsbG8=' }), { stream });
  t.deepEqual(await call('stream.resize', { stream, columns: 80, rows: 24 }), { stream });
  t.deepEqual(await call('stream.signal', { stream, signal: 'SIGTERM' }), { stream });
  t.deepEqual(await call('stream.close', { stream }), { stream });
  t.like(await call('workload.snapshot', { id: 'web', keepRunning: true }), { workload: 'web', live: true });
  t.like(await call('workload.snapshot', { id: 'web' }), { live: false });
  t.is((await call('snapshot.list')).snapshots.length, 2);
  t.deepEqual(
    (await call('snapshot.list', { workload: 'vm-2' })).snapshots.map(({ tenant }) => tenant),
    ['globex'],
  );
  t.is((await call('snapshot.delete', { id: 'web', name: '0001' })).workload, 'web');
  t.is((await call('volume.list', {})).volumes.length, 2);
  t.deepEqual(await call('volume.delete', { tenant: 'acme', name: 'data' }), {
    deleted: { tenant: 'acme', name: 'data' },
  });
  t.is((await call('volume.prune', { dryRun: true })).volumes.length, 1);
  const { images, pulling } = await call('image.list');
  t.deepEqual([images.length, pulling], [2, []]);
  t.deepEqual((await call('image.pull', { image: 'docker://debian:13' })).names, [
    'docker://docker.io/library/debian:13',
  ]);
  t.is((await call('image.delete', { image: SPARE })).freed, 110);
  t.is((await call('image.prune', { dryRun: true })).images.length, 1);
  t.deepEqual(await call('events.subscribe', {}), { from: 1, cursor: 0, gap: false });
  t.deepEqual(await call('events.ack', { cursor: 0 }), { acked: 0 });
  t.is((await call('workload.delete', { id: 'web', now: true })).desired, 'deleted');

  t.deepEqual([...done].sort(), Object.keys(METHODS).sort());
  t.deepEqual(service.calls, [
    'cordon',
    'drain {"deadlineMs":5000,"graceMs":null,"keepClass":"guaranteed","tenant":null,"selector":null}',
    'uncordon',
    'reload',
    'cleanup',
    'tune fix',
    'reserve web 5000',
    'release web.1.2',
    'cni STATUS',
    'tenant acme {"quota":{"memory":1073741824}} create evict',
    'delete tenant acme',
    'lease db person 2 60000',
    'create web',
    'update web',
    'patch web',
    'stop web',
    'start web',
    'freeze web',
    'thaw web',
    'restart web',
    'exec web cat',
    'console web',
    'copy web from /srv/a a',
    'copy web from / root',
    'snapshot web',
    'snapshot web',
    'delete snapshot web',
    'delete volume acme data',
    'prune volumes dry',
    'pull docker://debian:13 always',
    `delete image ${SPARE}`,
    'prune images dry',
    'delete web now',
  ]);
});

test('errors of the service arrive with code, hint and data', async (t) => {
  const client = await (await startHarness(t)).connect();
  const missing = await t.throwsAsync(client.call('workload.get', { id: 'nobody' }));
  t.like(missing, { name: 'BerthError', code: 'not_found', hint: 'See `berth workload list`.' });
  await client.call('workload.create', { spec: specOf('a') });
  await t.throwsAsync(client.call('workload.create', { spec: specOf('a', 'globex') }), { code: 'conflict' });
  const invalid = await t.throwsAsync(client.call('workload.create', { spec: { ...specOf('b'), colour: 'red' } }));
  t.like(invalid, { code: 'invalid_spec' });
  t.regex(JSON.stringify((invalid as Error & { data: unknown }).data), /colour/);
});

test('parameters are checked by name', async (t) => {
  const client = await (await startHarness(t)).connect();
  await t.throwsAsync(client.call('workload.get', { id: 'UPPER' }), { code: 'invalid_params', message: /^id: / });
  await t.throwsAsync(client.call('workload.list', { state: 'asleep' as never }), {
    code: 'invalid_params',
    message: /^state: /,
  });
  const surplus = { id: 'web', force: true };
  await t.throwsAsync(client.call('workload.get', surplus), { code: 'invalid_params', message: /force/ });
});

test('acknowledged cursors need a name, and only rise', async (t) => {
  const { connect, events } = await startHarness(t);
  const client = await connect();
  for (let i = 0; i < 5; i++) events.append({ type: 'agent.started' });
  await t.throwsAsync(client.call('events.ack', { cursor: 1 }), { code: 'invalid_state' });
  await client.call('session.hello', { scheduler: 'person', epoch: 0 });
  t.deepEqual(await client.call('events.ack', { cursor: 3 }), { acked: 3 });
  t.deepEqual(await client.call('events.ack', { cursor: 2 }), { acked: 3 });
  t.deepEqual(await client.call('events.ack', { cursor: 99 }), { acked: 5 });
  t.is((await client.call('session.hello', { scheduler: 'person', epoch: 0 })).acked, 5);
});

test('requests are counted by method and result', async (t) => {
  const { connect, control } = await startHarness(t);
  const client = await connect();
  await client.call('session.ping');
  await client.call('session.ping');
  await t.throwsAsync(client.call('workload.get', { id: 'nobody' }));
  const { requests } = control.stats();
  t.deepEqual(
    requests.filter(({ count }) => count > 0),
    [
      { method: 'session.ping', result: 'ok', count: 2 },
      { method: 'workload.get', result: 'not_found', count: 1 },
    ],
  );
  // A counter that appears with its first event hides that event from `increase`.
  const zeros = requests.filter(({ count, result }) => count === 0 && result === 'ok').map(({ method }) => method);
  t.deepEqual([...zeros, 'session.ping'].sort(), Object.keys(METHODS).sort());
  t.deepEqual(control.stats().sessions, { local: 1, scheduler: 0 });
});

test('workload.list in pages: each says where the next begins, the last one does not, and without `limit` all come', async (t) => {
  const client = await (await startHarness(t)).connect();
  for (const id of ['e', 'b', 'd', 'a', 'c']) await client.call('workload.create', { spec: specOf(id) });
  const idsOf = ({ workloads }: { readonly workloads: readonly { readonly id: string }[] }) =>
    workloads.map(({ id }) => id);
  const first = await client.call('workload.list', { limit: 2 });
  t.deepEqual([idsOf(first), first.next], [['a', 'b'], 'b']);
  // What the cursor names need not be there any more.
  await client.call('workload.delete', { id: 'b', now: true });
  const second = await client.call('workload.list', { limit: 2, cursor: 'b' });
  t.deepEqual([idsOf(second), second.next], [['c', 'd'], 'd']);
  const third = await client.call('workload.list', { limit: 2, cursor: 'd' });
  t.deepEqual([idsOf(third), third.next], [['e'], undefined]);
  const all = await client.call('workload.list');
  t.deepEqual([idsOf(all), 'next' in all], [['a', 'c', 'd', 'e'], false]);
  for (const limit of [0, 1001, 1.5])
    await t.throwsAsync(client.call('workload.list', { limit }), { code: 'invalid_params' });
});
