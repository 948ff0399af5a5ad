import { SocketAddress } from 'node:net';
import test from 'ava';
import { inetBytes, inetText } from '../../../netns/netlink/inet.js';
import { fc } from '../../runner/property.js';

const text = (bytes: Buffer) => inetText(bytes, 0, bytes.length);
/** Sixteen bytes with many runs of zero groups, and also a text that spells them in some other valid way. */
const groups = fc.array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff })), { minLength: 8, maxLength: 8 });
const v6 = groups.map((list) => Buffer.from(list.map((group) => group.toString(16).padStart(4, '0')).join(''), 'hex'));

test('IPv6 addresses survive formatting and parsing, and no spelling is shorter', (t) => {
  fc.assert(
    fc.property(v6, (bytes) => {
      const canonical = text(bytes);
      t.deepEqual(inetBytes(canonical), bytes);
      t.true(canonical.length <= spelledOut(bytes).length);
      t.deepEqual(inetBytes(spelledOut(bytes).toUpperCase()), bytes);
    }),
  );
});

test('the canonical text is the one of inet_ntop(3), but for the dotted form of ::/96', (t) => {
  fc.assert(
    fc.property(v6, (bytes) => {
      const { address } = new SocketAddress({ address: spelledOut(bytes), family: 'ipv6' });
      if (address.includes('.')) t.deepEqual(inetBytes(address), bytes);
      else t.is(text(bytes), address);
    }),
  );
});

test('the examples of RFC 5952', (t) => {
  for (const [written, canonical] of [
    ['2001:0db8:0:0:0001:0:0:0001', '2001:db8::1:0:0:1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['2001:db8:0:0:0:0:2:1', '2001:db8::2:1'],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
    ['2001:DB8::AAAA', '2001:db8::aaaa'],
    ['0:0:0:0:0:0:0:0', '::'],
    ['::0001', '::1'],
    ['1:0:0:0:0:0:0:0', '1::'],
    ['::ffff:10.0.0.1', '::ffff:a00:1'],
    ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
    ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
  ] as const) {
    t.is(text(inetBytes(written)), canonical, written);
  }
});

test('IPv4 addresses survive formatting and parsing', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 4, maxLength: 4 }), (array) => {
      t.deepEqual(inetBytes(text(Buffer.from(array))), Buffer.from(array));
    }),
  );
});

test('what is no address is refused', (t) => {
  const bad = ['', '1.2.3', '1.2.3.4.5', '1.2.3.256', '01.2.3.4', '1.2.3.4 ', 'a.b.c.d', ':::', '1::2::3', '12345::'];
  for (const address of [...bad, 'fe80::1%eth0', '1:2:3:4:5:6:7:8:9', '::1.2.3', '[::1]', '::1/64'])
    t.throws(() => inetBytes(address), { instanceOf: RangeError }, address);
  for (const length of [0, 3, 5, 15]) t.throws(() => inetText(Buffer.alloc(16), 0, length), { instanceOf: RangeError });
});

function spelledOut(bytes: Buffer): string {
  return (bytes.toString('hex').match(/.{4}/g) ?? []).join(':');
}
