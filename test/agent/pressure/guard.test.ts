// Futile reclaim, through the engine.
import test from 'ava';
import { FakeHost, stuckCgroup } from './fake-host.js';
import { MIB } from './fixture.js';

test('futile reclaim is ended within 15 s of its first sign: memory.high goes to max, and it is told', async (t) => {
  const host = new FakeHost(t);
  const stuck = host.workload('stuck', { memoryHigh: 64 * MIB }, stuckCgroup());
  stuck.highPerSecond = 0;
  stuck.perSecond.memory = { some: 0, full: 0 };
  const engine = await host.engine({ workload: { steps: [] } });
  await host.seconds(30, engine);
  t.is(host.timers.size, 0, 'it is not looked at while it gets on');
  const from = host.now;
  Object.assign(stuck, { highPerSecond: 50, perSecond: stuckCgroup().perSecond });
  await host.seconds(1, engine);
  host.watches.get(host.dirOf('acme/stuck'))?.();
  let ended = 0;
  host.hold = async () => {
    ended = host.now - from;
    stuck.high = 'max';
    stuck.perSecond.memory = { some: 0, full: 0 };
    host.write();
  };
  await host.seconds(30, engine);
  t.deepEqual(host.did, ['safety stuck memory.high=max']);
  t.true(ended > 0 && ended <= 15_000, String(ended));
  t.like(host.events[0], { type: 'memory.futile', workload: 'stuck', data: { action: 'raise_high', outcome: 'done' } });
  t.is(engine.status().futile, 1);
  t.is(engine.conditions()[0]?.code, 'memory_futile');
  t.is(host.timers.size, 0);
});

test('a cgroup of somebody else is protected when it is named, and never killed', async (t) => {
  const host = new FakeHost(t);
  host.cgroup('system.slice');
  // Three digits: a file of this disk is not replaced by a write, as one of the kernel is.
  host.cgroup('system.slice/docker-1.scope', { ...stuckCgroup(), high: 640 });
  host.cgroup('system.slice/ssh.service', stuckCgroup());
  const engine = await host.engine({ futile: { action: 'kill', watch: ['system.slice/docker-*.scope'] } });
  await host.seconds(8, engine);
  t.like(host.events, { length: 1, 0: { type: 'memory.futile', data: { action: 'raise_high', outcome: 'done' } } });
  t.is(host.events[0]?.data.cgroup, host.dirOf('system.slice/docker-1.scope'));
  t.deepEqual(host.did, []);
});

test('a kill of a stalled workload, where the policy says so', async (t) => {
  const host = new FakeHost(t);
  host.workload('stuck', { memoryHigh: 64 * MIB }, stuckCgroup());
  const engine = await host.engine({ futile: { action: 'kill' }, workload: { steps: [] } });
  await host.seconds(8, engine);
  t.deepEqual(host.did, ['kill stuck']);
  t.like(host.kills[0], { cause: 'futile', scope: 'workload/stuck' });
});

test('pages that the ladder itself has scanned are no sign of futile reclaim', async (t) => {
  const host = new FakeHost(t);
  const busy = host.workload('busy', { memoryHigh: 64 * MIB }, { ...stuckCgroup(), file: 60 * MIB });
  const engine = await host.engine();
  host.hold = async () => {
    busy.scanned += 1_000_000;
    host.write();
  };
  for (let second = 0; second < 20; second++) {
    busy.scanned += 100;
    busy.reclaimed += 90;
    await host.seconds(1, engine);
    await host.fire(host.dirOf('acme/busy'), engine);
  }
  t.true(host.did.length > 0);
  t.deepEqual(
    host.did.filter((line) => !line.startsWith('reclaim busy')),
    [],
  );
  t.is(engine.status().futile, 0);
});
