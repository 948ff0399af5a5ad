import test from 'ava';
import { newAddress, parseAddress } from '../../../netns/netlink/address.js';
import { NUD, RTN } from '../../../netns/netlink/constants.js';
import { inetText } from '../../../netns/netlink/inet.js';
import { type LinkSettings, newVeth, parseLink, parseVethPeer, setLink } from '../../../netns/netlink/link.js';
import { type Message, parseMessages } from '../../../netns/netlink/message.js';
import { type Neighbour, newNeighbour, parseNeighbour } from '../../../netns/netlink/neighbour.js';
import { newRoute, parseRoute, type Route } from '../../../netns/netlink/route.js';
import { fc, holds } from '../../runner/property.js';
import { LOOPBACK_LINK } from './fixtures.js';

const u32 = fc.integer({ min: 0, max: 0xffffffff });
const index = fc.integer({ min: 1, max: 0x7fffffff });
const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const inet = (family: 4 | 6) =>
  bytes(family === 4 ? 4 : 16).map((array) => inetText(Buffer.from(array), 0, array.length));
const family = fc.constantFrom(4 as const, 6 as const);
const scope = fc.constantFrom('link' as const, 'universe' as const, 'host' as const);
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
  addressGeneration: fc.constantFrom('eui64' as const, 'none' as const, 'stable_secret' as const, 'random' as const),
});

function only(buffer: Buffer): Message {
  const [first, ...more] = parseMessages(buffer);
  if (first === undefined || more.length > 0) throw new Error('expected one message');
  return first;
}

test('link settings survive building and parsing', (t) => {
  holds(
    t,
    fc.property(settings, (link) => t.like(parseLink(only(setLink(link))), { ...link })),
  );
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
  const addresses = family.chain((of) =>
    fc.record(
      { index, address: inet(of), prefix: fc.integer({ min: 0, max: 128 }), scope, noDad: fc.constant(true) },
      { requiredKeys: ['index', 'address', 'prefix', 'scope'] },
    ),
  );
  fc.assert(fc.property(addresses, (address) => t.deepEqual(parseAddress(only(newAddress(address))), address)));
});

test('routes survive building and parsing', (t) => {
  const routes: fc.Arbitrary<Route> = family.chain((of) =>
    fc
      .record(
        {
          destination: inet(of),
          gateway: inet(of),
          source: inet(of),
          onlink: fc.constant(true),
          table: u32.filter((table) => table !== 0 && table !== 254),
          type: fc.constantFrom(...Object.keys(RTN)).filter(isRouteType),
          index,
          scope,
        },
        { requiredKeys: ['index', 'scope'] },
      )
      .map(({ type, ...route }) => ({
        ...route,
        prefix: route.destination === undefined ? 0 : of === 4 ? 32 : 128,
        ...(type === undefined || type === 'unicast' ? {} : { type }),
        ...(of === 4 || route.destination || route.gateway || route.source ? {} : { family: 6 as const }),
      })),
  );
  fc.assert(
    fc.property(routes, fc.constantFrom('exclusive' as const, 'replace' as const), (route, mode) =>
      t.deepEqual(parseRoute(only(newRoute(route, mode))), route),
    ),
  );
});

test('neighbours survive building and parsing', (t) => {
  const states = [undefined, ...Object.keys(NUD).filter((name): name is keyof typeof NUD => name in NUD)];
  const neighbours: fc.Arbitrary<Neighbour> = family.chain((of) =>
    fc.record(
      { index, address: inet(of), mac, state: fc.constantFrom(...states), proxy: fc.constant(true) },
      { requiredKeys: ['index', 'address', 'state'] },
    ),
  );
  fc.assert(
    fc.property(neighbours, (neighbour) => t.deepEqual(parseNeighbour(only(newNeighbour(neighbour))), neighbour)),
  );
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

function isRouteType(name: string): name is keyof typeof RTN {
  return name in RTN;
}
