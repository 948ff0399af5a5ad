// Workloads that go for others: what is planned, done and recorded, and that a death of the agent between loses nothing.

import test from 'ava';
import { fc } from '../../runner/property.js';
import { FakeHost } from './fake-host.js';
import { type Life, type LifeOptions, newLife, nextLife, specOf, state } from './fake-world.js';

const CONFIG = { density: { cpu_overcommit: 1, reserved_cpu: 0, preemption: 'priority' } };
const ALL = { scheduler: null, reach: { tenants: null } };
const cores = (request: number) => ({ resources: { cpu: { request } } });
/** Has room when both of the low ones are gone, on four cores. */
const high = (over: object = {}) => specOf({ id: 'high', tenant: 'globex', priority: 500, ...cores(3), ...over });
const row = ({ manager }: Pick<Life, 'manager'>, dimension: string) =>
  manager.capacity().find((one) => one.scope === 'host' && one.dimension === dimension);

/** low-1 and low-2 of acme have a core and two, peer one. */
async function crowded(options: LifeOptions = {}) {
  const life = newLife({ config: CONFIG, ...options });
  await life.manager.recover();
  const low = { class: 'besteffort', restart: { policy: 'always' } };
  await life.manager.create(specOf({ id: 'low-1', ...low, priority: 10, ...cores(1) }));
  await life.manager.create(specOf({ id: 'low-2', ...low, priority: 20, ...cores(2) }));
  await life.manager.create(specOf({ id: 'peer', priority: 500, ...cores(1) }));
  for (const id of ['low-1', 'low-2', 'peer']) await life.until(state('running', id));
  return life;
}

/** A host on which low-1 does not go before it is let go. */
function stubborn() {
  const host = new FakeHost();
  const port = host.cgroupPort();
  let letGo = (): void => undefined;
  const gate = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  const remove: typeof port.remove = async (name) => {
    if (name.endsWith('low-1')) await gate;
    return port.remove(name);
  };
  return { host, letGo: () => letGo(), world: { cgroups: { ...port, remove } } };
}

