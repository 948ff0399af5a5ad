// A kill by the kernel that the workload survives is told once, whatever becomes of the writes of its record.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { temporaryDirectory } from '../../runner/temporary.js';
import { FakeHost } from './fake-host.js';
import { newLife, specOf, state } from './fake-world.js';

/** A running workload in which the kernel kills; the counters are files of the test's own. */
async function running() {
  const host = new FakeHost();
  host.root = temporaryDirectory('cgroups');
  const life = newLife({ host });
  await life.manager.recover();
  const count = (kills: number, heard = true): void => {
    const own = join(host.root, life.manager.actor('web-1').record.sandbox.cgroup);
    mkdirSync(own, { recursive: true });
    writeFileSync(join(own, 'memory.events'), `low 0\noom ${kills}\noom_kill ${kills}\noom_group_kill 0\n`);
    if (heard) life.manager.memoryEventsChanged('web-1');
  };
  await life.manager.create(specOf());
  await life.until(state('running'));
  const told = () => life.events.filter(({ type }) => type === 'workload.oom').map(({ data }) => data.kills);
  /** Resolves when a write has failed. */
  const failed = async (): Promise<void> => {
    const before = life.journal.asked.length;
    while (life.journal.asked.length === before) await new Promise((resolve) => setTimeout(resolve, 20));
    await life.journal.idle();
  };
  return { ...life, count, told, failed };
}

test('a record that cannot be written keeps the kill untold, and the next try tells all of them', async (t) => {
  const { count, failed, journal, manager, told, until } = await running();
  journal.failing = 'web-1 running';
  count(2);
  await failed();
  t.deepEqual(told(), []);
  count(3, false);
  journal.failing = undefined;
  await until(({ type }) => type === 'workload.oom');
  t.deepEqual(told(), [3]);
  t.is(manager.actor('web-1').record.before?.oomKill, 3);
});

test('an end takes along the kill that is untold, and does not take it for its cause', async (t) => {
  const { count, events, failed, host, journal, manager, told, until } = await running();
  journal.failing = 'web-1 running';
  count(1);
  await failed();
  journal.failing = undefined;
  host.end('web-1', { signal: 'SIGKILL' });
  await until(({ type }) => type === 'workload.ended');
  t.deepEqual(told(), [1]);
  t.is(manager.actor('web-1').record.end?.cause, 'signal');
  const order = events.map(({ type }) => type).filter((type) => type === 'workload.oom' || type === 'workload.ended');
  t.deepEqual(order, ['workload.oom', 'workload.ended']);
});
