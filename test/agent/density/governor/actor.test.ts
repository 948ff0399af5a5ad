// The governor in front of real actors: what waits stays pending and can be seen, and nothing else waits for it.
import test from 'ava';
import { FakeHost } from '../../workload/fake-host.js';
import { type Life, newLife, specOf, state } from '../../workload/fake-world.js';
import { newGovernor } from './fixture.js';

const gone = (id: string) => (event: { type: string; workload?: string }) =>
  event.type === 'workload.deleted' && event.workload === id;

async function governed(over: Record<string, unknown> = {}, options: Parameters<typeof newLife>[0] = {}) {
  const fixture = newGovernor({ max_settling: 1, ...over });
  const life = newLife({ ...options, world: { governor: fixture.governor } });
  await life.manager.recover();
  return { ...fixture, life };
}

/** The first one runs and settles; the second one waits for its place. */
async function oneWaits(over: Record<string, unknown> = {}) {
  const parts = await governed(over);
  const { life } = parts;
  await life.manager.create(specOf({ id: 'first' }));
  await life.until(state('running', 'first'));
  await life.manager.create(specOf({ id: 'second' }));
  await queued(life, parts.governor, 'second');
  return parts;
}

async function queued(life: Life, governor: { waiting(id: string): unknown }, id: string): Promise<void> {
  while (governor.waiting(id) === undefined) await life.journal.idle();
}

test('a start that waits for its permit is pending, says so, and runs when the permit comes', async (t) => {
  const { life, clock, governor } = await oneWaits();
  const { record } = life.manager.actor('second');
  t.is(record.state, 'pending');
  t.is(record.error, null);
  t.like(life.manager.view(record), { waiting: { reason: 'start_queue', ahead: 0 } });
  t.false(life.host.held.has('second'));
  await clock.runUntil(100);
  await life.until(state('running', 'second'));
  t.is(life.manager.view(life.manager.actor('second').record).waiting, undefined);
  await life.journal.idle();
  await clock.runUntil(200);
  t.like(governor.status(), { settling: 0, queued: 0, totals: { granted: 2 } });
});

test('a delete, a stop and an update do not wait for the permit', async (t) => {
  const { life, governor, clock } = await oneWaits();
  await life.manager.create(specOf({ id: 'third' }));
  await queued(life, governor, 'third');
  const limited = specOf({ id: 'second', resources: { memory: { limit: '64Mi' } } });
  t.is((await life.manager.update('second', limited)).generation, 2);
  await life.manager.setDesired('second', 'deleted');
  await life.until(gone('second'));
  await life.manager.setDesired('third', 'stopped');
  await life.until(state('exited', 'third'));
  t.is(governor.status().queued, 0);
  await clock.runUntil(5000);
  t.like(governor.status(), { settling: 0, totals: { granted: 1 } });
  t.is(life.host.held.size, 1);
});

test('a full queue refuses a new workload before anything is written, and not one that is to be thawed', async (t) => {
  const { life, governor, clock } = await oneWaits({ max_queue: 1 });
  const before = life.manager.capacity();
  await t.throwsAsync(life.manager.create(specOf({ id: 'third' })), { code: 'start_queue_full' });
  t.false(life.manager.has('third'));
  t.deepEqual(life.manager.capacity(), before);
  t.is((await life.world.journal.load()).records.length, 2);
  await life.manager.setDesired('first', 'frozen');
  await life.until(state('frozen', 'first'));
  await life.manager.setDesired('first', 'running');
  await queued(life, governor, 'first');
  t.is(life.manager.actor('first').record.state, 'frozen');
  await life.manager.setDesired('first', 'frozen');
  await life.journal.idle();
  t.is(governor.waiting('first'), undefined, 'no longer to be thawed');
  await life.manager.setDesired('first', 'running');
  await queued(life, governor, 'first');
  await clock.runUntil(100);
  await life.until(state('running', 'second'));
  await clock.runUntil(200);
  const thawed = (event: { workload?: string; data: Readonly<Record<string, unknown>> }) =>
    event.workload === 'first' && event.data.from === 'frozen' && event.data.to === 'running';
  await life.until(thawed);
  t.like(governor.status(), { queued: 0 });
});

