// The agent is killed, at every call it makes to the world, and the next one takes over on the same host and journal.
import test from 'ava';
import { leaveSlot } from '../../../agent/workload/recover.js';
import type { Slot } from '../../../netns/types.js';
import { FakeHost } from './fake-host.js';
import { newLife, nextLife, specOf, state } from './fake-world.js';

const gone = (event: { type: string }) => event.type === 'workload.deleted';

test('killed at every call of a creation, the next agent brings it to running, once', async (t) => {
  for (let calls = 0; calls <= 6; calls++) {
    const first = newLife();
    await first.manager.recover();
    first.host.dieAfter(calls);
    await first.manager.create(specOf());
    const second = await nextLife(first);
    if (second.manager.actor('web-1').record.state !== 'running') await second.until(state('running'));
    t.is(second.host.held.size, 1, `after ${calls} calls`);
    t.is(second.host.links.size, 1);
    await second.manager.setDesired('web-1', 'deleted', { now: true });
    await second.until(gone);
    t.deepEqual(second.host.left(), [], `after ${calls} calls`);
    t.is(second.manager.capacity()[0]?.committed, 0);
  }
});

test('a start is written three times: accepted, before its process is asked for, and running', async (t) => {
  const life = newLife();
  await life.manager.recover();
  await life.manager.create(specOf());
  await life.until(state('running'));
  t.deepEqual(life.journal.asked, ['web-1 pending', 'web-1 starting', 'web-1 running']);
  const states = life.events.filter(({ type }) => type === 'workload.state').map(({ data }) => data?.to);
  t.deepEqual(states, ['preparing', 'starting', 'running'], 'and each state is told');
});

test('killed at every call of a deletion, the next agent finishes it and nothing is left', async (t) => {
  for (let calls = 0; calls <= 7; calls++) {
    const first = newLife();
    await first.manager.recover();
    await first.manager.create(specOf());
    await first.until(state('running'));
    first.host.dieAfter(calls);
    await first.manager.setDesired('web-1', 'deleted', { now: true });
    const second = await nextLife(first);
    if (second.manager.has('web-1')) await second.until(gone);
    t.deepEqual(second.host.left(), [], `after ${calls} calls`);
    t.deepEqual((await second.world.journal.load()).records, []);
  }
});

test('an end while the agent takes over, before its workload has an actor, is heard all the same', async (t) => {
  const first = newLife();
  await first.manager.recover();
  await first.manager.create(specOf({ restart: { policy: 'never' } }));
  await first.until(state('running'));
  await first.journal.idle();
  await first.journal.die();
  first.host.revive();
  const supervisor = first.host.supervisorPort();
  const list: typeof supervisor.list = async () => {
    const listed = await supervisor.list();
    first.host.end('web-1', { code: 7 });
    return listed;
  };
  const { host, directory } = first;
  const second = newLife({ host, directory, world: { supervisor: { ...supervisor, list } } });
  await second.manager.recover();
  if (second.manager.actor('web-1').record.state !== 'failed') await second.until(state('failed'));
  t.is(second.manager.actor('web-1').record.end?.code, 7);
});

test('what runs is adopted with the same process and without a single write', async (t) => {
  const first = newLife();
  await first.manager.recover();
  await first.manager.create(specOf());
  await first.until(state('running'));
  const { process, sandbox } = first.manager.actor('web-1').record;
  const calls = first.host.calls.length;
  const second = await nextLife(first);
  await second.journal.idle();
  t.deepEqual(second.manager.actor('web-1').record.process, process);
  t.deepEqual(second.manager.actor('web-1').record.sandbox, sandbox);
  t.is(second.host.calls.length, calls);
  t.is(second.manager.capacity()[0]?.committed, 1, 'and it is counted');
  t.not(second.world.claims.claim(specOf({ id: 'other' })).address, sandbox.address);
});

test('an end while nobody looked is found with its exit code', async (t) => {
  const first = newLife();
  await first.manager.recover();
  await first.manager.create(specOf());
  await first.until(state('running'));
  first.host.onExit = undefined;
  first.host.end('web-1', { code: 3 });
  const second = await nextLife(first);
  await second.until(state('failed'));
  t.like(second.manager.actor('web-1').record.end, { code: 3, cause: 'exit' });
  t.deepEqual(second.host.left(), []);
});

