// No death of the agent in the middle of a drain, or of its lifting, loses a workload or starts one that must not run.
import test, { type ExecutionContext } from 'ava';
import type { DrainOrder } from '../../../agent/model/drain.js';
import type { DrainStore } from '../../../agent/workload/drain-file.js';
import { drain, drained, FEW, inhabited, lift, record, when } from './draining-life.js';
import { FakeHost } from './fake-host.js';
import { type Life, nextLife } from './fake-world.js';

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
async function goesOn(t: ExecutionContext, dead: Life & { directory: string }, at: string, boot: string) {
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
async function comesBack(t: ExecutionContext, dead: Life & { directory: string }, at: string, boot: string) {
  const life = await nextLife(dead, boot === 'boot-1' ? dead.host : new FakeHost(), boot);
  // As the daemon does at its start.
  if (life.manager.draining.mustOpen) await lift(life);
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
