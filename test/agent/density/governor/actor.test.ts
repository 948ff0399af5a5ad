// The governor in front of real actors: what waits stays pending and can be seen, and nothing else waits for it.
import test from 'ava';
import { FakeHost } from '../../workload/fake-host.js';
import { type Life, newLife, specOf, state } from '../../workload/fake-world.js';
import { newGovernor } from './fixture.js';

const gone = (id: string) => (event: { type: string; workload?: string }) =>
  event.type === 'workload.deleted' && event.workload === id;

async function governed(over: Record<string, unknown> = {}, options: Parameters<typeof newLife>[0] = {}) {
  const fixture = newGovernor({ burst: 1, in_flight: 1, ...over });
  const life = newLife({ ...options, world: { governor: fixture.governor } });
  await life.manager.recover();
  return { ...fixture, life };
}

/** The first one has its turn; the second one waits for the next token. */
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

test('a start that waits for its turn is pending, says so, and runs when the turn comes', async (t) => {
  const { life, clock, governor } = await oneWaits();
  const { record } = life.manager.actor('second');
  t.is(record.state, 'pending');
  t.is(record.error, null);
  t.like(life.manager.view(record), { waiting: { reason: 'start_queue', ahead: 0, expectedMs: 250 } });
  t.false(life.host.held.has('second'));
  await clock.runUntil(250);
  await life.until(state('running', 'second'));
  t.is(life.manager.view(life.manager.actor('second').record).waiting, undefined);
  await life.journal.idle();
  t.like(governor.status(), { inFlight: 0, queued: 0, totals: { granted: 2 } });
});

test('a delete, a stop and an update do not wait for the turn', async (t) => {
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
  t.like(governor.status(), { inFlight: 0, totals: { granted: 1 } });
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
  await clock.runUntil(250);
  await life.until(state('running', 'second'));
  await clock.runUntil(500);
  const thawed = (event: { workload?: string; data: Readonly<Record<string, unknown>> }) =>
    event.workload === 'first' && event.data.from === 'frozen' && event.data.to === 'running';
  await life.until(thawed);
  t.like(governor.status(), { queued: 0 });
});

test('a new workload whose turn does not come has failed with the reason; its room in the ledger is free', async (t) => {
  const { life, clock } = await oneWaits({ max_wait: '1s', floor: 0.0001, rate: 0.0001 });
  await clock.runUntil(3000);
  await life.until(state('failed', 'second'));
  const { record } = life.manager.actor('second');
  t.like(record.error, { code: 'deadline_exceeded', data: { waitedMs: 2000 } });
  t.is(record.end?.cause, 'start');
  t.is(life.manager.capacity()[0]?.committed, 1);
  t.false(life.host.calls.some((call) => call === 'network.create' && life.host.links.has('second')));
});

test('a start that fails gives its turn back', async (t) => {
  const { life, governor, clock } = await governed();
  life.host.failNext = { call: 'supervisor.spawn', error: new Error('no') };
  await life.manager.create(specOf({ id: 'bad' }));
  await life.until(state('failed', 'bad'));
  await life.manager.create(specOf({ id: 'good' }));
  await queued(life, governor, 'good');
  await clock.runUntil(250);
  await life.until(state('running', 'good'));
  await life.journal.idle();
  t.is(governor.status().inFlight, 0);
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
  const second = await governed({ burst: 1, max_wait: '1s' }, { host, directory });
  await second.life.until(state('running', 'high'));
  await queued(second.life, second.governor, 'low');
  t.is(second.life.manager.actor('low').record.state, 'pending');
  t.is(second.life.manager.actor('zero').record.state, 'running');
  t.is(host.held.size, 2);
  await second.clock.runUntil(240);
  t.not(second.governor.waiting('low'), undefined);
  await second.clock.runUntil(10_000);
  await second.life.until(state('running', 'low'));
});

test('after a boot everything that ran waits for its turn, the important first', async (t) => {
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
    await clock.runUntil((at + 1) * 250);
    await life.until(state('running', id));
  }
});
