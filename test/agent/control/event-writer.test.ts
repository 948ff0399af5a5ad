// Events on a disk that is slow, full, or cut off with the agent at any of its calls.

import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { type EventIo, nodeIo } from '../../../agent/control/event-io.js';
import { EventLog, type EventLogOptions } from '../../../agent/control/event-log.js';
import { fc } from '../../runner/property.js';
import { temporaryDirectory } from './harness.js';

const open = (directory: string, options: Partial<EventLogOptions> = {}) =>
  new EventLog({ directory, bootId: 'boot-1', now: () => 1, closeMs: 60_000, ...options });
const cursorsOf = (log: EventLog, since = 0) => log.since(since).events.map(({ cursor }) => cursor);

function fill(log: EventLog, count: number, type = 'workload.state'): void {
  for (let i = 0; i < count; i++) log.append({ type, workload: 'web', tenant: 'acme', data: { i } });
}

/** The agent is killed in its call number `calls`: half of a write is done, and nothing after it ever ends. */
function killedAt(calls: number): { readonly io: EventIo; readonly killed: Promise<void> } {
  let left = calls;
  let die = (): void => undefined;
  const killed = new Promise<void>((resolve) => {
    die = resolve;
  });
  const never = new Promise<never>(() => undefined);
  const call = async <T>(work: () => Promise<T>, half: () => Promise<unknown> = async () => undefined): Promise<T> => {
    if (left-- > 0) return work();
    if (left === -1) await half();
    die();
    return never;
  };
  const io: EventIo = {
    write: (fd, bytes, at) =>
      call(
        () => nodeIo.write(fd, bytes, at),
        () => nodeIo.write(fd, bytes.subarray(0, bytes.length >> 1), at),
      ),
    truncate: (fd, length) => call(() => nodeIo.truncate(fd, length)),
    rename: (from, to) => call(() => nodeIo.rename(from, to)),
    open: (path) => call(() => nodeIo.open(path)),
    close: (fd) => call(() => nodeIo.close(fd)),
  };
  return { io, killed };
}

/** Each call fails as long as `full`, after half of a write was taken. */
function fullDisk(): { readonly io: EventIo; full: boolean } {
  const disk = {
    full: false,
    io: nodeIo,
  };
  const refuse = (): Promise<never> => Promise.reject(Object.assign(new Error('no space'), { code: 'ENOSPC' }));
  const unless = <T>(work: () => Promise<T>): Promise<T> => (disk.full ? refuse() : work());
  disk.io = {
    write: async (fd, bytes, at) => {
      if (!disk.full) return nodeIo.write(fd, bytes, at);
      await nodeIo.write(fd, bytes.subarray(0, bytes.length >> 1), at);
      return refuse();
    },
    truncate: (fd, length) => unless(() => nodeIo.truncate(fd, length)),
    rename: (from, to) => unless(() => nodeIo.rename(from, to)),
    open: (path) => unless(() => nodeIo.open(path)),
    close: nodeIo.close,
  };
  return disk;
}

test('killed at any call, the log gives out no cursor twice, keeps a prefix, and tells of the gap', async (t) => {
  let torn = 0;
  const died = async (calls: number): Promise<void> => {
    const directory = temporaryDirectory(t);
    const told: number[] = [];
    const { io, killed } = killedAt(calls);
    const log = open(directory, { io, segmentBytes: 900 });
    log.onEvent(({ cursor }) => told.push(cursor));
    // Ends last: they are written to the second file as well.
    const busy = (async () => {
      for (let i = 0; i < 40; i++) {
        fill(log, 1 + (i % 3), i % 2 === 0 ? 'workload.ended' : 'workload.state');
        await log.settled();
      }
    })();
    await Promise.race([busy, killed]);
    const last = told.at(-1) ?? 0;
    const next = open(directory, { segmentBytes: 900 });
    const kept = cursorsOf(next).filter((cursor) => cursor <= last);
    const whole = kept.filter((cursor) => cursor > next.floor);
    t.deepEqual(whole, told.slice(told.indexOf(whole[0] ?? 0)).slice(0, whole.length), `call ${calls}`);
    if (cursorsOf(next).length > kept.length) torn++;
    fill(next, 1);
    t.true(next.cursor > last, `call ${calls}: ${next.cursor} after ${last}`);
    for (const cursor of [0, whole.at(-1) ?? 0, last]) t.true(next.since(cursor).gap, `call ${calls}, since ${cursor}`);
    t.deepEqual(
      cursorsOf(next),
      [...new Set(cursorsOf(next))].sort((a, b) => a - b),
    );
    await next.close();
  };
  // Side by side: what takes long is the pause of the log before each write.
  await Promise.all(Array.from({ length: 40 }, (_, calls) => died(calls)));
  t.true(torn > 10, 'writes were cut');
});

