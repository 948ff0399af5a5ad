import test from 'ava';
import { parseCidr } from '../../../netns/addresses/cidr.js';
import { formatIp, parseIp } from '../../../netns/addresses/ip.js';
import { AddressPool } from '../../../netns/addresses/pool.js';
import { LARGEST_POOL } from '../../../netns/addresses/ranges.js';
import { fc } from '../../runner/property.js';

/** All that a pool leases, in order. */
function drain(pool: AddressPool): string[] {
  return Array.from({ length: pool.total }, (_, at) => pool.lease(`w${at}`) ?? 'none');
}

/** A clock that only a test moves. */
function clock() {
  let time = 1000;
  return {
    now: () => time,
    pass: (ms: number) => {
      time += ms;
    },
  };
}

test('addresses that are no hosts are left out', (t) => {
  t.deepEqual(drain(new AddressPool('10.0.0.0/30')), ['10.0.0.1', '10.0.0.2']);
  t.deepEqual(drain(new AddressPool('10.0.0.0/31')), ['10.0.0.0', '10.0.0.1']);
  t.deepEqual(drain(new AddressPool('10.0.0.7/32')), ['10.0.0.7']);
  t.deepEqual(drain(new AddressPool('fd00::/126')), ['fd00::1', 'fd00::2', 'fd00::3']);
  t.deepEqual(drain(new AddressPool('fd00::a/127')), ['fd00::a', 'fd00::b']);
});

test('several networks are one pool, without what is excluded', (t) => {
  const exclude = ['10.0.1.0/31', '10.0.0.2', 'fd00::/8', '10.0.0.6'];
  const pool = new AddressPool(['10.0.0.0/29', '10.0.1.0/30'], { exclude });
  t.deepEqual(drain(pool), ['10.0.0.1', '10.0.0.3', '10.0.0.4', '10.0.0.5', '10.0.1.2']);
  t.is(pool.lease('more'), undefined);
  t.is(pool.holder('10.0.1.2'), 'w4');
  t.is(pool.holder('10.0.0.2'), undefined);
  t.false(pool.restore('x', '10.0.0.2'));
  t.false(pool.restore('x', 'fd00::2'));
});

test('bad networks are refused', (t) => {
  t.throws(() => new AddressPool(['10.0.0.0/8', 'fd00::/64']), { message: /one family/ });
  t.throws(() => new AddressPool(['10.0.0.0/8', '10.1.0.0/16']), { message: /overlaps/ });
  t.throws(() => new AddressPool('10.0.0.1/8'), { message: /did you mean/ });
  t.throws(() => new AddressPool('10.0.0.0/30', { exclude: ['10.0.0.0/24'] }), { message: /nothing is left/ });
  t.throws(() => new AddressPool([]), { message: /nothing is left/ });
});

test('of a huge network the first 2^20 addresses are used', (t) => {
  const pool = new AddressPool('fd00:1::/64');
  t.is(pool.total, LARGEST_POOL);
  t.true(pool.restore('last', 'fd00:1::10:0'));
  t.false(pool.restore('beyond', 'fd00:1::10:1'));
  t.is(pool.lease('a'), 'fd00:1::1');
  t.is(new AddressPool('10.0.0.0/12').total, 2 ** 20 - 2);
  t.is(new AddressPool('10.0.0.0/8').total, LARGEST_POOL);
});

test('a released address comes again after all others, then the longest rested first', (t) => {
  const pool = new AddressPool('10.0.0.0/29');
  t.is(pool.lease('a'), '10.0.0.1');
  t.true(pool.release('a'));
  t.false(pool.release('a'));
  const others = ['b', 'c', 'd', 'e', 'f'].map((id) => pool.lease(id));
  t.deepEqual(others, ['10.0.0.2', '10.0.0.3', '10.0.0.4', '10.0.0.5', '10.0.0.6']);
  for (const id of ['d', 'b', 'f']) pool.release(id);
  t.deepEqual(
    ['g', 'h', 'i', 'j', 'k'].map((id) => pool.lease(id)),
    ['10.0.0.1', '10.0.0.4', '10.0.0.2', '10.0.0.6', undefined],
  );
});

test('a resting address is given rather than none, and that is counted', (t) => {
  const { now, pass } = clock();
  const pool = new AddressPool('10.0.0.0/30', { restMs: 100, now });
  pool.lease('a');
  pool.lease('b');
  pool.release('a');
  t.deepEqual(pool.utilisation(), { leased: 1, resting: 1, total: 2, early: 0 });
  t.is(pool.free, 1);
  pass(99);
  t.is(pool.lease('c'), '10.0.0.1');
  t.deepEqual(pool.utilisation(), { leased: 2, resting: 0, total: 2, early: 1 });
  pool.release('c');
  pass(100);
  t.deepEqual(pool.utilisation(), { leased: 1, resting: 0, total: 2, early: 1 });
  t.is(pool.lease('d'), '10.0.0.1');
  t.is(pool.utilisation().early, 1);
});

test('leases are restored, but never two holders of one address or two addresses of one holder', (t) => {
  const pool = new AddressPool('10.0.0.0/29');
  t.true(pool.restore('a', '10.0.0.1'));
  t.true(pool.restore('a', '10.0.0.1'));
  t.false(pool.restore('b', '10.0.0.1'));
  t.false(pool.restore('a', '10.0.0.2'));
  t.false(pool.restore('b', '10.0.0.0'));
  t.false(pool.restore('b', '192.168.0.1'));
  t.throws(() => pool.restore('b', 'web-1'), { instanceOf: RangeError });
  t.is(pool.free, 5);
  t.is(pool.lease('b'), '10.0.0.2');
  t.is(pool.holder('10.0.0.1'), 'a');
});

