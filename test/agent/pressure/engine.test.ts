import { writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import type { CgroupStats } from '../../../cgroups/types.js';
import { SysError } from '../../../linux/errors.js';
import { FakeHost, stuckCgroup } from './fake-host.js';
import { config, GIB, MIB } from './fixture.js';

const HEAVY = { some: 600, full: 400 };

/** A hog of class besteffort beside a web server, on a host that is short of memory. */
function pressed(host: FakeHost): void {
  host.workload(
    'hog',
    { class: 'besteffort', canBalloon: true },
    { memory: GIB, growth: 20 * MIB, file: 200 * MIB, cpuPerSecond: 1e6 },
  );
  host.workload('web', {}, { memory: 512 * MIB });
  host.workload('db', { class: 'guaranteed', tenant: 'bank' }, { memory: GIB, file: GIB });
  host.available = 300 * MIB;
  host.perSecond.memory = { ...HEAVY };
  host.write();
}

function sampled(current: number, fullUsec: number): CgroupStats {
  const events = { high: 0, max: 0, oom: 0, oomKill: 0, oomGroupKill: 0 };
  const cpu = { usageUsec: 0, userUsec: 0, systemUsec: 0, periods: 0, throttledPeriods: 0, throttledUsec: 0 };
  const memory = { someUsec: fullUsec, fullUsec, someAvg10: 0, fullAvg10: 0 };
  return { cpu, memory: { current, max: 'max', events }, pressure: { memory } };
}

const MEMORY = 'proc/pressure/memory';

test('while it is calm there are triggers, and no timer', async (t) => {
  const host = new FakeHost(t);
  host.workload('a');
  const engine = await host.engine();
  await engine.look();
  t.is(host.timers.size, 0);
  const names = [...host.triggers.keys()].map((name) => name.slice(host.root.length + 1)).sort();
  t.deepEqual(names, [
    'cgroup/acme/a/memory.pressure full 200',
    'cgroup/acme/a/memory.pressure some 300',
    'cgroup/acme/memory.pressure full 100',
    'cgroup/acme/memory.pressure some 150',
    'proc/pressure/cpu some 300',
    'proc/pressure/io full 200',
    'proc/pressure/memory full 100',
    'proc/pressure/memory some 150',
  ]);
  host.gone('a');
  await engine.look();
  t.is(host.triggers.size, 4, 'and they go with the workload');
});

test('from the trigger to the kill: steps in order, each an event with its figures and a count', async (t) => {
  const host = new FakeHost(t);
  pressed(host);
  const engine = await host.engine();
  // What the sampler has seen a second before is what growth is measured against.
  engine.observe('hog', sampled(GIB, 0));
  await host.seconds(1, engine);
  await host.fire(join(host.root, MEMORY), engine);
  await host.seconds(35, engine);
  t.deepEqual(
    host.did.filter((line) => line.includes('hog')),
    [
      ...[
        'pressure hog cpu.max=10000 100000',
        'reclaim hog 100',
        'reclaim hog 100',
        'balloon hog 190',
        'balloon hog 380',
      ],
      ...['freeze hog', 'reclaim hog 200', 'kill hog'],
    ],
  );
  t.false(host.did.some((line) => line.includes('db')));
  const acts = host.events.filter(({ type }) => type === 'pressure.action');
  t.is(acts.length, host.did.length);
  t.like(acts[0], {
    workload: 'hog',
    tenant: 'acme',
    data: { scope: 'host', resource: 'memory', action: 'suppress', outcome: 'done', dryRun: false },
  });
  t.like(acts[0]?.data.figures, { full: 400, thresholds: { act: { kind: 'full', stall: 100 } } });
  t.like(
    engine.status().counts.find(({ action }) => action === 'kill'),
    { dryRun: false, count: 1 },
  );
  t.like(host.kills[0], { cause: 'pressure', scope: 'host', resource: 'memory' });
  t.regex(host.kills[0]?.detail ?? '', /memory full 400 ms\/s, threshold 100 ms\/s/);
  await engine.close();
});

test('a trigger is decided upon at once, without waiting for the next second', async (t) => {
  const host = new FakeHost(t);
  pressed(host);
  const engine = await host.engine({ steps: ['reclaim'] });
  await host.fire(join(host.root, MEMORY), engine);
  t.deepEqual(host.did, ['reclaim hog 100']);
});

test('a dry run tells the same and touches nothing', async (t) => {
  const host = new FakeHost(t);
  pressed(host);
  host.workload('stuck', { memoryHigh: 64 * MIB }, stuckCgroup());
  const engine = await host.engine({ mode: 'dry-run' });
  await host.fire(join(host.root, MEMORY), engine);
  await host.seconds(60, engine);
  t.is(engine.balloons().size, 0);
  host.perSecond.memory = { some: 0, full: 0 };
  host.available = 2 * GIB;
  await host.seconds(60, engine);
  await engine.close();
  t.deepEqual(host.did, []);
  const told = new Set(host.events.map(({ type, data }) => `${type} ${data.action} ${data.outcome}`));
  for (const action of ['suppress', 'reclaim', 'balloon', 'freeze', 'kill', 'thaw', 'release', 'deflate'])
    t.true(told.has(`pressure.action ${action} dry-run`), action);
  t.true(told.has('memory.futile raise_high dry-run'));
  t.true(engine.status().counts.every(({ dryRun }) => dryRun));
});

test('what a guest is asked to give back is told while it is', async (t) => {
  const host = new FakeHost(t);
  pressed(host);
  const engine = await host.engine({ steps: ['balloon'] });
  t.deepEqual(engine.balloons(), new Map());
  await host.fire(join(host.root, MEMORY), engine);
  await host.seconds(12, engine);
  const last = host.did.findLast((line) => line.startsWith('balloon hog')) ?? '';
  const bytes = engine.balloons().get('hog') ?? 0;
  t.is(`balloon hog ${Math.round(bytes / MIB)}`, last);
  t.true(bytes > 0);
  host.perSecond.memory = { some: 0, full: 0 };
  host.available = 2 * GIB;
  await host.seconds(60, engine);
  t.is(host.did.at(-1), 'balloon hog 0');
  t.deepEqual(engine.balloons(), new Map());
});

test('when pressure is over all is undone, the timer ends, and the next agent finds nothing', async (t) => {
  const host = new FakeHost(t);
  pressed(host);
  const engine = await host.engine({ steps: ['suppress', 'freeze'] });
  await host.fire(join(host.root, MEMORY), engine);
  await host.seconds(12, engine);
  host.perSecond.memory = { some: 0, full: 0 };
  host.available = 2 * GIB;
  await host.seconds(60, engine);
  const frozen = host.did.filter((line) => line.startsWith('freeze ')).map((line) => line.slice(7));
  t.deepEqual(
    host.did.filter((line) => line.startsWith('thaw ')).map((line) => line.slice(5)),
    frozen.reverse(),
  );
  t.is(host.did.at(-1), 'pressure hog -');
  t.is(host.timers.size, 0);
  t.deepEqual(engine.status().scopes, []);
});

test('an agent that stops gives everything back', async (t) => {
  const host = new FakeHost(t);
  pressed(host);
  const engine = await host.engine({ steps: ['suppress', 'freeze'] });
  await host.fire(join(host.root, MEMORY), engine);
  await host.seconds(7, engine);
  host.did.length = 0;
  await engine.close();
  t.deepEqual(host.did, ['thaw hog', 'pressure hog -']);
  t.deepEqual([host.triggers.size, host.timers.size], [0, 0]);
});

test('what a killed agent has left is found again, and given back when it is calm', async (t) => {
  const host = new FakeHost(t);
  pressed(host);
  host.held = [
    { id: 'hog', frozen: true, balloon: 0, values: [{ file: 'cpu.max', value: '10000 100000' }] },
    { id: 'web', frozen: false, balloon: 0, values: [{ file: 'cpu.weight', value: '1' }] },
  ];
  const engine = await host.engine({ steps: [], freeze_max: '1h' });
  await host.seconds(30, engine);
  t.deepEqual(host.did, ['pressure web -'], 'there is no want of cpu, but of memory there is');
  host.perSecond.memory = { some: 0, full: 0 };
  host.available = 2 * GIB;
  await host.seconds(30, engine);
  t.deepEqual(host.did.slice(1), ['thaw hog', 'pressure hog -']);
});

test('and at once, where the mode says that nothing may be held', async (t) => {
  const host = new FakeHost(t);
  pressed(host);
  host.held = [{ id: 'hog', frozen: true, balloon: 64 * MIB, values: [{ file: 'io.weight', value: 'default 1' }] }];
  await host.engine({ mode: 'off' });
  t.deepEqual(host.did, ['thaw hog', 'balloon hog 0', 'pressure hog -']);
  t.is(host.triggers.size, 0);
});

test('an action that fails is told and counts as done', async (t) => {
  const host = new FakeHost(t);
  pressed(host);
  host.hold = async (call) => {
    if (call.startsWith('freeze')) throw new SysError('write', constants.errno.EBUSY, { path: 'cgroup.freeze' });
  };
  const engine = await host.engine({ steps: ['freeze', 'kill'], kill_after: '6s' });
  await host.fire(join(host.root, MEMORY), engine);
  await host.seconds(20, engine);
  const freezes = host.events.filter(({ data }) => data.action === 'freeze');
  t.true(freezes.length > 0);
  t.true(freezes.every(({ data }) => data.outcome === 'failed' && /EBUSY/.test(String(data.error))));
  t.true(host.did.includes('kill hog'));
});

test('while a scope acts it decides nothing more, however long that takes', async (t) => {
  const host = new FakeHost(t);
  pressed(host);
  let free: () => void = () => undefined;
  const waiting = new Promise<void>((resolve) => {
    free = resolve;
  });
  const called = new Promise<void>((resolve) => {
    host.hold = async () => {
      resolve();
      await waiting;
    };
  });
  const engine = await host.engine({ steps: ['reclaim'] });
  for (const [name, listener] of host.triggers) if (name.includes(MEMORY)) listener();
  await called;
  host.now += 5000;
  host.stall.memory.some += 3000;
  host.stall.memory.full += 3000;
  host.write();
  for (const { call } of host.timers) call();
  free();
  await engine.idle();
  t.deepEqual(host.did, ['reclaim hog 100']);
});

test('memory that others stall at limits of their own brings nothing upon anybody', async (t) => {
  const host = new FakeHost(t);
  const limit = { cpu: null, memory: 256 * MIB, io: false, burst: false };
  const self = host.workload('self', { limit }, { memory: 255 * MIB, file: 100 * MIB });
  host.workload('other', { class: 'besteffort' }, { memory: GIB, file: GIB });
  host.perSecond.memory = { ...HEAVY };
  self.perSecond.memory = { ...HEAVY };
  const engine = await host.engine();
  await host.fire(join(host.root, MEMORY), engine);
  await host.seconds(60, engine);
  t.deepEqual(host.did, []);
  t.like(engine.status().scopes, { length: 0 });
});

test('a tenant at its own limit has it out among its own workloads', async (t) => {
  const host = new FakeHost(t);
  const tenant = host.cgroup('acme', { memory: GIB, max: GIB });
  host.workload('own', { class: 'besteffort' }, { memory: GIB, file: 400 * MIB }).perSecond.memory = { ...HEAVY };
  host.workload('other', { tenant: 'bank', class: 'besteffort' }, { memory: GIB, file: GIB });
  tenant.perSecond.memory = { ...HEAVY };
  host.perSecond.memory = { ...HEAVY };
  const engine = await host.engine();
  for (const file of [MEMORY, 'cgroup/acme/memory.pressure']) await host.fire(join(host.root, file), engine);
  await host.seconds(3, engine);
  t.deepEqual(host.did, ['reclaim own 51']);
  t.like(host.events[0]?.data, { scope: 'tenant/acme' });
});

test("want of cpu that only besteffort feels is nobody else's, and what burstable feels is", async (t) => {
  const host = new FakeHost(t);
  const batch = host.workload('batch', { class: 'besteffort' }, { cpuPerSecond: 3.8e6 });
  const web = host.workload('web', {}, { cpuPerSecond: 0.2e6 });
  host.perSecond.cpu = { some: 900, full: 0 };
  batch.perSecond.cpu = { some: 900, full: 0 };
  const engine = await host.engine();
  await host.fire(join(host.root, 'proc/pressure/cpu'), engine);
  await host.seconds(20, engine);
  t.deepEqual(host.did, []);
  web.perSecond.cpu = { some: 500, full: 0 };
  await host.fire(join(host.root, 'proc/pressure/cpu'), engine);
  await host.seconds(2, engine);
  t.deepEqual(host.did.slice(0, 2), [
    'pressure batch cpu.weight=1',
    'pressure batch cpu.weight=1,cpu.max=340000 100000',
  ]);
});

test('a hook that fails holds up nothing, and what it said is told', async (t) => {
  const host = new FakeHost(t);
  pressed(host);
  const engine = await host.engine({ steps: ['kill'], kill_after: '2s', hook: '/bin/sh', hook_timeout: '2m' });
  // The shell runs what it reads: JSON is no command, so this one fails with 127, which holds up nothing.
  await host.fire(join(host.root, MEMORY), engine);
  await host.seconds(4, engine);
  t.like(host.events.at(-1)?.data, { action: 'kill', outcome: 'done' });
  t.regex(String(host.events.at(-1)?.data.hook), /exited with code 127/);
});

test('a veto is as if nothing had been decided, but for the cool-down', async (t) => {
  const host = new FakeHost(t);
  pressed(host);
  const hook = join(host.root, 'hook');
  writeFileSync(hook, '#!/bin/sh\ncat >> told\nexit 75\n', { mode: 0o755 });
  const engine = await host.engine({ steps: ['kill'], kill_after: '2s', hook, hook_timeout: '2m' });
  await host.fire(join(host.root, MEMORY), engine);
  await host.seconds(8, engine);
  const acts = host.events.map(({ workload, data }) => `${data.action} ${workload} ${data.outcome}`);
  t.deepEqual(acts, ['kill hog vetoed', 'kill hog done']);
  t.is(host.events[1]?.data.hook, 'wanted to put it off again');
});

test('a scope without a trigger is looked at with each sample, and a condition says so', async (t) => {
  const host = new FakeHost(t);
  pressed(host);
  host.refuse = (file) => new SysError('write', constants.errno.EOPNOTSUPP, { path: file });
  const engine = await host.engine({ steps: ['reclaim'] });
  await host.seconds(5, engine);
  await engine.look();
  await engine.idle();
  t.deepEqual(host.did, ['reclaim hog 100']);
  t.like(engine.conditions()[0], { code: 'pressure_unobservable', severity: 'warning' });
  t.regex(engine.conditions()[0]?.why ?? '', /EOPNOTSUPP/);
});

test('triggers are bounded, the host has them first, and who has none is seen by the sampler', async (t) => {
  const host = new FakeHost(t);
  for (let n = 0; n < 20; n++) host.workload(`w${n}`, {}, { memory: GIB, file: GIB });
  const engine = await host.engine({ max_triggers: 6 });
  t.is(host.triggers.size, 6);
  t.is([...host.triggers.keys()].filter((name) => name.includes('proc/pressure')).length, 4);
  t.like(engine.conditions(), { length: 1, 0: { code: 'pressure_triggers_used_up', severity: 'info' } });
  engine.observe('w7', sampled(GIB, 0));
  const w7 = host.cgroups.get('acme/w7');
  if (w7 !== undefined) w7.perSecond.memory = { ...HEAVY };
  await host.seconds(5, engine);
  engine.observe('w7', sampled(GIB, 2_000_000));
  await host.seconds(2, engine);
  t.deepEqual(host.did, [`reclaim w7 51`]);
});

test('a changed section gives back what is held and starts afresh', async (t) => {
  const host = new FakeHost(t);
  pressed(host);
  const engine = await host.engine({ steps: ['freeze'] });
  await host.fire(join(host.root, MEMORY), engine);
  await host.seconds(6, engine);
  await engine.configure(config({ mode: 'dry-run' }));
  t.deepEqual(
    host.did.filter((line) => !line.startsWith('reclaim')),
    ['freeze hog', 'thaw hog'],
  );
  t.is(engine.status().mode, 'dry-run');
});

test('at level act for long is a condition, with the reason why nothing more is done', async (t) => {
  const host = new FakeHost(t);
  pressed(host);
  const engine = await host.engine({ steps: ['reclaim'] });
  await host.fire(join(host.root, MEMORY), engine);
  await host.seconds(90, engine);
  const found = engine.conditions().find(({ code }) => code === 'pressure_lasting');
  t.regex(found?.title ?? '', /^host is short of memory for \d+ s$/);
  t.regex(found?.why ?? '', /reclaim: taken 2 times already/);
});

test('the last minute of the host and of workloads is there for who asks', async (t) => {
  const host = new FakeHost(t);
  pressed(host);
  const engine = await host.engine({ steps: [] });
  await host.fire(join(host.root, MEMORY), engine);
  await host.seconds(10, engine);
  t.like(engine.history.last('host').at(-1), { memory: { some: 60, full: 40 } });
  t.is(engine.history.last('hog').at(-1)?.bytes, GIB + 200 * MIB);
  engine.forget('hog');
  t.deepEqual(engine.history.last('hog'), []);
});

for (const [cost, wanted] of [
  ['8:0 enable=1 ctrl=auto', ['pressure writer io.weight=default 1']],
  ['8:0 enable=0 ctrl=auto', []],
] as const)
  test(`io.weight is turned only where the cost model obeys it: ${cost}`, async (t) => {
    const host = new FakeHost(t);
    const io = { memory: { some: 0, full: 0 }, cpu: { some: 0, full: 0 }, io: { some: 900, full: 900 } };
    host.workload('writer', { class: 'besteffort' }, { ioPerSecond: 50 * MIB });
    host.workload('db', {}, { perSecond: io });
    host.perSecond.io = io.io;
    writeFileSync(join(host.dirOf('acme/writer'), 'io.weight'), 'default 100\n');
    writeFileSync(join(host.root, 'cgroup/io.cost.qos'), `${cost}\n`);
    const engine = await host.engine({ steps: ['suppress'] });
    await host.seconds(1, engine);
    await host.fire(join(host.root, 'proc/pressure/io'), engine);
    await host.seconds(4, engine);
    t.is(engine.status().scopes[0]?.level, 'act');
    t.deepEqual(host.did, wanted);
  });
