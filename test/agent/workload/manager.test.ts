import test from 'ava';
import { SysError } from '../../../linux/errors.js';
import { fakeDriver, newLife, specOf, state } from './fake-world.js';

async function started() {
  const life = newLife();
  await life.manager.recover();
  return life;
}

const deleted =
  (id = 'web-1') =>
  (event: { type: string; workload?: string }) =>
    event.type === 'workload.deleted' && event.workload === id;

test('create, run, delete: objects come and go, and the ledger is as before', async (t) => {
  const { manager, host, until, world } = await started();
  const before = manager.capacity();
  const spec = specOf({ resources: { cpu: { limit: 0.5 }, memory: { limit: '64Mi' }, pids: 10 } });
  const view = await manager.create(spec);
  t.is(view.state, 'pending');
  await until(state('running'));
  t.deepEqual(Object.fromEntries(host.cgroups.get('acme/web-1') ?? []), {
    'cpu.max': '50000 100000',
    'cpu.weight': '50',
    'memory.max': '67108864',
    'memory.oom.group': '1',
    'pids.max': '10',
  });
  t.is(host.links.size, 1);
  t.is(manager.actor('web-1').record.process?.pid, 101);
  await manager.setDesired('web-1', 'deleted');
  await until(deleted());
  t.deepEqual(host.left(), []);
  t.deepEqual(manager.capacity(), before);
  t.is(world.claims.routable, 65534);
  t.false(manager.has('web-1'));
});

test('the same spec again is a success, another one a conflict, and neither changes anything', async (t) => {
  const { manager, until, host } = await started();
  await manager.create(specOf());
  await until(state('running'));
  const calls = host.calls.length;
  t.is((await manager.create(specOf())).generation, 1);
  await t.throwsAsync(manager.create(specOf({ labels: { app: 'x' } })), { code: 'conflict' });
  t.is(host.calls.length, calls);
});

test('two creates of one id at once make one workload', async (t) => {
  const { manager, host, until } = await started();
  const outcomes = await Promise.allSettled([manager.create(specOf()), manager.create(specOf({ priority: 5 }))]);
  t.deepEqual(
    outcomes.map(({ status }) => status),
    ['fulfilled', 'rejected'],
  );
  await until(state('running'));
  t.is(host.held.size, 1);
});

test('a refusal tells why and leaves ledger, journal and kernel alone', async (t) => {
  const life = newLife({ config: { tenant: { acme: { workloads: 1 } } } });
  await life.manager.recover();
  await life.manager.create(specOf());
  await life.until(state('running'));
  const before = life.manager.capacity();
  const error = await t.throwsAsync(life.manager.create(specOf({ id: 'web-2' })), { code: 'admission_refused' });
  t.like(error, {
    data: { dimension: 'workloads', scope: 'tenant/acme', limit: 1, used: 1, requested: 1, shortBy: 1 },
  });
  t.false((await life.manager.fits(specOf({ id: 'web-2' }))).fits);
  t.deepEqual(life.manager.capacity(), before);
  t.deepEqual((await life.world.journal.load()).records.length, 1);
});

test('an exhausted pool has its own code', async (t) => {
  const life = newLife({ config: { network: { pool: '10.9.0.0/32' } } });
  await life.manager.recover();
  await life.manager.create(specOf());
  await t.throwsAsync(life.manager.create(specOf({ id: 'web-2' })), { code: 'address_pool_exhausted' });
  const { sandbox } = await life.manager.create(specOf({ id: 'web-3', network: { mode: 'host' } }));
  t.is(sandbox.address, null, 'a workload without an address is not refused');
});

test('the code a process ends with is kept, and nothing else of it', async (t) => {
  const { manager, host, until } = await started();
  await manager.create(specOf());
  await until(state('running'));
  host.end('web-1', { code: 7 });
  await until(state('failed'));
  const { end, process, sandbox } = manager.actor('web-1').record;
  t.like(end, { code: 7, cause: 'exit', detail: 'exited with code 7' });
  t.is(process, null);
  t.is(sandbox.address, null);
  t.deepEqual(host.left(), []);
});

test('restart on failure keeps the sandbox and counts', async (t) => {
  const { manager, host, until } = await started();
  await manager.create(specOf({ restart: { policy: 'on-failure', maxRetries: 1 } }));
  await until(state('running'));
  host.end('web-1', { code: 1 });
  await until((event) => event.type === 'workload.restarting');
  const { address } = manager.actor('web-1').record.sandbox;
  await until(() => manager.actor('web-1').record.state === 'running');
  t.is(manager.actor('web-1').record.sandbox.address, address);
  host.end('web-1', { code: 1 });
  await until(state('failed'));
  t.is(manager.actor('web-1').record.restarts, 1);
});

test('stop, start again, restart', async (t) => {
  const { manager, until, events } = await started();
  await manager.create(specOf());
  await until(state('running'));
  await manager.setDesired('web-1', 'stopped');
  await until(state('exited'));
  t.is(manager.actor('web-1').record.end?.cause, 'stopped');
  t.is(manager.capacity().find((row) => row.dimension === 'workloads')?.committed, 0);
  await manager.setDesired('web-1', 'running');
  await until((event) => state('running')(event) && manager.actor('web-1').record.process?.pid === 102);
  await manager.setDesired('web-1', 'running', { restart: true });
  await until(() => manager.actor('web-1').record.process?.pid === 103);
  t.is(events.filter(state('exited')).length, 1, 'a restart does not pass through rest');
});

