// A drain of the node: who stops in which order, and what a lifted drain starts again.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { Maintenance } from '../../../agent/daemon/maintenance.js';
import { parseSpec } from '../../../agent/model/spec.js';
import { DrainFile } from '../../../agent/workload/drain-file.js';
import { drainConditions } from '../../../agent/workload/drain-view.js';
import { BerthError } from '../../../protocol/errors.js';
import { ALL, drain, drained, IDS, inhabited, lift, record, when } from './draining-life.js';
import { FakeHost } from './fake-host.js';
import { type Life, nextLife, specOf, state } from './fake-world.js';

test('class by class, the lowest priority first; each end says why, and the node says how far it is', async (t) => {
  const life = await inhabited();
  t.is(life.manager.draining.view(), null);
  t.deepEqual(
    life.manager.draining.plan({ ...ALL, graceMs: 5 }).map(({ id, graceMs }) => [id, graceMs]),
    [
      ['low', 5],
      ['mid', 5],
      ['high', 5],
      ['top', 5],
    ],
  );
  await drain(life);
  t.like(life.manager.draining.view(), { phase: 'draining', total: 4, stopped: 0, deadlineAt: null });
  await drained(life);
  t.like(life.manager.draining.view(), { phase: 'drained', total: 4, stopped: 4, stopping: 0, waiting: 0, left: [] });
  for (const id of IDS) {
    t.like(record(life, id), { state: 'exited', desired: 'stopped', end: { cause: 'drained' } }, id);
    t.regex(record(life, id).end?.detail ?? '', /^stopped as the node is drained \(/);
    t.is(record(life, id).evicted?.resumes, id === 'top' ? 'frozen' : 'running');
  }
  const told = life.events.filter(({ type }) => type === 'workload.evicted');
  t.deepEqual(
    told.map(({ workload }) => workload),
    IDS,
  );
  t.like(told[0], { data: { cause: 'drained', graceMs: 20 } });
  const stages = life.events.filter(({ type }) => type === 'node.draining').map(({ data }) => data);
  t.deepEqual(
    stages.map(({ class: of }) => of),
    ['besteffort', 'burstable', 'guaranteed'],
  );
  t.like(stages[2], { total: 4, stopped: 3, waiting: 1 });
  const at = (type: string, id: string) =>
    life.events.findIndex((event) => event.type === type && event.workload === id);
  t.true(at('workload.evicted', 'mid') > at('workload.ended', 'low'), 'a class waits for the one below');
  t.true(
    at('workload.evicted', 'top') > at('workload.ended', 'mid') &&
      at('workload.evicted', 'top') > at('workload.ended', 'high'),
  );
  t.true(at('workload.evicted', 'high') < at('workload.ended', 'mid'), 'those of one class stop together');
  await t.throwsAsync(life.manager.setDesired('low', 'running'), { code: 'cordoned' });
});

test('a drain twice is one drain, and the second says what counts', async (t) => {
  const life = await inhabited();
  await drain(life, { tenant: 'globex' });
  await drained(life);
  const { since, drainedAt } = life.manager.draining.view() ?? {};
  await drain(life, { tenant: 'globex' });
  t.like(life.manager.draining.view(), { phase: 'drained', total: 1, since, drainedAt });
  await drain(life, {});
  t.like(life.manager.draining.view(), { phase: 'draining', since, drainedAt: null });
  await when(() => life.manager.draining.view()?.phase === 'drained');
  t.is(life.manager.draining.view()?.total, 4);
});

test('a selection leaves the others alone: tenant, labels, class', async (t) => {
  const running = (life: Life) => IDS.filter((id) => ['running', 'frozen'].includes(record(life, id).state));
  for (const [request, left] of [
    [{ tenant: 'globex' }, ['low', 'high', 'top']],
    [{ selector: 'app=web' }, ['low', 'high', 'top']],
    [{ selector: '!app' }, ['mid']],
    [{ keepClass: 'guaranteed' }, ['top']],
    [{ keepClass: 'burstable' }, ['mid', 'high', 'top']],
  ] as const) {
    const life = await inhabited();
    await drain(life, request);
    await drained(life);
    t.deepEqual(running(life), [...left], JSON.stringify(request));
  }
  const life = await inhabited();
  await t.throwsAsync(async () => drain(life, { selector: '=' }), { code: 'invalid_params' });
  t.is(life.manager.draining.view(), null);
});

test('lifted: what the drain has stopped is as before, what somebody has stopped stays so', async (t) => {
  const life = await inhabited();
  await life.manager.setDesired('low', 'stopped');
  await life.until(state('exited', 'low'));
  await drain(life);
  await drained(life);
  t.is(life.manager.draining.view()?.total, 3);
  await life.manager.setDesired('mid', 'stopped');
  t.is(record(life, 'mid').evicted?.cause, 'drained');
  t.is(await lift(life), 2);
  await when(
    () => life.manager.draining.view() === null && ['high', 'top'].every((id) => record(life, id).process !== null),
  );
  await when(() => record(life, 'top').state === 'frozen');
  t.like(record(life, 'high'), { state: 'running', desired: 'running', evicted: null });
  t.like(record(life, 'top'), { desired: 'frozen', evicted: null });
  for (const id of ['low', 'mid']) t.like(record(life, id), { state: 'exited', desired: 'stopped' }, id);
  t.is(await new DrainFile(life.world.config.paths.state, { onDamaged: () => t.fail() }).load(), null);
  t.is(await lift(life), 0, 'nothing is left to lift');
});

test('lifted in the middle: who was asked comes back when it has gone, who was not asked never notices', async (t) => {
  const life = await inhabited();
  await drain(life);
  await life.until(({ type }) => type === 'workload.evicted');
  t.is(await lift(life), 1);
  await when(() => life.manager.draining.view() === null && record(life, 'low').state === 'running');
  t.falsy(record(life, 'low').evicted);
  t.deepEqual(life.host.spawned.map(({ id }) => id).sort(), ['high', 'low', 'low', 'mid', 'top']);
});

test('one that cannot start again says why and keeps nobody', async (t) => {
  const life = await inhabited({ config: { density: { cpu_overcommit: 1, reserved_cpu: 0 } } });
  await drain(life, { tenant: 'globex' });
  await drained(life);
  life.manager.setCordoned(false);
  await life.manager.create(specOf({ id: 'greedy', resources: { cpu: { request: 3.65 } } }));
  t.is(await lift(life), 1);
  await when(() => life.manager.draining.view() === null);
  t.like(record(life, 'mid'), { state: 'exited', desired: 'stopped', error: { code: 'admission_refused' } });
  t.is(record(life, 'mid').evicted?.resumes, undefined);
});

test('starts that the node cannot take now are put off, and nobody is forgotten', async (t) => {
  let refused = -4;
  const governor = {
    ...{ waiting: () => undefined, allWaiting: () => new Map() },
    ...{ admit: () => ({ runs: () => undefined, end: () => undefined }) },
    requireRoom: () => {
      refused += 1;
      if (refused === 1 || refused === 2) throw new BerthError('start_queue_full', 'too many wait');
    },
  };
  const life = await inhabited({ world: { governor } });
  await drain(life);
  await drained(life);
  t.is(refused, 0, 'four were created');
  t.is(await lift(life), 4);
  await when(() => life.manager.draining.view() === null);
  t.is(refused, 6);
  await when(() => record(life, 'low').state === 'running');
});

test('what has no time left is killed, whatever grace it has', async (t) => {
  const life = await inhabited({ config: { lifecycle: { stop_grace: '1h' } } });
  await drain(life, { deadlineMs: 30 });
  t.true((life.manager.draining.view()?.deadlineAt ?? 0) > 0);
  await drained(life);
  for (const id of IDS) t.is(life.host.held.get(id)?.exit?.signal ?? 'SIGKILL', 'SIGKILL');
});

test('a second request may be more impatient than the first', async (t) => {
  const life = await inhabited({ config: { lifecycle: { stop_grace: '1h' } } });
  await drain(life);
  await life.until(({ type }) => type === 'workload.evicted');
  await drain(life, { deadlineMs: 0 });
  await drained(life);
  t.is(life.manager.draining.view()?.stopped, 4);
});

test('what does not go is named, and half a minute after the deadline the drain is incomplete', async (t) => {
  let wall = 1e12;
  const clock = { wall: () => wall, boot: () => wall - 1e11 };
  const host = new FakeHost();
  const port = host.cgroupPort();
  const remove: typeof port.remove = (name) =>
    name.endsWith('low') ? Promise.reject(new Error('busy')) : port.remove(name);
  const life = await inhabited({ host, clock, world: { cgroups: { ...port, remove } } });
  await drain(life, { deadlineMs: 1 });
  await when(() => record(life, 'low').error !== null);
  t.like(life.manager.draining.view(), {
    phase: 'draining',
    left: [{ id: 'low', state: 'stopping', problem: 'busy' }],
  });
  wall += 60_000;
  t.like(life.manager.draining.view(), { phase: 'incomplete' });
  t.like(drainConditions(life.manager.draining.view())[0], { code: 'drain_incomplete', severity: 'warning' });
  life.manager.close();
});

test('a record that cannot be written keeps nobody else, and is tried again', async (t) => {
  const life = await inhabited();
  life.journal.failing = 'mid stopped';
  await drain(life);
  await life.until(state('exited', 'high'));
  t.like(record(life, 'mid'), { state: 'running', end: null });
  life.journal.failing = undefined;
  await drained(life);
  t.is(record(life, 'mid').end?.cause, 'drained');
});

test('an order that cannot be read is set aside, and the drain can be lifted all the same', async (t) => {
  const life = await inhabited();
  await drain(life);
  await drained(life);
  writeFileSync(join(life.world.config.paths.state, 'drain.json'), '{"since":');
  const next = await nextLife(life);
  t.is(next.manager.draining.view(), null);
  t.is(next.events.filter(({ type }) => type === 'journal.damaged').length, 1);
  t.is(record(next, 'low').state, 'exited');
  t.is(await lift(next), 4);
  await when(() => record(next, 'low').state === 'running');
});

test('what waits to start when the host boots does not start while the node is drained', async (t) => {
  const life = await inhabited();
  await drain(life, { keepClass: 'guaranteed' });
  const host = new FakeHost();
  const next = await nextLife(life, host, 'boot-2');
  await next.until(state('frozen', 'top'));
  await sleep(1);
  t.deepEqual(
    host.spawned.map(({ id }) => id),
    ['top'],
  );
  t.is(next.manager.draining.view()?.phase, 'drained');
});

test('a drain that stands on an open node is lifted: an agent that knew of none has opened it', async (t) => {
  const life = await inhabited();
  await drain(life);
  await drained(life);
  life.manager.setCordoned(false);
  const next = await nextLife(life);
  for (const id of IDS) await next.until(state(id === 'top' ? 'frozen' : 'running', id));
  await when(() => next.manager.draining.view() === null);
  t.is(record(next, 'top').evicted ?? null, null);
});

test('networks of containers that another runtime runs are left to it', async (t) => {
  const life = await inhabited();
  const external = { namespace: '/run/netns/pod' };
  await life.manager.create(parseSpec({ id: 'cni-pod', class: 'besteffort', driver: 'external', external }));
  await life.until(state('running', 'cni-pod'));
  t.false(life.manager.draining.plan(ALL).some(({ id }) => id === 'cni-pod'));
  await drain(life);
  await drained(life);
  t.is(record(life, 'cni-pod').state, 'running');
});

test('who cordons a node again while its drain is being lifted finds it cordoned after a restart', async (t) => {
  const life = await inhabited();
  const closed: boolean[] = [];
  const cordon = {
    set: async (cordoned: boolean) => {
      closed.push(cordoned);
    },
  };
  const maintenance = new Maintenance({ manager: life.manager, cordon, world: life.world });
  await maintenance.drain(ALL);
  await drained(life);
  // It stays in this step as long as one has not started.
  life.manager.draining.close();
  await maintenance.setCordoned(false);
  await maintenance.setCordoned(true);
  t.deepEqual(closed, [true, false, true]);
  const next = await nextLife(life);
  const after = new Maintenance({ manager: next.manager, cordon, world: next.world });
  await after.resume();
  t.true(next.manager.cordoned);
  t.is(next.manager.draining.view()?.phase, 'lifting');
  await after.setCordoned(false);
  await next.until(state('running', 'low'));
});
