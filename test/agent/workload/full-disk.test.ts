// Ends, stops and removals while the journal cannot be written, on the host in memory.
import { join } from 'node:path';
import test from 'ava';
import { Relief } from '../../../agent/daemon/relief.js';
import { Journal } from '../../../agent/workload/journal.js';
import { MissedEnds } from '../../../agent/workload/missed-ends.js';
import { SysError } from '../../../linux/errors.js';
import { temporaryDirectory } from '../../runner/temporary.js';
import { newLife, nextLife, specOf, state } from './fake-world.js';
import { recordOf } from './records.js';

const ENOSPC = 28;
const full = (): SysError => new SysError('write', ENOSPC, { path: '/state' });

/** Writes are refused until it is mended. */
class SickJournal {
  sick = false;
  refused = 0;

  heal(journal: { write(record: never): Promise<void> }): () => void {
    const write = journal.write.bind(journal);
    journal.write = (record) => {
      if (!this.sick) return write(record);
      this.refused += 1;
      return Promise.reject(full());
    };
    return () => {
      this.sick = false;
    };
  }
}

const untilRefused = async (sick: SickJournal, count: number): Promise<void> => {
  while (sick.refused < count) await new Promise((resolve) => setTimeout(resolve, 5));
};

for (const policy of ['always', 'never'] as const)
  test(`the end of a process on a full disk is kept until it can be written, with restart ${policy}`, async (t) => {
    const life = newLife();
    const { manager, host, journal } = life;
    await manager.recover();
    const sick = new SickJournal();
    const heal = sick.heal(journal as never);
    await manager.create(specOf({ restart: { policy } }));
    await life.until(state('running'));
    sick.sick = true;
    host.end('web-1', { code: 3 });
    await untilRefused(sick, 2);
    t.is(manager.actor('web-1').record.state, 'running', 'nothing is told before it is durable');
    t.is(manager.actor('web-1').record.error?.code, 'disk_full', 'and why it is not, is seen');
    t.false(life.events.some(({ type }) => type === 'workload.ended'));
    heal();
    await manager.retry();
    const ended = await life.until(({ type }) => type === 'workload.ended');
    t.like(ended.data, { code: 3, cause: 'exit' });
    await life.until(state(policy === 'always' ? 'pending' : 'failed'));
    t.is(life.events.filter(({ type }) => type === 'workload.ended').length, 1);
    t.is(manager.actor('web-1').record.end?.code, 3);
    manager.close();
  });

test('a start that only the disk has held up goes on when that is well', async (t) => {
  const life = newLife();
  const { manager, host, journal } = life;
  await manager.recover();
  const sick = new SickJournal();
  const heal = sick.heal(journal as never);
  await manager.create(specOf({ restart: { policy: 'always' } }));
  await life.until(state('running'));
  await manager.setDesired('web-1', 'running', { restart: true });
  await life.until(state('pending'));
  sick.sick = true;
  await untilRefused(sick, 2);
  t.not(manager.actor('web-1').record.state, 'failed');
  const runs = host.spawned.length;
  heal();
  await manager.retry();
  while (manager.actor('web-1').record.state !== 'running') await new Promise((resolve) => setTimeout(resolve, 5));
  t.true(host.spawned.length >= runs);
  manager.close();
});

test('a boot on a full disk takes every workload over, and does nothing for one before its record is written', async (t) => {
  const first = newLife();
  await first.manager.recover();
  await first.manager.create(specOf());
  await first.until(state('running'));
  const sick = new SickJournal();
  await first.journal.idle();
  await first.journal.die();
  first.manager.close();
  for (const { id } of first.host.held.values()) first.host.end(id, { signal: 'SIGKILL' });
  first.host.held.clear();
  first.host.revive();
  const life = newLife({ host: first.host, directory: first.directory, bootId: 'boot-2' });
  const heal = sick.heal(life.journal as never);
  sick.sick = true;
  const before = life.host.spawned.length;
  const { resumed } = await life.manager.recover();
  t.is(resumed, 1);
  await untilRefused(sick, 2);
  t.is(life.host.spawned.length, before);
  heal();
  await life.manager.retry();
  await life.until(state('running'));
  t.is(life.host.spawned.length, before + 1);
  life.manager.close();
});

test('the reader of missed ends finds what nobody has told, and waits for the status of what is just ending', async (t) => {
  const life = newLife();
  const { manager, host, world } = life;
  await manager.recover();
  await manager.create(specOf());
  await life.until(state('running'));
  const alive = new Set([manager.actor('web-1').record.process?.pid]);
  const ends = new MissedEnds({
    supervisor: world.supervisor,
    actors: () => manager.all(),
    isAlive: (pid) => alive.has(pid),
  });
  t.deepEqual(await ends.look(), [], 'it lives');
  host.onExit = undefined;
  alive.clear();
  t.deepEqual(await ends.look(), [], 'the supervisor has not reaped it yet');
  host.end('web-1', { code: 7 });
  t.deepEqual(await ends.look(), ['web-1']);
  const ended = await life.until(({ type }) => type === 'workload.ended');
  t.like(ended.data, { code: 7 });
  await life.until(state('failed'));
  t.deepEqual(await ends.look(), []);
  manager.close();
});

test('what the supervisor does not know either has ended, with a status that nobody has seen', async (t) => {
  const told: unknown[] = [];
  const record = recordOf();
  const actor = { record, hasEnded: false, ended: (held: unknown) => void told.push(held) };
  const ends = new MissedEnds({ supervisor: { list: async () => [] }, actors: () => [actor], isAlive: () => false });
  t.deepEqual(await ends.look(), ['web-1']);
  t.like(told[0] as object, { id: 'web-1', pid: record.process?.pid, exit: { code: null, signal: null } });
});

test('the record of a stop is written over what is set aside, and that of a start is not', async (t) => {
  const directory = temporaryDirectory('relief');
  const relief = new Relief(directory, { files: 3, bytes: 8192, spare: 0 });
  t.is(await relief.refill(), 3);
  const outcomes: unknown[] = [];
  const asked: string[] = [];
  const journal = new Journal(directory, {
    outcome: (error) => outcomes.push(error),
    relief: {
      async replace(path) {
        asked.push(path);
      },
    },
  });
  // The directory of the records is missing: every write fails.
  await t.throwsAsync(journal.write(recordOf({ state: 'preparing' })));
  for (const record of [recordOf({ desired: 'stopped' }), recordOf({ desired: 'deleted', state: 'stopping' })])
    await journal.write(record);
  t.deepEqual(asked, Array(2).fill(join(directory, 'workloads/web-1.json')));
  t.is(outcomes.length, 3);
});

test('after a crash nothing of what could not be written is told, and the end is found again', async (t) => {
  const life = newLife();
  await life.manager.recover();
  const sick = new SickJournal();
  sick.heal(life.journal as never);
  await life.manager.create(specOf());
  await life.until(state('running'));
  sick.sick = true;
  life.host.end('web-1', { code: 3 });
  await untilRefused(sick, 1);
  const next = await nextLife(life);
  const ended = await next.until(({ type }) => type === 'workload.ended');
  t.like(ended.data, { code: 3, cause: 'exit' });
  next.manager.close();
});
