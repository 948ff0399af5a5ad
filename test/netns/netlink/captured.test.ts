// The codec says the same as iproute2. The order of attributes and the "nested" bit are free; all else is compared.
import test from 'ava';
import { deleteAddress, newAddress, parseAddress } from '../../../netns/netlink/address.js';
import { eachAttribute } from '../../../netns/netlink/attribute.js';
import { deleteVlans, newBridge, setAccessVlan, setPort } from '../../../netns/netlink/bridge.js';
import { NLA_F_NESTED } from '../../../netns/netlink/constants.js';
import { parseLink, setLink } from '../../../netns/netlink/link.js';
import { type Message, parseMessages } from '../../../netns/netlink/message.js';
import { deleteNeighbour, getNeighbour, newNeighbour, parseNeighbour } from '../../../netns/netlink/neighbour.js';
import { deleteRoute, getRoute, newRoute, parseRoute } from '../../../netns/netlink/route.js';
import { CAPTURED } from './captured.js';

const IFADDRMSG = 8;
const RTMSG = 12;
const NDMSG = 12;
const NLM_F_ACK = 4;
const D0 = { index: 7 };
const MAC = '02:00:00:00:00:03';

function only(buffer: Buffer): Message {
  const [first, ...more] = parseMessages(buffer);
  if (first === undefined || more.length > 0) throw new Error('expected one message');
  return first;
}

function captured(name: keyof typeof CAPTURED): Message {
  return only(Buffer.from(CAPTURED[name], 'hex'));
}

/** Everything that a message says, with its attributes in the order of their types. */
function decode(received: Message, fixed: number, ignoredFlags = 0) {
  const { type, flags, buffer, start, end } = received;
  const attributes: string[] = [];
  eachAttribute(buffer, start + fixed, end, (kind, from, to) => {
    attributes.push(`${String(kind).padStart(2)} ${buffer.toString('hex', from, to)}`);
  });
  const header = buffer.toString('hex', start, start + fixed);
  return { type, flags: flags & ~ignoredFlags, header, attributes: attributes.sort() };
}

test('addresses', (t) => {
  const cases = [
    [
      'ip addr replace 10.9.0.9/32 dev d0 scope link',
      newAddress({ ...D0, address: '10.9.0.9', prefix: 32, scope: 'link' }),
    ],
    [
      'ip -6 addr replace fd00::5/128 dev d0 nodad',
      newAddress({ ...D0, address: 'fd00::5', prefix: 128, scope: 'universe', noDad: true }),
    ],
    [
      'ip -6 addr replace fe80::1/64 dev d0 scope link nodad',
      newAddress({ ...D0, address: 'fe80::1', prefix: 64, scope: 'link', noDad: true }),
    ],
    ['ip addr del 10.9.0.9/32 dev d0', deleteAddress({ ...D0, address: '10.9.0.9', prefix: 32 })],
    ['ip -6 addr del fd00::5/128 dev d0', deleteAddress({ ...D0, address: 'fd00::5', prefix: 128 })],
  ] as const;
  for (const [name, built] of cases) {
    t.deepEqual(decode(only(built), IFADDRMSG), decode(captured(name), IFADDRMSG), name);
    t.deepEqual(parseAddress(only(built)), parseAddress(captured(name)), name);
  }
});

test('routes', (t) => {
  const host = { ...D0, destination: '10.20.0.7', prefix: 32 };
  const cases = [
    [
      'ip route add 10.20.0.7/32 dev d0 proto static scope link src 10.9.0.1',
      newRoute({ ...host, scope: 'link', source: '10.9.0.1' }, 'exclusive'),
    ],
    [
      'ip -6 route replace fd00::7/128 dev d0 proto static',
      newRoute({ ...D0, destination: 'fd00::7', prefix: 128, scope: 'universe' }, 'replace'),
    ],
    ['ip route del 10.20.0.7/32 dev d0', deleteRoute(host)],
  ] as const;
  for (const [name, built] of cases) {
    // The kernel ignores the scope of IPv6 routes; all of these carry what iproute2 sends, though.
    t.deepEqual(decode(only(built), RTMSG), decode(captured(name), RTMSG), name);
    t.deepEqual(parseRoute(only(built)), parseRoute(captured(name)), name);
  }
  const fib = 'ip -6 route get fibmatch fd00::7';
  t.deepEqual(decode(only(getRoute('fd00::7')), RTMSG, NLM_F_ACK), decode(captured(fib), RTMSG));
});

