import test from 'ava';
import fc from 'fast-check';
import { formatIpv4 } from '../../../netns/ipv4.js';
import { newAddress, parseAddress } from '../../../netns/netlink/address.js';
import { type LinkSettings, newVeth, parseLink, parseVethPeer, setLink } from '../../../netns/netlink/link.js';
import { type Message, parseMessages } from '../../../netns/netlink/message.js';
import { newRoute, parseRoute, type Route } from '../../../netns/netlink/route.js';
import { LOOPBACK_LINK } from './fixtures.js';

const u32 = fc.integer({ min: 0, max: 0xffffffff });
const index = fc.integer({ min: 1, max: 0x7fffffff });
const ipv4 = u32.map(formatIpv4);
const scope = fc.constantFrom('link' as const, 'universe' as const);
const mac = fc
  .uint8Array({ minLength: 6, maxLength: 6 })
  .map((bytes) => (Buffer.from(bytes).toString('hex').match(/../g) ?? []).join(':'));
const settings: fc.Arbitrary<LinkSettings> = fc.record({
  index,
  name: fc.stringMatching(/^[a-z0-9]{1,15}$/),
  alias: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 60 }).filter((text) => !text.includes('\0')),
  mac,
  mtu: u32,
  group: u32,
  up: fc.boolean(),
});

function only(buffer: Buffer): Message {
  const [first, ...more] = parseMessages(buffer);
  if (first === undefined || more.length > 0) throw new Error('expected one message');
  return first;
}

test('link settings survive building and parsing', (t) => {
  fc.assert(fc.property(settings, (link) => t.like(parseLink(only(setLink(link))), { ...link })));
  t.pass();
});

test('both ends of a veth survive building and parsing', (t) => {
  fc.assert(
    fc.property(settings, settings, (outer, inner) => {
      const request = only(newVeth(outer, { ...inner, netnsFd: 9 }));
      t.like(parseLink(request), { ...outer, kind: 'veth' });
      t.like(parseVethPeer(request), { ...inner });
    }),
  );
  t.is(parseVethPeer(only(setLink({ index: 1 }))), undefined);
});

test('addresses survive building and parsing', (t) => {
  const addresses = fc.record({ index, address: ipv4, prefix: fc.integer({ min: 0, max: 32 }), scope });
  fc.assert(fc.property(addresses, (address) => t.deepEqual(parseAddress(only(newAddress(address))), address)));
  t.pass();
});

test('routes survive building and parsing', (t) => {
  const routes: fc.Arbitrary<Route> = fc.record(
    {
      destination: ipv4,
      gateway: ipv4,
      source: ipv4,
      onlink: fc.constant(true),
      prefix: fc.integer({ min: 0, max: 32 }),
      index,
      scope,
    },
    { requiredKeys: ['prefix', 'index', 'scope'] },
  );
  fc.assert(
    fc.property(routes, fc.constantFrom('exclusive' as const, 'replace' as const), (route, mode) =>
      t.deepEqual(parseRoute(only(newRoute(route, mode))), route),
    ),
  );
  t.pass();
});

test('the bytes of a veth request are those of the kernel ABI', (t) => {
  const request = newVeth({ name: 'h0', mtu: 1500 }, { name: 'eth0', netnsFd: 5 });
  t.is(
    request.toString('hex'),
    [
      '6c000000' + '1000' + '0506' + '00000000' + '00000000',
      '00000000000000000000000000000000',
      '07000300' + '68300000' + '08000400dc050000',
      '3c001280' + '09000100' + '7665746800000000',
      '2c000280' + '28000100' + '00000000000000000000000000000000',
      '09000300' + '6574683000000000' + '08001c0005000000',
    ].join(''),
  );
});

test('a link of a real kernel is read', (t) => {
  const link = parseLink(only(LOOPBACK_LINK));
  t.like(link, { index: 1, name: 'lo', up: true, mtu: 65536, group: 0, mac: '00:00:00:00:00:00', alias: undefined });
  t.deepEqual(link.counters, {
    rxPackets: 0x142,
    txPackets: 0x142,
    rxBytes: 0x8c5f,
    txBytes: 0x8c5f,
    rxDropped: 0,
    txDropped: 0,
  });
});

test('what is no address is refused before anything is sent', (t) => {
  t.throws(() => setLink({ mac: 'no' }), { instanceOf: RangeError });
  t.throws(() => newAddress({ index: 1, address: '10.0.0.256', prefix: 32, scope: 'link' }), {
    instanceOf: RangeError,
  });
});
