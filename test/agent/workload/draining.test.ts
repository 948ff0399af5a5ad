// A drain of the node: who stops in which order, what a lifted drain starts again, and that no death of the agent between loses
// a workload or starts one that must not run.
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import type { DrainOrder, DrainRequest } from '../../../agent/model/drain.js';
import type { WorkloadRecord } from '../../../agent/model/record.js';
import { DrainFile, type DrainStore } from '../../../agent/workload/drain-file.js';
import { drainConditions } from '../../../agent/workload/drain-view.js';
import { FakeHost } from './fake-host.js';
import { type Life, type LifeOptions, newLife, nextLife, specOf, state } from './fake-world.js';

const ALL: DrainRequest = { deadlineMs: null, graceMs: null, keepClass: null, tenant: null, selector: null };
const GUARANTEED = { cpu: { request: 0.1, limit: 0.1 }, memory: { limit: '64Mi' } };
const always = { restart: { policy: 'always' } };
const IDS = ['low', 'mid', 'high', 'top'];
const FEW = ['low', 'top'];

/** low is besteffort, mid and high burstable, top guaranteed and frozen. */
async function inhabited(options: LifeOptions = {}, few = false) {
  const life = newLife(options);
  await life.manager.recover();
  const { manager } = life;
  await manager.create(specOf({ id: 'low', class: 'besteffort', ...always }));
  if (!few) {
    await manager.create(specOf({ id: 'mid', priority: 10, tenant: 'globex', labels: { app: 'web' }, ...always }));
    await manager.create(specOf({ id: 'high', priority: 20, ...always }));
  }
  await manager.create(specOf({ id: 'top', class: 'guaranteed', resources: GUARANTEED, ...always }));
  for (const { id } of manager.records()) await life.until(state('running', id));
  await manager.setDesired('top', 'frozen');
  await life.until(state('frozen', 'top'));
  return life;
}

const record = ({ manager }: Pick<Life, 'manager'>, id: string): WorkloadRecord => manager.actor(id).record;
const drained = (life: Pick<Life, 'until'>) => life.until(({ type }) => type === 'node.drained');

async function drain(life: Life, request: Partial<DrainRequest> = {}): Promise<void> {
  life.manager.setCordoned(true);
  await life.manager.draining.begin({ ...ALL, ...request });
}

async function lift(life: Life): Promise<number> {
  const count = await life.manager.draining.lift();
  life.manager.setCordoned(false);
  life.manager.draining.changed();
  return count;
}

/** Looks in every turn of the loop, as long as nobody has died. */
async function when(is: () => boolean, died?: Promise<unknown>): Promise<void> {
  let dead = false;
  void died?.then(() => {
    dead = true;
  });
  while (!dead && !is()) await new Promise((resolve) => setImmediate(resolve));
}

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
  const { writeFileSync } = await import('node:fs');
  const { join } = await import('node:path');
  writeFileSync(join(life.world.config.paths.state, 'drain.json'), '{"since":');
  const next = await nextLife(life);
  t.is(next.manager.draining.view(), null);
  t.is(next.events.filter(({ type }) => type === 'journal.damaged').length, 1);
  t.is(record(next, 'low').state, 'exited');
  t.is(await lift(next), 4);
  await when(() => record(next, 'low').state === 'running');
});

/** A store that dies with its agent at the write after so many, before or after it is on the disk. */
function mortal(file: DrainStore, writes: number, arrives: boolean, die: () => void): DrainStore {
  let left = writes;
  return {
    load: () => file.load(),
    save: async (order: DrainOrder | null) => {
      left -= 1;
      if (left >= 0) return file.save(order);
      if (left < -1) return new Promise<never>(() => undefined);
      if (arrives) await file.save(order);
      die();
      return new Promise<never>(() => undefined);
    },
  };
}

/** How the agent dies: the answer arms it, and is called when all run. */
type Death = (life: Life & { directory: string }) => void;

async function dies(phase: 'drain' | 'lift', death: Death): Promise<Life & { directory: string }> {
  const life = await inhabited({}, true);
  if (phase === 'lift') {
    await drain(life);
    await drained(life);
  }
  death(life);
  const dead = life.host.died;
  if (phase === 'drain') {
    void drain(life);
    await Promise.race([dead, drained(life)]);
  } else {
    void lift(life);
    await when(() => life.manager.draining.view() === null, dead);
  }
  return life;
}

