import test from 'ava';
import {
  AddressError,
  assertDisjoint,
  contains,
  formatCidr,
  overlap,
  parseCidr,
} from '../../../netns/addresses/cidr.js';
import { BITS, formatIp, parseIp } from '../../../netns/addresses/ip.js';
import { fc } from '../../runner/property.js';

const family = fc.constantFrom(4 as const, 6 as const);
const ip = family.chain((of) =>
  fc.bigInt({ min: 0n, max: (1n << BigInt(BITS[of])) - 1n }).map((value) => ({ family: of, value })),
);
const cidr = ip.chain((address) =>
  fc.integer({ min: 0, max: BITS[address.family] }).map((prefix) => {
    const size = 1n << BigInt(BITS[address.family] - prefix);
    return { family: address.family, first: address.value - (address.value % size), prefix, size };
  }),
);

/** The code of the error that `run` throws. */
function codeOf(run: () => unknown): string {
  try {
    run();
    return 'none';
  } catch (error) {
    return error instanceof AddressError ? error.code : String(error);
  }
}

test('addresses survive formatting and parsing as numbers', (t) => {
  fc.assert(fc.property(ip, (address) => t.deepEqual(parseIp(formatIp(address.family, address.value)), address)));
  t.deepEqual(parseIp('10.0.0.1'), { family: 4, value: 0x0a000001n });
  t.deepEqual(parseIp('FD00::1'), { family: 6, value: (0xfdn << 120n) + 1n });
});

test('networks survive formatting and parsing', (t) => {
  fc.assert(fc.property(cidr, (network) => t.deepEqual(parseCidr(formatCidr(network)), network)));
  t.deepEqual(parseCidr('0.0.0.0/0'), { family: 4, first: 0n, prefix: 0, size: 1n << 32n });
  t.deepEqual(parseCidr('::/0').size, 1n << 128n);
});

test('what is no network is refused, set host bits with the network that was meant', (t) => {
  const bad = ['', '10.0.0.0', '10.0.0.0/33', '10.0.0.0/08', '10.0.0.0/', '/8', '10.0.0.0/-1', '10.0.0/8', '::/129'];
  for (const text of [...bad, 'fd00::%1/64', '10.0.0.0/8 ', 'x/8'])
    t.is(
      codeOf(() => parseCidr(text)),
      'not_a_network',
    );
  t.is(
    codeOf(() => parseCidr('10.1.2.3/16')),
    'host_bits_set',
  );
  t.throws(() => parseCidr('10.1.2.3/16'), { message: /did you mean 10\.1\.0\.0\/16\?/ });
  t.throws(() => parseCidr('fd00:1::5/64'), { instanceOf: RangeError, message: /did you mean fd00:1::\/64\?/ });
});

test('one network contains another exactly when it has its first and last address', (t) => {
  fc.assert(
    fc.property(cidr, cidr, (a, b) => {
      const last = (of: typeof a) => of.first + of.size - 1n;
      const inside = a.family === b.family && a.first <= b.first && last(b) <= last(a);
      t.is(contains(a, b), inside);
      t.is(overlap(a, b), a.family === b.family && a.first <= last(b) && b.first <= last(a));
    }),
  );
});

test('overlapping networks are refused with both names', (t) => {
  t.notThrows(() => assertDisjoint(['10.0.0.0/9', '10.128.0.0/9', 'fd00::/64', 'fd00:0:0:1::/64', '::/16']));
  t.is(
    codeOf(() => assertDisjoint(['10.0.0.0/8', 'fd00::/8', '10.133.0.0/16'])),
    'networks_overlap',
  );
  t.throws(() => assertDisjoint(['10.133.0.0/16', '10.0.0.0/8']), {
    message: '10.0.0.0/8 overlaps 10.133.0.0/16; an address would have two holders',
  });
  t.throws(() => assertDisjoint(['fd00::/64', 'FD00:0::/64']), { message: /^fd00::\/64 is given twice/ });
  t.is(
    codeOf(() => assertDisjoint(['10.0.0.1/8'])),
    'host_bits_set',
  );
});