test('a full disk costs memory up to a bound, readers nothing, and what waits is written when there is room', async (t) => {
  const directory = temporaryDirectory(t);
  const disk = fullDisk();
  const log = open(directory, { io: disk.io, keep: 100, retryMs: 1 });
  fill(log, 10);
  await log.settled();
  disk.full = true;
  fill(log, 1, 'workload.ended');
  fill(log, 50);
  await log.settled();
  t.deepEqual(cursorsOf(log, 50), [51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61]);
  t.like(log.conditions(), [{ code: 'events_unwritable', severity: 'warning' }]);
  t.regex(log.conditions()[0]?.why ?? '', /no space.*51 of at most 100 wait/);
  fill(log, 5000);
  const waiting = Number(/; (\d+) of at most/.exec(log.conditions()[0]?.why ?? '')?.[1]);
  t.true(waiting <= 100 + 51, `${waiting}`);
  t.true(log.figures.kept <= 110);
  disk.full = false;
  while (log.conditions().length > 0) await new Promise((resolve) => setTimeout(resolve, 1));
  await log.settled();
  await log.close();
  const next = open(directory);
  const found = cursorsOf(next);
  t.deepEqual(found.slice(0, 11), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], 'the end is kept');
  t.is(found.at(-1), 5061);
  t.true(next.since(61).gap, 'what was dropped from the file is a gap');
  t.false(next.since(5060).gap);
  t.regex(readFileSync(join(directory, 'events-lasting.jsonl'), 'utf8'), /workload\.ended/);
});

test('refused, taken, rotated in any order: the file has what the disk took, once, in order', (t) =>
  fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ full: fc.boolean(), count: fc.nat(12) }), { maxLength: 12 }),
      async (turns) => {
        const directory = temporaryDirectory(t);
        const disk = fullDisk();
        const log = open(directory, { io: disk.io, retryMs: 1, segmentBytes: 1500 });
        for (const { full, count } of turns) {
          disk.full = full;
          fill(log, count);
          await log.settled();
        }
        disk.full = false;
        const all = cursorsOf(log);
        await log.close();
        const next = open(directory, { segmentBytes: 1500 });
        t.deepEqual(cursorsOf(next), all.slice(all.length - cursorsOf(next).length));
        t.is(cursorsOf(next).at(-1), all.at(-1));
        t.false(next.since(log.cursor).gap, 'an orderly end');
        t.is(next.cursor, log.cursor);
      },
    ),
    { numRuns: 40 },
  ));

test('what is appended while a write is under way is one write, not one each', async (t) => {
  let writes = 0;
  let release = (): void => undefined;
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  const io: EventIo = {
    ...nodeIo,
    write: async (fd, bytes, at) => {
      writes++;
      await gate;
      return nodeIo.write(fd, bytes, at);
    },
  };
  const log = open(temporaryDirectory(t), { io });
  fill(log, 1);
  while (writes === 0) await new Promise(setImmediate);
  fill(log, 200);
  t.is(cursorsOf(log).length, 201, 'readers do not wait for the disk');
  release();
  await log.settled();
  t.is(writes, 2);
  await log.close();
});

test('an end does not wait for a disk that does not answer, and is then none in order', async (t) => {
  const directory = temporaryDirectory(t);
  const io: EventIo = { ...nodeIo, write: () => new Promise(() => undefined) };
  const log = open(directory, { io, closeMs: 20 });
  fill(log, 3);
  await log.close();
  const next = open(directory);
  t.true(next.since(0).gap);
  t.true(next.cursor > 3);
});

test('what lasts is on disk for a day however much of another type or tenant there is; what is not is said', async (t) => {
  const directory = temporaryDirectory(t);
  const hour = 3_600_000;
  let now = hour;
  const options = { segmentBytes: 20_000, keep: 50, now: () => now };
  const log = open(directory, options);
  const end = (tenant: string, at: number) => log.append({ type: 'workload.ended', tenant, data: { at } });
  for (let at = 0; at < 30; at++) {
    end('quiet', at);
    await log.settled();
    for (let many = 0; many < 40; many++) end('noisy', at);
    await log.settled();
    now += hour;
  }
  t.like(log.conditions(), [{ code: 'events_short_retention', severity: 'warning' }]);
  t.regex(
    log.conditions()[0]?.why ?? '',
    /dropped before they were a day old, the last one workload.ended of tenant noisy/,
  );
  await log.close();
  const names = ['', '.1', '.2', '.3', '.4'].map((end) => join(directory, `events-lasting.jsonl${end}`));
  const kept = names.flatMap((name) => readFileSync(name, 'utf8').split('\n').slice(0, -1));
  for (const name of names) t.true(statSync(name).size <= 10_000);
  const quiet = kept
    .map((line) => JSON.parse(line) as { tenant: string; data: { at: number } })
    .filter(({ tenant }) => tenant === 'quiet');
  for (let at = 6; at < 30; at++)
    t.true(
      quiet.some(({ data }) => data.at === at),
      `${at}`,
    );
  now += 25 * hour;
  t.deepEqual(log.conditions(), [], 'nobody looks for them any longer');
});
