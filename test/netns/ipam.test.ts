import test from 'ava';
import fc from 'fast-check';
import { AddressPool, linkNameFor, macFor, parseCidr } from '../../netns/ipam.js';
import { formatIpv4, parseIpv4 } from '../../netns/ipv4.js';

test('addresses survive formatting and parsing', (t) => {
  fc.assert(fc.property(fc.integer({ min: 0, max: 0xffffffff }), (value) => t.is(parseIpv4(formatIpv4(value)), value)));
  for (const bad of ['', '1.2.3', '1.2.3.4.5', '1.2.3.256', '01.2.3.4', '1.2.3.4 ', 'a.b.c.d', '::1']) {
    t.throws(() => parseIpv4(bad), { instanceOf: RangeError }, bad);
  }
});

test('networks must be in canonical form', (t) => {
  t.deepEqual(parseCidr('10.1.0.0/16'), { first: 0x0a010000, prefix: 16, size: 65536 });
  t.deepEqual(parseCidr('0.0.0.0/0'), { first: 0, prefix: 0, size: 2 ** 32 });
  t.throws(() => parseCidr('10.1.2.3/16'), { message: /did you mean 10\.1\.0\.0\/16/ });
  for (const bad of ['10.0.0.0', '10.0.0.0/33', '10.0.0.0/08', '10.0.0.0/', '/8', '10.0.0.0/-1']) {
    t.throws(() => parseCidr(bad), { instanceOf: RangeError }, bad);
  }
});

test('network and broadcast address are left out, but not of /31 and /32', (t) => {
  const pool = new AddressPool('10.0.0.0/30');
  t.deepEqual([pool.total, pool.lease('a'), pool.lease('b'), pool.lease('c')], [2, '10.0.0.1', '10.0.0.2', undefined]);
  t.deepEqual([new AddressPool('10.0.0.0/31').total, new AddressPool('10.0.0.7/32').lease('a')], [2, '10.0.0.7']);
});

test('a released address comes again last', (t) => {
  const pool = new AddressPool('10.0.0.0/29');
  t.is(pool.lease('a'), '10.0.0.1');
  t.true(pool.release('a'));
  t.false(pool.release('a'));
  const others = ['b', 'c', 'd', 'e', 'f'].map((id) => pool.lease(id));
  t.deepEqual(others, ['10.0.0.2', '10.0.0.3', '10.0.0.4', '10.0.0.5', '10.0.0.6']);
  t.is(pool.lease('g'), '10.0.0.1');
});

test('leases are restored, but never two holders of one address or two addresses of one holder', (t) => {
  const pool = new AddressPool('10.0.0.0/29');
  t.true(pool.restore('a', '10.0.0.1'));
  t.true(pool.restore('a', '10.0.0.1'));
  t.false(pool.restore('b', '10.0.0.1'));
  t.false(pool.restore('a', '10.0.0.2'));
  t.false(pool.restore('b', '10.0.0.0'));
  t.false(pool.restore('b', '192.168.0.1'));
  t.is(pool.free, 5);
  t.is(pool.lease('b'), '10.0.0.2');
  t.is(pool.holder('10.0.0.1'), 'a');
});

test('in any order of leases and releases no address is held twice and the counts add up', (t) => {
  const steps = fc.array(fc.tuple(fc.constantFrom('lease', 'release', 'restore'), fc.integer({ min: 0, max: 20 })));
  fc.assert(
    fc.property(steps, (list) => {
      const pool = new AddressPool('10.0.0.0/28');
      const held = new Map<string, string>();
      for (const [action, number] of list) {
        const id = `w${number}`;
        const address = `10.0.0.${number}`;
        if (action === 'release') {
          t.is(pool.release(id), held.delete(id));
        } else if (action === 'restore') {
          if (pool.restore(id, address)) held.set(id, address);
        } else {
          const leased = pool.lease(id);
          t.is(leased === undefined, !held.has(id) && held.size === pool.total);
          if (leased !== undefined) held.set(id, leased);
        }
        t.is(new Set(held.values()).size, held.size);
        t.is(pool.free + held.size, pool.total);
      }
    }),
  );
  t.pass();
});

test('MAC addresses are deterministic, unicast and locally administered', (t) => {
  fc.assert(
    fc.property(fc.string(), (id) => {
      const mac = macFor(id);
      t.regex(mac, /^[0-9a-f][26ae](:[0-9a-f]{2}){5}$/);
      t.is(macFor(id), mac);
    }),
  );
  t.not(macFor('a'), macFor('b'));
});

test('link names are deterministic, distinct and fit the kernel', (t) => {
  const names = new Set<string>();
  for (let at = 0; at < 5000; at++) {
    const name = linkNameFor('bth', `workload-${at}`);
    t.true(/^bth[a-z2-7]{12}$/.test(name));
    names.add(name);
  }
  t.is(names.size, 5000);
  t.throws(() => linkNameFor('12345678', 'a'), { instanceOf: RangeError });
});
