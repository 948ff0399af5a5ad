// What the ledger's answers mean for workloads: dry run, who would have to go, licences, tenants changed live.
import test from 'ava';
import { TenantAdmin } from '../../../agent/density/tenant-admin.js';
import { parseTenantChange } from '../../../agent/density/tenant-settings.js';
import { FakeClock } from '../density/fake-clock.js';
import { newLife, specOf, state } from './fake-world.js';

async function started(config: Record<string, unknown>) {
  const clock = new FakeClock();
  const life = newLife({ config, clock });
  await life.manager.recover();
  const { manager, world } = life;
  const admin = new TenantAdmin(
    world.density,
    (tenant) => manager.tenants().has(tenant),
    () => manager.tenants(),
  );
  const set = (name: string, change: object, create = false) => admin.set(name, parseTenantChange(change), create);
  return { ...life, clock, admin, set };
}
const cores = (request: number) => ({ resources: { cpu: { request } } });

test('fits tells what refuses first, how many more there are, and the fewest that would have to go', async (t) => {
  const life = await started({ density: { cpu_overcommit: 1, reserved_cpu: 0 } });
  await life.manager.create(specOf({ id: 'small', class: 'besteffort', ...cores(0.5) }));
  await life.manager.create(specOf({ id: 'large', class: 'besteffort', priority: 200, ...cores(2) }));
  await life.manager.create(specOf({ id: 'peer', ...cores(1) }));
  const yes = await life.manager.fits(specOf({ id: 'x', ...cores(0.1) }));
  t.like(yes, { fits: true, more: 5, wouldGo: null });
  t.deepEqual(yes.room[0], { scope: 'host', dimension: 'cpu', more: 5 });
  const no = await life.manager.fits(specOf({ id: 'x', ...cores(2) }));
  t.like(no, { fits: false, more: 0 });
  t.like(no.refusals[0], { dimension: 'cpu', scope: 'host', shortBy: 1.5 });
  t.deepEqual(
    no.wouldGo?.map(({ id }) => id),
    ['large'],
    'the small one alone would not do, and is not needed then',
  );
  const lower = await life.manager.fits(specOf({ id: 'x', class: 'besteffort', priority: 100, ...cores(2) }));
  t.is(lower.wouldGo, null, 'nobody has to go for an equal');
});

test('a licence is counted from admission to the end, and refused by the name of its pool', async (t) => {
  const life = await started({ licence: { db: { count: 1 } } });
  const spec = specOf({ resources: { licences: { db: 1 } } });
  await life.manager.create(spec);
  const second = life.manager.create(specOf({ id: 'web-2', resources: { licences: { db: 1 } } }));
  const error = await t.throwsAsync(second, { code: 'admission_refused' });
  t.like(error, { data: { scope: 'licence/db', dimension: 'licences', limit: 1, used: 1, shortBy: 1 } });
  const unknown = life.manager.create(specOf({ id: 'x', resources: { licences: { other: 1 } } }));
  await t.throwsAsync(unknown, { code: 'licence_unknown' });
  await life.until(state('running'));
  await life.manager.setDesired('web-1', 'stopped');
  await life.until(state('exited'));
  await life.manager.create(specOf({ id: 'web-2', resources: { licences: { db: 1 } } }));
  const entries = await life.world.density.audit.read();
  t.deepEqual(
    entries.map(({ type, workload, tenant, count }) => [type, workload, tenant, count]),
    [
      ['grant', 'web-1', 'acme', 1],
      ['return', 'web-1', 'acme', 1],
      ['grant', 'web-2', 'acme', 1],
    ],
  );
});

test('what one licence covers: instance, vcpu, core, socket', async (t) => {
  const pool = (per: string) => ({ count: 100, per });
  const life = newLife({
    config: { licence: { i: pool('instance'), v: pool('vcpu'), c: pool('core'), s: pool('socket') } },
    size: { physicalCores: 2, sockets: 2 },
  });
  await life.manager.recover();
  const resources = { cpu: { limit: 2.5 }, licences: { i: 2, v: 1, c: 1, s: 1 } };
  await life.manager.create(specOf({ resources }));
  const used = (name: string) => life.world.density.ledger.pool(`licence/${name}`).committed;
  t.deepEqual(['i', 'v', 'c', 's'].map(used), [2, 3, 2, 2]);
});