test('a process that vanished without a trace is an end, too', async (t) => {
  const first = newLife();
  await first.manager.recover();
  await first.manager.create(specOf());
  await first.until(state('running'));
  first.host.onExit = undefined;
  first.host.held.clear();
  first.host.places.clear();
  const second = await nextLife(first);
  await second.until(state('failed'));
  t.is(second.manager.actor('web-1').record.end?.cause, 'lost');
});

test('after a reboot everything starts again, higher priority first, and what was stopped stays so', async (t) => {
  const first = newLife();
  await first.manager.recover();
  for (const [id, priority] of [
    ['low', 1],
    ['high', 900],
    ['off', 500],
  ] as const) {
    await first.manager.create(specOf({ id, priority }));
    await first.until(state('running', id));
  }
  await first.manager.setDesired('off', 'stopped');
  await first.until(state('exited', 'off'));
  const host = new (Object.getPrototypeOf(first.host).constructor)() as FakeHost;
  const second = await nextLife(first, host, 'boot-2');
  await second.until(state('running', 'low'));
  await second.until(state('running', 'high'));
  // In the order in which it is begun: which of two files the disk has first is its own affair.
  const begun = second.events.filter(({ type, data }) => type === 'workload.state' && data?.to === 'preparing');
  t.deepEqual(
    begun.map(({ workload }) => workload),
    ['high', 'low'],
  );
  t.is(second.manager.actor('off').record.state, 'exited');
});

const slot = (number: number): Slot => ({
  netns: `berth--slot-${number}`,
  hostLink: `btslot${number}`,
  mac: '02:00:00:00:00:01',
  baseline: { name: '', rxBytes: 0, txBytes: 0, rxPackets: 0, txPackets: 0, rxDropped: 0, txDropped: 0 },
});

test('after a boot nobody counts on the slot of before: the pool gives its number to another', async (t) => {
  const first = newLife();
  first.host.slots.veth.push(slot(0));
  await first.manager.recover();
  await first.manager.create(specOf());
  await first.until(state('running'));
  t.is(first.manager.actor('web-1').record.sandbox.netns, 'berth--slot-0');
  const second = await nextLife(first, new FakeHost(), 'boot-2');
  second.host.slots.veth.push(slot(0));
  if (second.manager.actor('web-1').record.state !== 'running') await second.until(state('running'));
  t.like(second.manager.actor('web-1').record.sandbox, { netns: 'berth-web-1', baseline: null });
  await second.manager.create(specOf({ id: 'web-2' }));
  t.is(second.manager.actor('web-2').record.sandbox.netns, 'berth--slot-0');
});

test('a slot that was not handed out before the agent died stays with the pool; one that was is kept', async (t) => {
  for (let calls = 0; calls <= 6; calls++) {
    const first = newLife();
    first.host.slots.veth.push(slot(0));
    await first.manager.recover();
    first.host.dieAfter(calls);
    await first.manager.create(specOf());
    const second = await nextLife(first);
    if (second.manager.actor('web-1').record.state !== 'running') await second.until(state('running'));
    const { netns, hostLink } = second.manager.actor('web-1').record.sandbox;
    t.is(second.host.links.get(hostLink ?? ''), 'berth:1a2b3c4d:web-1', `after ${calls} calls`);
    const handedOut =
      first.host.calls.indexOf('network.create') >= 0 && calls > first.host.calls.indexOf('network.create');
    if (handedOut) t.is(netns, 'berth--slot-0', `after ${calls} calls`);
    else t.is(netns, 'berth-web-1', `after ${calls} calls`);
  }
});

test('what runs stays in its slot, even when somebody has taken the link away', async (t) => {
  const life = newLife();
  life.host.slots.veth.push(slot(0));
  await life.manager.recover();
  await life.manager.create(specOf());
  await life.until(state('running'));
  const { record } = life.manager.actor('web-1');
  t.is(leaveSlot(record, new Map(), life.world), record);
  const stopped = { ...record, state: 'preparing' as const };
  t.is(leaveSlot(stopped, new Map([['btslot0', 'berth:1a2b3c4d:web-1']]), life.world), stopped);
  t.is(leaveSlot(stopped, new Map([['btslot0', 'berth:1a2b3c4d:other']]), life.world).sandbox.netns, 'berth-web-1');
});