test('an address that rests can be restored, and is then not leased', (t) => {
  const pool = new AddressPool('10.0.0.0/30');
  pool.lease('a');
  pool.lease('b');
  pool.release('a');
  t.true(pool.restore('c', '10.0.0.1'));
  t.is(pool.lease('d'), undefined);
  t.is(pool.utilisation().resting, 0);
});

for (const [family, network] of [
  [4, '10.0.0.0/28'],
  [6, 'fd00::/124'],
] as const) {
  test(`in any order of leases and releases no address of IPv${family} is held twice and the counts add up`, (t) => {
    const { value: first } = parseIp(network.split('/')[0] ?? '');
    const action = fc.constantFrom('lease', 'release', 'restore', 'pass');
    const steps = fc.array(fc.tuple(action, fc.integer({ min: 0, max: 20 })), { maxLength: 120 });
    fc.assert(
      fc.property(steps, (list) => {
        const { now, pass } = clock();
        const pool = new AddressPool(network, { restMs: 10, now });
        const held = new Map<string, string>();
        const released = new Map<string, number>();
        for (const [what, number] of list) {
          const id = `w${number}`;
          const address = formatIp(family, first + BigInt(number));
          const before = held.get(id);
          if (what === 'pass') {
            pass(number);
          } else if (what === 'release') {
            t.is(pool.release(id), held.delete(id));
            if (before !== undefined) released.set(before, now());
          } else if (what === 'restore') {
            if (pool.restore(id, address)) held.set(id, address);
          } else {
            const leased = pool.lease(id);
            t.is(leased === undefined, before === undefined && held.size === pool.total);
            if (before !== undefined) t.is(leased, before);
            else if (leased !== undefined) {
              // Nothing else was free that had rested longer.
              const since = released.get(leased) ?? 0;
              for (const [other, at] of released) t.true([...held.values()].includes(other) || at >= since);
            }
            if (leased !== undefined) held.set(id, leased);
          }
          for (const [other, at] of held) t.is(pool.holder(at), other);
          for (const taken of held.values()) released.delete(taken);
          const { leased, resting } = pool.utilisation();
          t.is(leased, held.size);
          t.is(resting, [...released.values()].filter((at) => at > now() - 10).length);
          t.is(new Set(held.values()).size, held.size);
          t.is(pool.free + held.size, pool.total);
        }
      }),
    );
  });
}

test('a nearly full pool leases as fast as an empty one', (t) => {
  for (const network of ['10.0.0.0/16', 'fd00::/112']) {
    const pool = new AddressPool(network);
    const time = (count: number, run: (at: number) => void) => {
      const begun = performance.now();
      for (let at = 0; at < count; at++) run(at);
      return `${(((performance.now() - begun) / count) * 1000).toFixed(2)} us`;
    };
    const fill = time(65_000, (at) => t.truthy(pool.lease(`w${at}`)));
    while (pool.free > 1) pool.lease(`rest${pool.free}`);
    const churn = time(100_000, (at) => {
      pool.release(`w${at % 65_000}`);
      if (pool.lease(`w${at % 65_000}`) === undefined) t.fail();
    });
    t.log(`${network}: lease of 65,000 ${fill} each; release and lease with one free address ${churn}`);
  }
});

test('nothing is leased out of what is to be avoided, leases there stay, and it comes back afterwards', (t) => {
  const pool = new AddressPool('10.0.0.0/29', { now: () => 0 });
  const held = pool.lease('before') ?? '';
  const { total } = pool;
  pool.avoid([parseCidr('10.0.0.0/30'), parseCidr('fd00::/64')]);
  t.is(pool.lease('before'), held);
  const leased = Array.from({ length: total }, (_, at) => pool.lease(`w${at}`));
  t.true(leased.every((address) => address === undefined || Number(address.split('.')[3]) >= 4));
  t.is(pool.lease('one more'), undefined);
  t.is(pool.free, 0);
  t.true(pool.release('before'));
  t.is(pool.lease('one more'), undefined, 'what is given back is avoided as well');
  pool.avoid([]);
  t.true(Number(pool.lease('one more')?.split('.')[3]) < 4);
});

test('what is avoided can be restored: a workload that runs there keeps it', (t) => {
  const pool = new AddressPool('10.0.0.0/30');
  pool.avoid([parseCidr('10.0.0.0/30')]);
  t.is(pool.lease('new'), undefined);
  t.true(pool.restore('old', '10.0.0.2'));
  t.is(pool.lease('old'), '10.0.0.2');
  t.is(pool.holder('10.0.0.2'), 'old');
});

test('an address that rests is leased after all others, however often it has rested', (t) => {
  const pool = new AddressPool('10.0.0.0/29');
  for (const address of ['10.0.0.1', '10.0.0.3']) pool.rest(address);
  pool.rest('10.0.0.1');
  t.true(pool.restore('held', '10.0.0.2'));
  pool.rest('10.0.0.2');
  pool.rest('10.9.9.9');
  t.is(pool.holder('10.0.0.2'), 'held');
  t.deepEqual(
    ['a', 'b', 'c', 'd', 'e', 'f'].map((id) => pool.lease(id)),
    ['10.0.0.4', '10.0.0.5', '10.0.0.6', '10.0.0.3', '10.0.0.1', undefined],
  );
});