test('the dry run says who would be stopped, in which order, and why; the real thing does that and nothing else', async (t) => {
  const life = await crowded();
  const plan = (await life.manager.fits(high(), ALL.reach)).preemption;
  t.like(plan, { mode: 'priority', left: [] });
  t.deepEqual(
    plan?.victims.map(({ id, frees, leaving }) => ({ id, frees, leaving })),
    [
      { id: 'low-1', frees: [{ scope: 'host', dimension: 'cpu', amount: 1 }], leaving: false },
      { id: 'low-2', frees: [{ scope: 'host', dimension: 'cpu', amount: 2 }], leaving: false },
    ],
  );
  t.is((await life.manager.fits(high())).preemption, null, 'nobody has asked');
  const view = await life.manager.create(high(), ALL);
  t.deepEqual(view.preemption?.waitingFor, ['low-1', 'low-2']);
  await life.until(state('running', 'high'));
  t.like(life.manager.actor('high').record.preemption, { waitingFor: [], why: 'cpu of host short by 3' });
  for (const id of ['low-1', 'low-2']) {
    const { record } = life.manager.actor(id);
    t.like(record, { state: 'exited', desired: 'stopped' });
    t.like(record.end, { cause: 'preempted', by: { workload: 'high', tenant: 'globex' } });
    t.regex(record.end?.detail ?? '', /^stopped for a burstable workload of priority 500: cpu of host short by 3 \(/);
    t.is(life.events.filter(({ type, workload }) => type === 'workload.preempted' && workload === id).length, 1);
  }
  t.is(life.manager.actor('peer').record.state, 'running');
  t.like(row(life, 'cpu'), { committed: 4, reserved: 0 });
});

test('the room is nobody else’s while they stop, and its own only when they are gone', async (t) => {
  const { host, letGo, world } = stubborn();
  const life = await crowded({ host, world });
  await life.manager.create(high(), ALL);
  await life.until(state('exited', 'low-2'));
  t.like(row(life, 'cpu'), { committed: 2, reserved: 3 });
  const third = { ...ALL, reach: { tenants: new Set<string>() } };
  await t.throwsAsync(life.manager.create(specOf({ id: 'third', ...cores(0.5) })), { code: 'admission_refused' });
  await t.throwsAsync(life.manager.create(specOf({ id: 'third', priority: 900, ...cores(0.5) }), third), {
    code: 'admission_refused',
  });
  await t.throwsAsync(life.manager.setDesired('low-2', 'running'), { code: 'admission_refused' });
  await t.throwsAsync(life.manager.setDesired('low-1', 'running'), { code: 'invalid_state' });
  await t.throwsAsync(life.manager.setDesired('low-1', 'frozen'), { code: 'invalid_state' });
  const { state: now, waiting } = life.manager.view(life.manager.actor('high').record);
  t.is(now, 'pending');
  t.like(waiting, { reason: 'preemption', for: [{ id: 'low-1', tenant: 'acme', state: 'stopping', problem: null }] });
  t.false(host.spawned.some(({ id }) => id === 'high'));
  letGo();
  await life.until(state('running', 'high'));
  t.is(life.manager.view(life.manager.actor('high').record).waiting, undefined);
  await life.manager.setDesired('high', 'deleted', { now: true });
  await life.until(({ type, workload }) => type === 'workload.deleted' && workload === 'high');
  const again = await life.manager.setDesired('low-2', 'running');
  t.like(again, { desired: 'running', evicted: null, end: null });
});

test('one that comes while others stop waits for them, and has nobody stopped needlessly', async (t) => {
  const { host, letGo, world } = stubborn();
  const life = await crowded({ host, world });
  await life.manager.create(specOf({ id: 'first', priority: 500, ...cores(1) }), ALL);
  t.deepEqual(life.manager.actor('first').record.preemption?.waitingFor, ['low-1']);
  // Its own room is that of low-2: low-1 goes for the first.
  const view = await life.manager.create(specOf({ id: 'second', priority: 500, ...cores(2) }), ALL);
  t.deepEqual(view.preemption?.waitingFor, ['low-1', 'low-2']);
  letGo();
  await life.until(state('running', 'first'));
  await life.until(state('running', 'second'));
  t.like(life.manager.actor('low-1').record.end, { by: { workload: 'first' } });
  t.like(life.manager.actor('low-2').record.end, { by: { workload: 'second' } });
  t.is(row(life, 'cpu')?.committed, 4);
});

test('nobody goes unless node and request say so, nor one of the same or a higher rank, nor outside the reach', async (t) => {
  const refused = async (life: Life, over: object, reach = ALL.reach as { tenants: ReadonlySet<string> | null }) => {
    const error = await t.throwsAsync(life.manager.create(high(over), { scheduler: null, reach }));
    t.like(error, { code: 'admission_refused' });
    t.true(life.manager.records().every(({ state: now }) => now === 'running'));
    t.deepEqual((await life.manager.fits(high(over), reach)).preemption?.victims, []);
    return error as Error & { hint: string; data: { preemption: { mode: string; left: { scope: string }[] } } };
  };
  const off = await crowded({ config: { density: { ...CONFIG.density, preemption: 'off' } } });
  const error = await refused(off, {});
  t.is(error.data.preemption.mode, 'off');
  t.regex(error.hint, /density.preemption of this node is "off"/);
  await t.throwsAsync(off.manager.create(high()), { code: 'admission_refused', message: /short by 3$/ });

  const byClass = await crowded({ config: { density: { ...CONFIG.density, preemption: 'class' } } });
  await refused(byClass, { class: 'besteffort' });
  await refused(byClass, { ...cores(4) });
  t.is((await byClass.manager.fits(high(), ALL.reach)).preemption?.victims.length, 2);

  const life = await crowded();
  await refused(life, { class: 'besteffort', priority: 10 });
  t.regex((await refused(life, cores(4))).hint, /fits --preempt/);
  await refused(life, {}, { tenants: new Set(['globex']) });
  t.is((await life.manager.fits(high(), { tenants: new Set(['acme']) })).preemption?.victims.length, 2);
  // A port is not made room for.
  life.host.listening.add('tcp/80');
  const ports = { network: { mode: 'routed', ports: [{ host: 80, guest: 80, protocol: 'tcp' }] } };
  t.is((await refused(life, ports)).data.preemption.left.length, 1);
});

test('an address is not made room for: it is given with the admission', async (t) => {
  const life = await crowded({ config: { ...CONFIG, network: { pool: '10.9.0.0/30' } } }).catch(() => undefined);
  t.is(life, undefined, 'the pool is too small for three');
  const few = newLife({ config: { ...CONFIG, network: { pool: '10.9.0.0/30' } } });
  await few.manager.recover();
  const total = few.world.claims.routable;
  for (let n = 0; n < total; n++) await few.manager.create(specOf({ id: `low-${n}`, class: 'besteffort' }));
  const plan = (await few.manager.fits(high(cores(0.1)), ALL.reach)).preemption;
  t.like(plan, { victims: [], left: [{ dimension: 'addresses' }] });
});

test('one that does not go: the start is told so, and fails after its time; who is stopped stays stopped', async (t) => {
  const { host, letGo, world } = stubborn();
  const config = { ...CONFIG, lifecycle: { stop_grace: '20ms', start_deadline: '200ms' } };
  const life = await crowded({ host, world, config });
  await life.manager.create(high(), ALL);
  await life.until(state('failed', 'high'));
  t.like(life.manager.actor('high').record, {
    error: { code: 'deadline_exceeded', data: { waitingFor: ['low-1'] } },
    end: { cause: 'start' },
  });
  // On a slow machine the time is over before the other one is gone.
  await life.until(state('exited', 'low-2'));
  t.is(life.manager.actor('low-2').record.end?.cause, 'preempted');
  t.like(row(life, 'cpu'), { committed: 2, reserved: 0 });
  t.like(await life.manager.setDesired('low-2', 'running'), { desired: 'running' });
  letGo();
  await life.until(state('exited', 'low-1'));
});

test('deleted while it waits: who was asked goes, who was not asked yet stays', async (t) => {
  const life = await crowded();
  life.journal.failing = 'low-2 stopped';
  await life.manager.create(high(), ALL);
  await life.until(state('exited', 'low-1'));
  t.is(life.manager.actor('high').record.state, 'pending');
  await life.manager.setDesired('high', 'deleted');
  await life.until(({ type, workload }) => type === 'workload.deleted' && workload === 'high');
  life.journal.failing = undefined;
  t.like(life.manager.actor('low-2').record, { state: 'running', desired: 'running' });
  t.falsy(life.manager.actor('low-2').record.evicted);
  t.like(row(life, 'cpu'), { committed: 3, reserved: 0 });
});

test('who goes over a quota says so in its end, and may be started again', async (t) => {
  const life = await crowded();
  t.true(await life.manager.evict('low-1', { cause: 'quota', detail: 'over its quota', at: 1 }));
  t.false(await life.manager.evict('low-1', { cause: 'quota', detail: 'over its quota', at: 1 }), 'it goes already');
  t.false(await life.manager.evict('nobody', { cause: 'quota', detail: 'over its quota', at: 1 }));
  await life.until(state('exited', 'low-1'));
  t.like(life.manager.actor('low-1').record.end, { cause: 'quota' });
  t.is(row(life, 'cpu')?.committed, 3, 'a record holds no room');
  t.like(await life.manager.setDesired('low-1', 'running'), { evicted: null });
});

/** Whatever has happened until the agent died: either nobody was stopped, or all is as without the death. */
async function comesOut(
  t: import('ava').ExecutionContext,
  dead: Life & { directory: string },
  at: string,
  boot = 'boot-1',
) {
  const host = boot === 'boot-1' ? dead.host : new FakeHost();
  const life = await nextLife(dead, host, boot, CONFIG);
  const { manager, journal } = life;
  if (!manager.has('high')) {
    for (const id of ['low-1', 'low-2']) {
      if (manager.actor(id).record.state !== 'running') await life.until(state('running', id));
      t.falsy(manager.actor(id).record.evicted, at);
    }
    return;
  }
  if (manager.actor('high').record.state !== 'running') await life.until(state('running', 'high'));
  for (const id of ['low-1', 'low-2']) {
    const { record } = manager.actor(id);
    t.like(record, { state: 'exited', desired: 'stopped', end: { cause: 'preempted', by: { workload: 'high' } } }, at);
    const [gone, begun] = [journal.asked.indexOf(`${id} exited`), journal.asked.indexOf('high preparing')];
    t.true(begun < 0 || gone < begun, `${at}: ${id} is gone before the start`);
  }
  t.is(host.spawned.filter(({ id }) => id === 'high').length >= 1, true, at);
  t.is(host.held.get('high')?.exit, undefined, at);
  if (manager.actor('peer').record.state !== 'running') await life.until(state('running', 'peer'));
  // The share of a victim is free when its record is durable, which may be after the start of who took its place.
  await journal.idle();
  t.like(row(life, 'cpu'), { committed: 4, reserved: 0 }, at);
}

/** Resolves when the agent is dead, or is through. */
async function preempts(life: Life): Promise<void> {
  const dead = life.host.died;
  const through = life.until(state('running', 'high'));
  void life.manager.create(high(), ALL);
  await Promise.race([dead, through]);
}

test('killed at any call to the host, the next agent goes on where it was', async (t) => {
  const whole = await crowded();
  const before = whole.host.calls.length;
  await preempts(whole);
  await whole.journal.idle();
  const calls = whole.host.calls.length - before;
  t.true(calls > 12);
  for (let n = 0; n <= calls; n++) {
    const life = await crowded();
    life.host.dieAfter(n);
    await preempts(life);
    await comesOut(t, life, `after ${n} calls`);
  }
});

test('killed at any write of a record, before or after it is on the disk, the next agent goes on where it was', async (t) => {
  const whole = await crowded();
  const before = whole.journal.asked.length;
  await preempts(whole);
  await whole.journal.idle();
  const writes = whole.journal.asked.length - before;
  t.true(writes > 10);
  for (let n = 0; n < writes; n++)
    for (const arrives of [false, true]) {
      const life = await crowded();
      life.journal.dieAfter(n, arrives);
      await preempts(life);
      await comesOut(t, life, `write ${n + 1}, ${arrives ? 'on' : 'not on'} the disk`);
    }
});

test('after a boot in between it goes on as well', async (t) => {
  for (let n = 0; n < 12; n++) {
    const life = await crowded();
    life.journal.dieAfter(n, true);
    await preempts(life);
    await comesOut(t, life, `booted after write ${n + 1}`, 'boot-2');
  }
});

/** Looks at the ledger in every turn of the loop; gives the most cores that were committed at once. */
function watchCommitted(life: Pick<Life, 'manager'>): () => number {
  let most = 0;
  let over = false;
  const look = (): void => {
    most = Math.max(most, row(life, 'cpu')?.committed ?? 0);
    if (!over) setImmediate(look);
  };
  look();
  return () => {
    over = true;
    return most;
  };
}

test('no room is counted twice, however slowly records reach the disk, and over a boot in between', async (t) => {
  const turns = fc.array(fc.nat(12), { minLength: 3, maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(turns, fc.option(fc.nat(11)), async (delays, death) => {
      const life = await crowded();
      const slow = (journal: Life['journal']): void => {
        journal.delay = (write) => delays[write % delays.length] ?? 0;
      };
      slow(life.journal);
      const before = watchCommitted(life);
      if (death !== null) life.journal.dieAfter(death, true);
      await preempts(life);
      t.true(before() <= 4, 'in the first life');
      const next = await nextLife(life, death === null ? life.host : new FakeHost(), 'boot-2', CONFIG);
      slow(next.journal);
      const after = watchCommitted(next);
      if (next.manager.has('high') && next.manager.actor('high').record.state !== 'running')
        await next.until(state('running', 'high'));
      await next.journal.idle();
      t.true(after() <= 4, 'after the boot');
    }),
    { numRuns: 15 },
  );
});

test('a licence of one that is changed while it waits is in the audit once', async (t) => {
  let letGo: () => void = () => undefined;
  const held = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  const host = new FakeHost();
  const port = host.cgroupPort();
  const kill = async (name: string): Promise<void> => {
    await held;
    await port.kill(name);
  };
  const config = { density: { preemption: 'class' }, licence: { db: { count: 5 } }, lifecycle: { stop_grace: '1ms' } };
  const life = newLife({ host, config, world: { cgroups: { ...port, kill } } });
  await life.manager.recover();
  const of = (limit: string, more = {}) => ({ resources: { memory: { limit }, ...more } });
  await life.manager.create(specOf({ id: 'low', class: 'besteffort', ...of('4Gi') }));
  await life.until(state('running', 'low'));
  const claimant = { scheduler: null, reach: { tenants: null } };
  await life.manager.create(specOf(of('5Gi', { licences: { db: 1 } })), claimant);
  await life.manager.update('web-1', specOf(of('4Gi', { licences: { db: 2 } })));
  letGo();
  await life.until(state('running'));
  await life.manager.setDesired('web-1', 'stopped');
  await life.until(state('exited'));
  const entries = await life.world.density.audit.read();
  t.deepEqual(
    entries.map(({ type, count }) => `${type} ${count}`),
    ['grant 2', 'return 2'],
  );
});