test('a new workload whose permit does not come has failed with the reason; its room in the ledger is free', async (t) => {
  const { life, clock, wants } = await oneWaits({ max_wait: '1s' });
  wants.set(life.manager.actor('first').record.sandbox.cgroup, 1);
  await clock.runUntil(3000);
  await life.until(state('failed', 'second'));
  const { record } = life.manager.actor('second');
  t.like(record.error, { code: 'deadline_exceeded', data: { bound: 1 } });
  t.is(record.end?.cause, 'start');
  t.is(life.manager.capacity()[0]?.committed, 1);
  t.false(life.host.calls.some((call) => call === 'network.create' && life.host.links.has('second')));
});

test('a start that fails gives its place back', async (t) => {
  const { life, governor } = await governed();
  life.host.failNext = { call: 'supervisor.spawn', error: new Error('no') };
  await life.manager.create(specOf({ id: 'bad' }));
  await life.until(state('failed', 'bad'));
  await life.manager.create(specOf({ id: 'good' }));
  await life.until(state('running', 'good'));
  t.is(governor.status().settling, 1);
});

test('killed while some wait, the next agent queues them again, by priority, and they have no deadline', async (t) => {
  const first = await governed({ max_wait: '1s' });
  for (const [id, priority] of [
    ['zero', 900],
    ['low', 1],
    ['high', 500],
  ] as const)
    await first.life.manager.create(specOf({ id, priority }));
  await first.life.until(state('running', 'zero'));
  await queued(first.life, first.governor, 'high');
  const { directory, host } = first.life as Life & { directory: string };
  await first.life.journal.idle();
  await first.life.journal.die();
  host.revive();
  const second = await governed({ max_wait: '1s' }, { host, directory });
  await second.life.until(state('running', 'high'));
  await queued(second.life, second.governor, 'low');
  t.is(second.life.manager.actor('low').record.state, 'pending');
  t.is(second.life.manager.actor('zero').record.state, 'running');
  t.is(host.held.size, 2);
  await second.clock.runUntil(49);
  t.not(second.governor.waiting('low'), undefined);
  await second.clock.runUntil(100);
  await second.life.until(state('running', 'low'));
});

test('after a boot everything that ran waits for its permit, the important first', async (t) => {
  const host = new FakeHost();
  const first = newLife({ host });
  await first.manager.recover();
  const ids = ['a', 'b', 'c', 'd'];
  for (const [at, id] of ids.entries()) {
    await first.manager.create(specOf({ id, priority: at * 10 }));
    await first.until(state('running', id));
  }
  await first.journal.idle();
  await first.journal.die();
  const { life, clock, governor } = await governed({}, { directory: first.directory, bootId: 'boot-2' });
  await life.until(state('running', 'd'));
  for (const [at, id] of ['c', 'b', 'a'].entries()) {
    t.is(governor.status().queued, 3 - at);
    await clock.runUntil((at + 1) * 100);
    await life.until(state('running', id));
  }
});

test('whatever ends a workload that settles gives its place back: an exit, a kill, a stop, a freeze, a delete', async (t) => {
  const ends: Readonly<Record<string, (life: Life) => Promise<unknown>>> = {
    exit: async (life) => life.host.end('first', { code: 0 }),
    kill: async (life) => life.host.end('first', { signal: 'SIGKILL' }),
    stop: (life) => life.manager.setDesired('first', 'stopped'),
    freeze: (life) => life.manager.setDesired('first', 'frozen'),
    delete: (life) => life.manager.setDesired('first', 'deleted'),
    restart: (life) => life.manager.setDesired('first', 'running', { restart: true }),
  };
  for (const [what, end] of Object.entries(ends)) {
    const { life, governor, wants } = await oneWaits();
    wants.set(life.manager.actor('first').record.sandbox.cgroup, 1);
    await end(life);
    await life.until(state('running', 'second'));
    t.is(governor.status().settling, 1, what);
    await life.journal.idle();
  }
});
