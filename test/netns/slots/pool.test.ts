import test from 'ava';
import { SlotPool } from '../../../netns/slots/pool.js';
import type { LinkStats, SlotKind } from '../../../netns/types.js';

const counters: LinkStats = {
  name: 'x',
  rxBytes: 1,
  txBytes: 2,
  rxPackets: 3,
  txPackets: 4,
  rxDropped: 5,
  txDropped: 6,
};
const SETTINGS = { veth: 3, tap: 1, mtu: 1500, netnsPrefix: 's-' };

function makeMaker(found: { free: { netns: string; kind: SlotKind }[]; next: number } = { free: [], next: 0 }) {
  const made: string[] = [];
  const errors: unknown[] = [];
  let broken = 0;
  return {
    made,
    errors,
    fail(times: number) {
      broken = times;
    },
    async prepare(netns: string, kind: SlotKind) {
      if (broken-- > 0) throw new Error('no room');
      made.push(`${netns} ${kind}`);
      return { hostLink: `l-${netns}`, mac: `m-${netns}`, baseline: { ...counters, name: `l-${netns}` } };
    },
    find: async () => found,
    busy: () => false,
    onError: (error: unknown) => errors.push(error),
  };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

test('it fills up, hands out in order, and fills again', async (t) => {
  const maker = makeMaker();
  const pool = new SlotPool(maker, SETTINGS, () => true);
  t.is(pool.acquire('veth'), undefined);
  pool.fill();
  await until(() => pool.counts().ready.veth === 3 && pool.counts().ready.tap === 1);
  t.deepEqual(maker.made, ['s-0 veth', 's-1 veth', 's-2 veth', 's-3 tap']);
  t.like(pool.acquire('veth'), { netns: 's-0', hostLink: 'l-s-0' });
  t.is(pool.acquire('tap')?.netns, 's-3');
  t.is(pool.acquire('tap'), undefined);
  await until(() => pool.counts().ready.veth === 3 && pool.counts().ready.tap === 1);
  t.like(pool.counts(), { handedOut: 2, recycled: 0, discarded: 0 });
  t.true(pool.counts().names.includes('s-0'), 'somebody is about to write it down');
  await pool.close();
});

test('what an earlier life left ready is taken up, and no number is given twice', async (t) => {
  const maker = makeMaker({ free: [{ netns: 's-4', kind: 'veth' }], next: 9 });
  const pool = new SlotPool(maker, SETTINGS, () => true);
  pool.fill();
  await until(() => pool.counts().ready.veth === 3 && pool.counts().ready.tap === 1);
  t.deepEqual(maker.made, ['s-4 veth', 's-9 veth', 's-10 veth', 's-11 tap']);
  await pool.close();
});

test('a flushed slot is used again behind the others, with the counters it came back with', async (t) => {
  const pool = new SlotPool(makeMaker(), { ...SETTINGS, veth: 1, tap: 0 }, () => true);
  pool.fill();
  await until(() => pool.counts().ready.veth === 1);
  const first = pool.acquire('veth');
  await until(() => pool.counts().ready.veth === 1);
  t.true(pool.hasRoom('veth'));
  pool.returned({ netns: 's-0', hostLink: 'l-s-0', mac: 'm' }, 'veth', { ...counters, rxBytes: 77 });
  t.is(first?.baseline.rxBytes, 1);
  t.false(pool.hasRoom('veth'));
  t.is(pool.acquire('veth')?.netns, 's-1');
  t.is(pool.acquire('veth')?.baseline.rxBytes, 77);
  pool.returned({ netns: 's-1', hostLink: 'l-s-1', mac: 'm' }, 'veth', undefined);
  t.like(pool.counts(), { handedOut: 3, recycled: 1, discarded: 1 });
  await pool.close();
});

test('a slot that is given back is the next to go', async (t) => {
  const pool = new SlotPool(makeMaker(), SETTINGS, () => true);
  pool.fill();
  await until(() => pool.counts().ready.veth === 3);
  const slot = pool.acquire('veth');
  if (slot === undefined) return t.fail();
  pool.giveBack(slot);
  pool.giveBack(slot);
  t.is(pool.acquire('veth'), slot);
  await pool.close();
});

test('nothing is made while it is not allowed', async (t) => {
  let allowed = false;
  const maker = makeMaker();
  const pool = new SlotPool(maker, SETTINGS, () => allowed);
  pool.fill();
  await new Promise((resolve) => setTimeout(resolve, 20));
  t.deepEqual(maker.made, []);
  allowed = true;
  await new Promise((resolve) => setTimeout(resolve, 50));
  t.deepEqual(maker.made, []);
  await until(() => maker.made.length === 4);
  await pool.close();
});

test('a failure is told once and does not spin', async (t) => {
  const maker = makeMaker();
  maker.fail(1);
  const pool = new SlotPool(maker, SETTINGS, () => true);
  pool.fill();
  await until(() => maker.errors.length > 0);
  await new Promise((resolve) => setTimeout(resolve, 20));
  t.is(maker.errors.length, 1);
  t.deepEqual(maker.made, []);
  t.deepEqual(pool.counts().names, []);
  await pool.close();
});