const deaths = {
  call:
    (n: number): Death =>
    ({ host }) =>
      host.dieAfter(n),
  write:
    (n: number, arrives: boolean): Death =>
    ({ journal }) =>
      journal.dieAfter(n, arrives),
  order:
    (n: number, arrives: boolean): Death =>
    (life) => {
      const { drains } = life.world;
      const die = () => life.host.die();
      Object.assign(life.world, { drains: mortal(drains, n, arrives, die) });
    },
};

/** The next agent ends the drain, if it was durable; and nothing that has stopped for it runs before it is lifted. */
async function goesOn(t: import('ava').ExecutionContext, dead: Life & { directory: string }, at: string, boot: string) {
  const host = boot === 'boot-1' ? dead.host : new FakeHost();
  const before = new Map(dead.manager.records().map(({ id, evicted }) => [id, evicted?.resumes]));
  const spawned = host.spawned.length;
  const life = await nextLife(dead, host, boot);
  life.manager.setCordoned(true);
  if (life.manager.draining.view() === null) {
    t.true(
      life.manager.records().every(({ evicted }) => !evicted),
      `${at}: nobody was stopped`,
    );
    await when(() => FEW.every((id) => ['running', 'frozen'].includes(record(life, id).state)));
    return life.manager.close();
  }
  await when(() => life.manager.draining.view()?.phase === 'drained');
  t.is(host.spawned.length, spawned, `${at}: nothing is started`);
  for (const id of FEW) {
    t.like(record(life, id), { state: 'exited', desired: 'stopped', evicted: { cause: 'drained' } }, `${at}: ${id}`);
    t.truthy(record(life, id).evicted?.resumes, at);
    if (before.get(id) !== undefined) t.is(record(life, id).evicted?.resumes, before.get(id), at);
  }
  t.is(await lift(life), FEW.length, at);
  await when(() => life.manager.draining.view() === null);
  await when(() => FEW.every((id) => ['running', 'frozen'].includes(record(life, id).state)));
  life.manager.close();
}

/** The next agent starts all of them again, each once. */
async function comesBack(
  t: import('ava').ExecutionContext,
  dead: Life & { directory: string },
  at: string,
  boot: string,
) {
  const life = await nextLife(dead, boot === 'boot-1' ? dead.host : new FakeHost(), boot);
  // As the daemon does at its start.
  if (life.manager.draining.view()?.phase === 'drained') {
    life.manager.setCordoned(true);
    t.is(await lift(life), FEW.length, `${at}: not lifted yet`);
  }
  await when(() => life.manager.draining.view() === null);
  await when(() => FEW.every((id) => record(life, id).state === (id === 'top' ? 'frozen' : 'running')));
  for (const id of FEW) t.falsy(record(life, id).evicted, at);
  life.manager.close();
}

for (const [phase, check] of [
  ['drain', goesOn],
  ['lift', comesBack],
] as const) {
  test(`${phase}: killed at any call to the host, the next agent goes on where it was`, async (t) => {
    const whole = await dies(phase, () => undefined);
    const before = whole.host.calls.length;
    const calls = phase === 'drain' ? 20 : 12;
    t.true(before > calls);
    for (let n = 0; n < calls; n += 1) await check(t, await dies(phase, deaths.call(n)), `after ${n} calls`, 'boot-1');
  });

  for (const boot of ['boot-1', 'boot-2'])
    test(`${phase}: killed at any write of a record, on the disk or not, the next agent of ${boot} goes on`, async (t) => {
      for (let n = 0; n < 8; n++)
        for (const arrives of [false, true]) {
          const at = `write ${n + 1}, ${arrives ? 'on' : 'not on'} the disk`;
          await check(t, await dies(phase, deaths.write(n, arrives)), at, boot);
        }
    });

  for (const boot of ['boot-1', 'boot-2'])
    test(`${phase}: killed at any write of the order, the next agent of ${boot} goes on`, async (t) => {
      for (const n of [0, 1])
        for (const arrives of [false, true])
          await check(t, await dies(phase, deaths.order(n, arrives)), `order ${n + 1} ${arrives}`, boot);
    });
}

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