test('default routes of IPv6, where iproute2 adds ::/0 as destination', (t) => {
  const gateway = { ...D0, prefix: 0, gateway: 'fe80::99' };
  const added = captured('ip -6 route replace default via fe80::99 dev d0 proto static onlink');
  t.deepEqual(parseRoute(added), { ...gateway, scope: 'universe', onlink: true });
  t.deepEqual(
    parseRoute(only(newRoute({ ...gateway, scope: 'universe', onlink: true }, 'replace'))),
    parseRoute(added),
  );
  const removed = captured('ip -6 route del default via fe80::99 dev d0');
  t.like(parseRoute(removed), gateway);
  t.like(parseRoute(only(deleteRoute(gateway))), { ...gateway, type: 'unspec' });
});

test('neighbours', (t) => {
  const cases = [
    [
      'ip neigh replace 10.9.0.3 lladdr 02:00:00:00:00:03 dev d0 nud permanent',
      newNeighbour({ ...D0, address: '10.9.0.3', mac: MAC, state: 'permanent' }),
    ],
    [
      'ip -6 neigh replace fd00::3 lladdr 02:00:00:00:00:03 dev d0 nud permanent',
      newNeighbour({ ...D0, address: 'fd00::3', mac: MAC, state: 'permanent' }),
    ],
    [
      'ip -6 neigh replace proxy fd00::4 dev d0',
      newNeighbour({ ...D0, address: 'fd00::4', state: 'permanent', proxy: true }),
    ],
    ['ip neigh del 10.9.0.3 dev d0', deleteNeighbour({ ...D0, address: '10.9.0.3' })],
    ['ip -6 neigh get fd00::3 dev d0', getNeighbour(7, 'fd00::3')],
  ] as const;
  for (const [name, built] of cases) {
    const ignored = name.includes(' get ') ? NLM_F_ACK : 0;
    t.deepEqual(decode(only(built), NDMSG, ignored), decode(captured(name), NDMSG), name);
    t.deepEqual(parseNeighbour(only(built)), parseNeighbour(captured(name)), name);
  }
});

test('how a link makes its link-local address', (t) => {
  const request = captured('ip link set dev d0 addrgenmode none');
  const built = only(setLink({ ...D0, addressGeneration: 'none' }));
  t.deepEqual(parseLink(built), parseLink(request));
  t.is(parseLink(request).addressGeneration, 'none');
});

/** The bytes of a message without its sequence number, and without the bit that says "nested", which iproute2 omits. */
function bare(message: Buffer): string {
  const { start, end, buffer, type, flags } = only(message);
  const bytes = Buffer.from(buffer.subarray(start, end));
  for (let at = 16; at + 4 <= bytes.length; at += Math.max(4, (bytes.readUInt16LE(at) + 3) & ~3))
    bytes.writeUInt16LE(bytes.readUInt16LE(at + 2) & ~NLA_F_NESTED, at + 2);
  return `${type} ${flags} ${bytes.toString('hex')}`;
}

test('bridges and their ports', (t) => {
  const cases = [
    ['bridge link set dev d0 isolated on', setPort({ ...D0, isolated: true })],
    ['bridge vlan add dev d0 vid 7 pvid untagged', setAccessVlan({ ...D0, vlan: 7 })],
    ['bridge vlan del dev d0 vid 1', deleteVlans({ ...D0, first: 1, last: 1 })],
    ['ip link add br8 type bridge vlan_filtering 1', newBridge({ name: 'br8', vlanFiltering: true })],
    ['ip link add br7 type bridge', newBridge({ name: 'br7', vlanFiltering: false })],
  ] as const;
  for (const [name, built] of cases) t.is(bare(plain(built)), bare(plain(Buffer.from(CAPTURED[name], 'hex'))), name);
});

/** Without two liberties deeper inside: the "nested" bit of IFLA_INFO_DATA, and whether a kind's closing NUL counts. */
function plain(message: Buffer): Buffer {
  const out = Buffer.from(message);
  const data = out.indexOf(Buffer.from([0x0c, 0x00, 0x02, 0x80]));
  if (data >= 0) out.writeUInt8(0, data + 3);
  const kind = out.indexOf(Buffer.from([0x01, 0x00, 0x62, 0x72]));
  if (kind >= 0) out.writeUInt16LE('bridge'.length + 4, kind - 2);
  return out;
}