test('where the pool allows it, a workload goes without, says so, and is not counted after a restart either', async (t) => {
  const config = { licence: { db: { count: 1, on_exhausted: 'downgrade' } } };
  const life = await started(config);
  const spec = (id: string) => specOf({ id, resources: { licences: { db: 1 } } });
  await life.manager.create(spec('a'));
  t.deepEqual((await life.manager.fits(spec('b'))).downgraded, ['db']);
  const view = await life.manager.create(spec('b'));
  t.deepEqual(view.downgraded, ['db']);
  t.true(life.events.some(({ type, workload }) => type === 'licence.downgraded' && workload === 'b'));
  t.is(life.world.density.ledger.pool('licence/db').committed, 1);
  await life.until(state('running', 'b'));
  await life.journal.idle();
  life.host.revive();
  const next = newLife({ host: life.host, directory: life.directory, config });
  await next.manager.recover();
  t.is(next.world.density.ledger.pool('licence/db').committed, 1);
  t.is(
    (await next.world.density.audit.read()).filter(({ type }) => type === 'grant').length,
    1,
    'nothing is told twice',
  );
});

test('a lease adds licences until it runs out; then nothing starts, and what runs is reported', async (t) => {
  const life = await started({ licence: { db: {} } });
  const { density } = life.world;
  const spec = (id: string) => specOf({ id, resources: { licences: { db: 1 } } });
  await t.throwsAsync(life.manager.create(spec('a')), { code: 'admission_refused' });
  await density.lease('db', 'central', 2, 60_000);
  await life.manager.create(spec('a'));
  life.clock.set(0);
  await life.manager.create(spec('b'));
  life.clock.pass(60_001);
  await t.throwsAsync(life.manager.create(spec('c')), { code: 'admission_refused' });
  t.true(life.manager.has('b'));
  density.look();
  t.deepEqual(density.status().overLicence, ['db: 2 in use, 0 there']);
  t.true(life.events.some(({ type }) => type === 'licence.over'));
  const types = (await density.audit.read()).map(({ type }) => type);
  t.deepEqual(types, ['lease', 'grant', 'grant', 'expire']);
  await t.throwsAsync(async () => density.lease('none', 'central', 1, 1000), { code: 'licence_unknown' });
});

test('a lease outlives the agent with the time that is left', async (t) => {
  const life = await started({ licence: { db: {} } });
  await life.world.density.lease('db', 'central', 2, 60_000);
  life.clock.pass(50_000);
  const next = newLife({ directory: life.directory, clock: life.clock, config: { licence: { db: {} } } });
  await next.world.density.load();
  t.like(next.world.density.licences.leases('db')[0], { scheduler: 'central', count: 2 });
  life.clock.pass(10_001);
  t.is(next.world.density.rows().find(({ scope }) => scope === 'licence/db')?.allocatable, 0);
});

test('that a lease has run out is told once, however often the agent starts', async (t) => {
  const life = await started({ licence: { db: {} } });
  await life.world.density.lease('db', 'central', 2, 60_000);
  life.clock.pass(60_001);
  for (let start = 0; start < 3; start++) {
    const { density } = newLife({
      directory: life.directory,
      clock: life.clock,
      config: { licence: { db: {} } },
    }).world;
    await density.load();
    await density.licences.save();
    const types = (await density.audit.read()).map(({ type }) => type);
    t.deepEqual(types, ['lease', 'expire'], `start ${start}`);
  }
});

test('what the audit has missed is told at a start, and once: another count is a return and a grant', async (t) => {
  const life = await started({ licence: { db: { count: 9 }, x: { count: 9 } } });
  const { density } = life.world;
  const entry = { at: 1, licence: 'db', tenant: 'acme' } as const;
  density.audit.append({ ...entry, type: 'grant', count: 1, workload: 'web-1' });
  density.audit.append({ ...entry, type: 'grant', count: 1, workload: 'web-1', licence: 'x' });
  density.audit.append({ ...entry, type: 'grant', count: 3, workload: 'gone' });
  density.adopt('web-1', density.demand(specOf({ resources: { licences: { db: 2 } } }), { overhead: 0, tap: false }));
  const told = async () =>
    (await density.audit.find({ since: 2 })).map(({ entry: { type, workload, licence, count } }) => [
      ...[type, workload, licence, count],
    ]);
  const missed = [
    ['return', 'web-1', 'db', 1],
    ['return', 'web-1', 'x', 1],
    ['return', 'gone', 'db', 3],
    ['grant', 'web-1', 'db', 2],
  ];
  await density.reconcileAudit();
  t.deepEqual(await told(), missed);
  await density.reconcileAudit();
  t.deepEqual(await told(), missed);
});

