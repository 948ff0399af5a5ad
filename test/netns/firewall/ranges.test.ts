import test from 'ava';
import { parseCidr } from '../../../netns/addresses/cidr.js';
import { deniedRanges, toBytes } from '../../../netns/firewall/ranges.js';
import { inetText } from '../../../netns/netlink/inet.js';
import type { Firewall } from '../../../netns/types.js';
import { fc, holds } from '../../runner/property.js';

type Egress = Firewall['egress'];

// Few bits at the end of the space, so that networks nest, touch and coincide all the time.
const BITS = { 4: 32, 6: 128 } as const;
const SPAN = 6;

function networks(family: 4 | 6): fc.Arbitrary<string[]> {
  const one = fc.record({ low: fc.bigInt(0n, (1n << BigInt(SPAN)) - 1n), length: fc.integer({ min: 0, max: SPAN }) });
  const base = 1n << BigInt(BITS[family] - 4);
  return fc.array(
    one.map(({ low, length }) => {
      const size = 1n << BigInt(SPAN - length);
      const bytes = toBytes(base + (low / size) * size, family);
      return `${inetText(bytes, 0, bytes.length)}/${BITS[family] - SPAN + length}`;
    }),
    { maxLength: 12 },
  );
}

/** Longest prefix wins, on a tie the denial: decided address by address. */
function isDenied(egress: Egress, address: bigint, family: 4 | 6): boolean {
  let longest = -1;
  let denied = egress.default === 'deny';
  for (const [list, verdict] of [
    [egress.allow, false],
    [egress.deny, true],
  ] as const)
    for (const network of list.map(parseCidr)) {
      if (network.family !== family || address < network.first || address >= network.first + network.size) continue;
      if (network.prefix < longest || (network.prefix === longest && !verdict)) continue;
      longest = network.prefix;
      denied = verdict;
    }
  return denied;
}

for (const family of [4, 6] as const)
  test(`ranges say the same as the lists, IPv${family}`, (t) => {
    const lists = fc.record({
      default: fc.constantFrom('allow' as const, 'deny' as const),
      allow: networks(family),
      deny: networks(family),
    });
    holds(
      t,
      fc.property(lists, (egress) => {
        const ranges = deniedRanges(egress, family);
        const base = 1n << BigInt(BITS[family] - 4);
        const end = (1n << BigInt(BITS[family])) - 1n;
        for (const address of [0n, end, base - 1n, ...Array.from({ length: 66 }, (_, low) => base + BigInt(low))]) {
          const inRange = ranges.some(({ first, last }) => first <= address && address <= last);
          if (inRange !== isDenied(egress, address, family)) return false;
        }
        return ranges.every(({ first, last }, at) => {
          const previous = ranges[at - 1];
          return first <= last && (previous === undefined || previous.last + 1n < first);
        });
      }),
      { numRuns: 500 },
    );
  });

test('the ends of the space and the other family', (t) => {
  const all = { first: 0n, last: 2n ** 32n - 1n };
  t.deepEqual(deniedRanges({ default: 'deny', allow: [], deny: [] }, 4), [all]);
  t.deepEqual(deniedRanges({ default: 'allow', allow: [], deny: ['0.0.0.0/0'] }, 4), [all]);
  t.deepEqual(deniedRanges({ default: 'allow', allow: ['0.0.0.0/0'], deny: ['0.0.0.0/0'] }, 4), [all]);
  t.deepEqual(deniedRanges({ default: 'deny', allow: ['0.0.0.0/0'], deny: [] }, 4), []);
  t.deepEqual(deniedRanges({ default: 'allow', allow: [], deny: ['::/0'] }, 4), []);
  t.deepEqual(deniedRanges({ default: 'deny', allow: ['0.0.0.0/1'], deny: [] }, 4), [{ ...all, first: 2n ** 31n }]);
});
