import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type EventIo, nodeIo } from '../../../agent/control/event-io.js';
import { EventLog, type EventLogOptions } from '../../../agent/control/event-log.js';
import { fc } from '../../runner/property.js';
import { temporaryDirectory } from './harness.js';

const open = (directory: string, options: Partial<EventLogOptions> = {}) =>
  new EventLog({ directory, bootId: 'boot-1', now: () => 1, closeMs: 60_000, ...options });

/** Nothing of a log that only reads is written. */
const DEAD: EventIo = { ...nodeIo, write: () => new Promise(() => undefined) };

const cursors = (log: EventLog, since = 0) => log.since(since).events.map(({ cursor }) => cursor);

/** As a process that is killed leaves it: all is written, and no end is. */
async function killed(log: EventLog): Promise<void> {
  await log.settled();
}

function fill(log: EventLog, count: number): void {
  for (let i = 0; i < count; i++) log.append({ type: 'workload.state', workload: 'web', tenant: 'acme', data: { i } });
}

test('events are numbered, kept and told in order', (t) => {
  const log = open(temporaryDirectory(t));
  const told: number[] = [];
  const stop = log.onEvent(({ cursor }) => told.push(cursor));
  t.deepEqual(log.append({ type: 'agent.started' }), { cursor: 1 });
  t.deepEqual(log.since(0).events, [{ cursor: 1, at: 1, type: 'agent.started', data: {} }]);
  fill(log, 2);
  stop();
  fill(log, 1);
  t.deepEqual(told, [1, 2, 3]);
  t.deepEqual(log.since(2), { events: log.since(0).events.slice(2), gap: false });
  t.deepEqual(cursors(log, 2), [3, 4]);
  t.is(log.countSince(1), 3);
  t.deepEqual(log.since(0, 2).events.length, 2);
});

test('a listener that appends, or throws, does not disturb the order of the others', (t) => {
  const errors: unknown[] = [];
  const log = open(temporaryDirectory(t), { onError: (error) => errors.push(error) });
  const told: number[] = [];
  log.onEvent(({ cursor }) => {
    if (cursor === 1) log.append({ type: 'reaper.removed' });
    throw new Error('mine');
  });
  log.onEvent(({ cursor }) => told.push(cursor));
  log.append({ type: 'agent.started' });
  t.deepEqual(told, [1, 2]);
  t.is(errors.length, 2);
});

test('what waits for the disk can be read, and is on disk when the log has settled', async (t) => {
  const directory = temporaryDirectory(t);
  const log = open(directory);
  fill(log, 3);
  const text = () => readFileSync(join(directory, 'events.jsonl'), 'utf8');
  t.false(text().includes('"cursor":1'));
  t.deepEqual(cursors(log), [1, 2, 3]);
  await log.settled();
  t.true(text().endsWith(`${JSON.stringify(log.since(2).events[0])}\n`));
});

test('another life in the same boot goes on without a gap after an orderly end, and behind one after any other', async (t) => {
  for (const orderly of [true, false]) {
    const directory = temporaryDirectory(t);
    const before = open(directory);
    fill(before, 3);
    await (orderly ? before.close() : killed(before));
    const log = open(directory);
    fill(log, 1);
    t.deepEqual(cursors(log), [1, 2, 3, orderly ? 4 : 1_000_004]);
    t.is(log.since(3).gap, !orderly, 'there may have been a fourth');
    t.false(log.since(log.cursor).gap);
  }
});

test('a new boot skips cursors; after an orderly end that is no gap, after any other it is', async (t) => {
  for (const orderly of [true, false]) {
    const directory = temporaryDirectory(t);
    const before = open(directory);
    fill(before, 3);
    await (orderly ? before.close() : killed(before));
    const log = open(directory, { bootId: 'boot-2' });
    fill(log, 1);
    t.deepEqual(cursors(log), [1, 2, 3, 1_000_004]);
    t.is(log.since(3).gap, !orderly);
    t.true(log.since(4).gap, 'a cursor of the lost tail');
    t.false(log.since(1_000_003).gap);
    await log.close();
    t.deepEqual(cursors(open(directory, { bootId: 'boot-2' })), [1, 2, 3, 1_000_004]);
  }
});

test('an orderly end does not vouch for a later life of the same boot', async (t) => {
  const directory = temporaryDirectory(t);
  const first = open(directory);
  fill(first, 1);
  await first.close();
  const second = open(directory);
  fill(second, 1);
  await killed(second);
  const log = open(directory, { bootId: 'boot-2' });
  t.true(log.since(2).gap);
});

test('the log removed under a scheduler that had acknowledged: cursors do not start again', async (t) => {
  const directory = temporaryDirectory(t);
  const before = open(directory);
  fill(before, 7);
  await before.ack('central', 7);
  await before.close();
  writeFileSync(join(directory, 'events.jsonl'), '');
  const log = open(directory);
  fill(log, 1);
  t.true(log.cursor > 7);
  t.true(log.since(7).gap);
});