test('a quota counts from the moment it is set, and after a restart', async (t) => {
  const life = await started({ tenant: { acme: { cpu: 1 } } });
  await t.throwsAsync(life.manager.create(specOf(cores(2))), { code: 'admission_refused' });
  await life.set('acme', { quota: { cpu: 2 } });
  await life.manager.create(specOf(cores(2)));
  const next = newLife({ host: life.host, directory: life.directory, config: { tenant: { acme: { cpu: 1 } } } });
  await next.world.density.load();
  t.is(next.world.density.tenants.get('acme').quota.cpu, 2);
});

test('a quota below its use: nothing new starts, what runs goes on, and it is told; the order of eviction is known', async (t) => {
  const life = await started({});
  await life.manager.create(specOf({ id: 'a', priority: 500, ...cores(1) }));
  await life.manager.create(specOf({ id: 'b', priority: 10, ...cores(1) }));
  await life.manager.create(specOf({ id: 'c', class: 'besteffort', priority: 900, ...cores(0.5) }));
  const view = await life.set('acme', { quota: { cpu: 1.5 } });
  t.deepEqual(view.over, ['cpu']);
  t.true(life.events.some(({ type, tenant }) => type === 'tenant.over_quota' && tenant === 'acme'));
  t.deepEqual(life.world.density.status().overQuota, ['acme: cpu 2.5 of 1.5']);
  await t.throwsAsync(life.manager.create(specOf({ id: 'd', ...cores(0.1) })), { code: 'admission_refused' });
  t.deepEqual(
    life.admin.overdue('acme').map(({ id }) => id),
    ['b'],
    'c alone would not do, and is not needed then',
  );
  await life.set('acme', { quota: { cpu: null } });
  t.deepEqual(life.admin.overdue('acme'), []);
});

test('tenants: unknown, in use, in the file; guaranteed shares that do not fit', async (t) => {
  const life = await started({ tenant: { filed: {} }, licence: { db: {} } });
  await t.throwsAsync(life.set('nobody', { quota: { cpu: 1 } }), { code: 'tenant_unknown' });
  await life.set('nobody', { quota: { cpu: 1 } }, true);
  await life.manager.create(specOf({ tenant: 'nobody', ...cores(0.1) }));
  await t.throwsAsync(life.admin.delete('nobody'), { code: 'tenant_in_use' });
  await t.throwsAsync(life.admin.delete('filed'), { code: 'tenant_in_file' });
  await t.throwsAsync(life.admin.delete('none'), { code: 'tenant_unknown' });
  await t.throwsAsync(life.set('filed', { guaranteed: { cpu: 1 }, quota: { cpu: 0.5 } }), {
    code: 'invalid_quota',
    message: 'guaranteed.cpu of tenant "filed" would be 1, more than its quota of 0.5',
  });
  await t.throwsAsync(life.set('filed', { guaranteed: { cpu: 1000 } }), { code: 'guarantee_too_large' });
  await t.throwsAsync(life.set('filed', { licences: { other: 1 } }), { code: 'licence_unknown' });
  await life.set('filed', { guaranteed: { cpu: 13 } });
  await t.throwsAsync(life.manager.create(specOf({ id: 'x', ...cores(1) })), { code: 'admission_refused' });
  await life.manager.create(specOf({ id: 'x', tenant: 'filed', ...cores(13) }));
  await life.until(state('running', 'web-1'));
  await life.manager.setDesired('web-1', 'deleted', { now: true });
  await life.until(({ type, workload }) => type === 'workload.deleted' && workload === 'web-1');
  await life.admin.delete('nobody');
  t.deepEqual(
    life.admin.list().map(({ name }) => name),
    ['filed'],
  );
});

test('a window of time changes what is admitted from its very first moment', async (t) => {
  const window = [{ name: 'night', cron: '0 22 * * *', duration: '8h', max_workloads: 2 }];
  const life = await started({ density: { max_workloads: 1, window } });
  await life.manager.create(specOf({ id: 'a' }));
  await t.throwsAsync(life.manager.create(specOf({ id: 'b' })), { code: 'admission_refused' });
  life.clock.pass(10 * 3_600_000);
  await life.manager.create(specOf({ id: 'b' }));
  t.true(life.world.density.windows()[0]?.active);
  life.clock.pass(8 * 3_600_000);
  await t.throwsAsync(life.manager.create(specOf({ id: 'c' })), { code: 'admission_refused' });
  t.is(
    life.manager.counts().pending +
      life.manager.counts().preparing +
      life.manager.counts().running +
      life.manager.counts().starting,
    2,
  );
});
