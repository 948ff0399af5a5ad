// When a virtual machine is idle, and what becomes of one that cannot be suspended.
import test from 'ava';
import { type GuestUse, Idling, type Watched } from '../../../agent/workload/idling.js';
import { BerthError } from '../../../protocol/errors.js';

const settled = () => new Promise((resolve) => setImmediate(resolve));

interface Guest {
  readonly suspendAfterMs: number;
  use: GuestUse | undefined;
}

/** Guests whose use a test sets, and what was asked of them. */
function guests(suspend: (id: string) => Promise<void> = async () => undefined) {
  const running = new Map<string, Guest>();
  const suspended: [id: string, idleMs: number][] = [];
  const failed: [id: string, code: string, nextMs: number][] = [];
  const idling = new Idling({
    watched: () => [...running].map(([id, guest]): Watched => ({ id, ...guest })),
    suspend: (id, idleMs) => {
      suspended.push([id, idleMs]);
      return suspend(id);
    },
    failed: (id, { code }, nextMs) => failed.push([id, code, nextMs]),
  });
  const seconds = async (at: number, use: Readonly<Record<string, Partial<GuestUse>>>): Promise<void> => {
    for (const [id, guest] of running)
      guest.use = { cpuUsec: 0, packets: 0, startedAt: 1, ...guest.use, ...use[id], at: at * 1000 };
    idling.look();
    await settled();
  };
  const add = (id: string, suspendAfterMs: number): void => void running.set(id, { suspendAfterMs, use: undefined });
  return { running, add, suspended, failed, seconds };
}

test('idle since the last sample in which it was busy: by cpu, or by packets', async (t) => {
  const { add, suspended, seconds } = guests();
  add('still', 10_000);
  add('works', 10_000);
  add('talks', 10_000);
  // Its own clock, and an announcement now and then.
  for (let at = 0; at <= 9; at += 1)
    await seconds(at, {
      still: { cpuUsec: at * 49_000, packets: at * 0.5 },
      works: { cpuUsec: at * 51_000 },
      talks: { packets: at },
    });
  t.deepEqual(suspended, []);
  await seconds(10, { works: { cpuUsec: 510_000 }, talks: { packets: 10 } });
  t.deepEqual(suspended, [['still', 10_000]]);
  await seconds(19, {});
  t.is(suspended.length, 1, 'the others have not been idle for so long');
  await seconds(20, {});
  t.deepEqual(suspended.slice(1).sort(), [
    ['talks', 10_000],
    ['works', 10_000],
  ]);
});

test('an agent that knows nothing yet, a guest that began anew and counters that did are no idle guest', async (t) => {
  const { add, running, suspended, seconds } = guests();
  add('vm', 5000);
  running.set('unknown', { suspendAfterMs: 1000, use: undefined });
  await seconds(100, {});
  await seconds(104, { vm: { startedAt: 2 } });
  await seconds(108, { vm: { cpuUsec: 5000 } });
  await seconds(110, { vm: { cpuUsec: 100 } });
  t.deepEqual(
    suspended.filter(([id]) => id === 'vm'),
    [],
  );
  await seconds(115, {});
  t.deepEqual(
    suspended.filter(([id]) => id === 'vm'),
    [['vm', 5000]],
  );
});

test('two are saved at a time, those that are idle the longest first', async (t) => {
  const done: (() => void)[] = [];
  const { add, running, suspended, seconds } = guests(() => new Promise((resolve) => done.push(resolve)));
  for (const id of ['a', 'b', 'c', 'd']) add(id, 1000);
  await seconds(0, {});
  await seconds(2, { a: { packets: 100 }, b: { packets: 100 } });
  t.deepEqual(suspended, [
    ['c', 2000],
    ['d', 2000],
  ]);
  await seconds(4, {});
  t.is(suspended.length, 2, 'two are under way');
  running.delete('c');
  done[0]?.();
  await settled();
  await seconds(5, {});
  t.deepEqual(suspended[2], ['a', 3000]);
});

test('one that cannot be suspended goes on, and is tried again after twice the pause each time', async (t) => {
  const { add, suspended, failed, seconds } = guests(async () => {
    throw new BerthError('disk_full', 'no space');
  });
  add('vm', 1000);
  await seconds(0, {});
  for (const at of [1, 30, 60, 61, 100, 180, 181]) await seconds(at, {});
  t.deepEqual(
    suspended.map(([, ms]) => ms / 1000),
    [1, 61, 181],
  );
  t.deepEqual(failed, [
    ['vm', 'disk_full', 60_000],
    ['vm', 'disk_full', 120_000],
    ['vm', 'disk_full', 240_000],
  ]);
});

test('one that was started anew while it was saved is suspended like any other', async (t) => {
  const ends: (() => void)[] = [];
  const { add, suspended, failed, seconds } = guests(
    () => new Promise((_, reject) => ends.push(() => reject(new BerthError('invalid_state', 'called off')))),
  );
  add('vm', 1000);
  await seconds(0, {});
  await seconds(1, {});
  await seconds(2, { vm: { startedAt: 2 } });
  ends[0]?.();
  await settled();
  t.is(failed.length, 1);
  await seconds(3, {});
  t.deepEqual(
    suspended.map(([, ms]) => ms),
    [1000, 1000],
  );
});