test('freeze and thaw', async (t) => {
  const { manager, host, until } = await started();
  await manager.create(specOf());
  await until(state('running'));
  await manager.setDesired('web-1', 'frozen');
  await until(state('frozen'));
  t.is(host.cgroups.get('acme/web-1')?.get('cgroup.freeze'), '1');
  await manager.setDesired('web-1', 'running');
  await until((event) => event.type === 'workload.state' && event.data.from === 'frozen');
  t.is(host.cgroups.get('acme/web-1')?.get('cgroup.freeze'), '0');
});

test('a live resize changes limits and ledger; what cannot change is refused by name', async (t) => {
  const { manager, host, until } = await started();
  await manager.create(specOf({ resources: { cpu: { limit: 1 }, pids: 5 } }));
  await until(state('running'));
  const view = await manager.update('web-1', specOf({ resources: { cpu: { limit: 2 } } }));
  t.is(view.generation, 2);
  const files = host.cgroups.get('acme/web-1');
  t.is(files?.get('cpu.max'), '200000 100000');
  t.is(files?.get('pids.max'), 'max', 'a limit that is taken away is lifted');
  t.is(manager.capacity().find((row) => row.dimension === 'cpu')?.committed, 2);
  const changed = specOf({ exec: { command: ['/bin/false'] } });
  const error = await t.throwsAsync(manager.update('web-1', changed), { code: 'immutable_field' });
  t.like(error, { data: { changed: ['exec'] } });
  await t.throwsAsync(manager.update('web-1', specOf({ resources: { cpu: { limit: 400 } } })), {
    code: 'admission_refused',
  });
  t.is(files?.get('cpu.max'), '200000 100000');
});

test('a spec with a field of a later version: the same again is a success, a resize keeps the field', async (t) => {
  const { manager, until } = await started();
  await manager.create(specOf({}));
  await until(state('running'));
  const actor = manager.actor('web-1');
  const later = { ...actor.record.spec, later: { value: 1 } };
  await actor.patch({ spec: later });
  t.is((await manager.create(specOf({}))).generation, 1);
  t.is((await manager.update('web-1', specOf({ resources: { cpu: { limit: 2 } } }))).generation, 2);
  t.like(actor.record.spec, { later: { value: 1 }, resources: { cpu: { limit: 2 } } });
});

test('a resize that the kernel refuses leaves spec, ledger and limits as they were', async (t) => {
  const { manager, host, until } = await started();
  await manager.create(specOf({ resources: { cpu: { limit: 1 } } }));
  await until(state('running'));
  host.failNext = { call: 'cgroup.apply', error: new SysError('write', 22, { path: 'cpu.max' }) };
  await t.throwsAsync(manager.update('web-1', specOf({ resources: { cpu: { limit: 2 } } })), { instanceOf: SysError });
  t.is(manager.actor('web-1').record.generation, 1);
  t.is(host.cgroups.get('acme/web-1')?.get('cpu.max'), '100000 100000');
  t.is(manager.capacity().find((row) => row.dimension === 'cpu')?.committed, 1);
});

test('a start that fails says why and leaves nothing', async (t) => {
  const { manager, host, until } = await started();
  host.failNext = { call: 'supervisor.spawn', error: new SysError('posix_spawn', 13, { path: '/bin/true' }) };
  await manager.create(specOf());
  await until(state('failed'));
  const { error, end } = manager.actor('web-1').record;
  t.is(error?.code, 'start_failed');
  t.is(end?.cause, 'start');
  t.deepEqual(host.left(), []);
});

test('an object that cannot be removed at first keeps the workload visible until it is', async (t) => {
  const { manager, host, until, world } = await started();
  await manager.create(specOf());
  await until(state('running'));
  host.failNext = { call: 'network.remove', error: new SysError('RTM_DELLINK', 16, { path: 'bt' }) };
  await manager.setDesired('web-1', 'deleted');
  await until(deleted());
  t.deepEqual(host.left(), []);
  t.deepEqual((await world.journal.load()).records, []);
});

test('no network and the host network need no address and no link', async (t) => {
  const { manager, host, until } = await started();
  await manager.create(specOf({ id: 'alone', network: { mode: 'none' } }));
  await manager.create(specOf({ id: 'open', network: { mode: 'host' } }));
  await until(state('running', 'alone'));
  await until(state('running', 'open'));
  t.deepEqual([...host.netns], ['berth-alone']);
  t.is(host.links.size, 0);
});

test('a cordoned node takes nothing new and keeps what it has', async (t) => {
  const { manager, until } = await started();
  await manager.create(specOf());
  manager.setCordoned(true);
  await t.throwsAsync(manager.create(specOf({ id: 'web-2' })), { code: 'cordoned' });
  await until(state('running'));
  t.deepEqual(
    manager.records().map(({ id, state }) => `${id} ${state}`),
    ['web-1 running'],
  );
});

test('a grace of a month is a month: no kill comes before', async (t) => {
  let ask = (): void => undefined;
  const asked = new Promise<void>((resolve) => {
    ask = resolve;
  });
  const stop = async () => {
    ask();
    return true;
  };
  const life = newLife({
    config: { lifecycle: { stop_grace: '720h' } },
    world: { drivers: new Map([['exec', { ...fakeDriver, stop }]]) },
  });
  await life.manager.recover();
  await life.manager.create(specOf());
  await life.until(state('running'));
  await life.manager.setDesired('web-1', 'stopped');
  await asked;
  // A timer of Node that overflows fires after 1 ms; one that was set later fires after it.
  await new Promise((resolve) => setTimeout(resolve, 20));
  t.false(life.host.calls.includes('cgroup.kill'));
  life.host.end('web-1', { code: 0 });
  await life.until(state('exited'));
});