async function filled(t: ExecutionContext, count: number): Promise<string> {
  const directory = temporaryDirectory(t);
  const log = open(directory);
  fill(log, count);
  await killed(log);
  return directory;
}

test('a torn last line is dropped and reported, and its cursor is not given out again', async (t) => {
  const directory = await filled(t, 2);
  appendFileSync(join(directory, 'events.jsonl'), '{"cursor":3,"at":1,"ty');
  const log = open(directory);
  t.deepEqual(
    log.since(1).events.map(({ cursor, type }) => ({ cursor, type })),
    [
      { cursor: 2, type: 'workload.state' },
      { cursor: 1_000_003, type: 'journal.damaged' },
    ],
  );
  t.regex(String(log.since(2).events[0]?.data.problem), /torn last line was dropped \(22 characters\)/);
  await log.close();
  t.deepEqual(cursors(open(directory)), [1, 2, 1_000_003], 'and reported once');
});

test('cut anywhere, the file yields a prefix of its events', async (t) => {
  const directory = await filled(t, 12);
  const path = join(directory, 'events.jsonl');
  const whole = readFileSync(path);
  fc.assert(
    fc.property(fc.nat(whole.length), (length) => {
      writeFileSync(path, whole.subarray(0, length));
      const kept = cursors(new EventLog({ directory, bootId: 'boot-1', io: DEAD })).length;
      const lines = whole.subarray(0, length).toString().split('\n').length - 2;
      const torn = length > 0 && whole[length - 1] !== 10 ? 1 : 0;
      t.is(kept, Math.max(0, lines) + torn);
    }),
  );
});

test('a damaged line in the middle costs that line only', async (t) => {
  const directory = await filled(t, 3);
  const path = join(directory, 'events.jsonl');
  writeFileSync(path, readFileSync(path, 'utf8').replace('{"cursor":2', '\u0000"cursor":2'));
  t.deepEqual(cursors(open(directory)), [1, 3, 1_000_004]);
});

test('segments rotate by size, and what went with the older one is a gap', async (t) => {
  const directory = temporaryDirectory(t);
  const log = open(directory, { segmentBytes: 1000 });
  for (let i = 0; i < 100; i++) {
    fill(log, 1);
    await log.settled();
  }
  await log.close();
  t.true(existsSync(join(directory, 'events.jsonl.1')));
  t.true(readFileSync(join(directory, 'events.jsonl')).length < 1300);
  t.is(cursors(log).length, 100, 'memory still has them');
  const again = open(directory, { segmentBytes: 1000 });
  const kept = cursors(again);
  t.true(kept.length > 5 && kept.length < 30);
  t.is(kept.at(-1), 100);
  t.true(again.since(0).gap);
  t.true(again.since((kept[0] ?? 0) - 2).gap);
  t.false(again.since((kept[0] ?? 0) - 1).gap);
  t.is(again.floor, (kept[0] ?? 0) - 1);
});

test('memory is bounded, and what left it is a gap', (t) => {
  const log = open(temporaryDirectory(t), { keep: 10 });
  fill(log, 100);
  t.true(log.figures.kept <= 11);
  t.true(log.since(0).gap);
  t.is(cursors(log)[0], log.floor + 1);
});

test('acknowledged cursors survive; a damaged file is set aside and reported', async (t) => {
  const directory = temporaryDirectory(t);
  const log = open(directory);
  fill(log, 9);
  await Promise.all([1, 5, 3, 9, 2].map((cursor) => log.ack('central', cursor)));
  t.is(open(directory).acked('central'), 9);
  writeFileSync(join(directory, 'acks.json'), '{"central":');
  const again = open(directory);
  t.is(again.acked('central'), 0);
  t.true(existsSync(join(directory, 'acks.json.damaged')));
  t.is(again.since(9).events[0]?.type, 'journal.damaged');
});

test('any sequence of lives, boots and rotations keeps cursors rising and what it keeps in order', (t) => {
  const life = fc.record({ boot: fc.boolean(), count: fc.nat(30), orderly: fc.boolean() });
  return fc.assert(
    fc.asyncProperty(fc.array(life, { maxLength: 6 }), async (lives) => {
      const directory = temporaryDirectory(t as ExecutionContext);
      const given: number[] = [];
      let boot = 0;
      for (const { boot: reboot, count, orderly } of lives) {
        if (reboot) boot++;
        const log = open(directory, { bootId: `boot-${boot}`, segmentBytes: 1500, keep: 20 });
        log.onEvent(({ cursor }) => given.push(cursor));
        // More than the queue holds at once is another matter (event-writer.test.ts).
        fill(log, Math.min(count, 15));
        await log.settled();
        fill(log, Math.max(0, count - 15));
        t.deepEqual(cursors(log), given.slice(given.length - cursors(log).length));
        await (orderly ? log.close() : killed(log));
      }
      t.deepEqual(
        given,
        [...new Set(given)].sort((a, b) => a - b),
      );
    }),
    { numRuns: 40 },
  );
});
