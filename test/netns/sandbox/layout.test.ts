import test from 'ava';
import { layoutOf, type Shape, without } from '../../../netns/sandbox/layout.js';
import type { BridgePort, Tap } from '../../../netns/types.js';

const tap: Tap = { name: 'tap0', uid: 1, multiQueue: false, vnetHeader: true, guestAddress: null };
const routed: Shape = {
  netns: 'a',
  attachment: { mode: 'routed' },
  tap: null,
  mac: '02:00:00:00:00:01',
  address: '10.0.0.1',
  address6: null,
};
const port: BridgePort = {
  mode: 'bridge',
  bridge: 'br',
  prefix: 24,
  gateway: '10.0.0.254',
  prefix6: 64,
  gateway6: 'fd00::fe',
  isolated: true,
  vlan: null,
};
const addresses = (face: { addresses: readonly { address: string; prefix: number }[] }) =>
  face.addresses.map(({ address, prefix }) => `${address}/${prefix}`);
const routes = (face: { routes: readonly { destination?: string; gateway?: string }[] }) =>
  face.routes.map(({ destination, gateway }) => `${destination ?? 'default'} ${gateway ?? '-'}`);

test('a routed container has its address alone, and the host the way to it', (t) => {
  const { host, eth0, tap: none } = layoutOf(routed);
  t.deepEqual(addresses(host), ['169.254.1.1/32']);
  t.deepEqual(routes(host), ['10.0.0.1 -']);
  t.deepEqual(addresses(eth0), ['10.0.0.1/32']);
  t.deepEqual(routes(eth0), ['169.254.1.1 -', 'default 169.254.1.1']);
  t.deepEqual(none, { addresses: [], routes: [] });
});

test('behind a tap the namespace is a router with the gateway of the guest', (t) => {
  const layout = layoutOf({ ...routed, tap });
  t.deepEqual(addresses(layout.host), ['169.254.1.3/32']);
  t.deepEqual(routes(layout.host), ['10.0.0.1 169.254.1.2']);
  t.deepEqual(addresses(layout.eth0), ['169.254.1.2/32']);
  t.deepEqual(addresses(layout.tap), ['169.254.1.1/32']);
  t.deepEqual(routes(layout.tap), ['10.0.0.1 -']);
});

test('a clone is reached under its own address, and its tap under the guest address', (t) => {
  const layout = layoutOf({ ...routed, tap: { ...tap, guestAddress: '172.16.0.2' } });
  t.deepEqual(routes(layout.host), ['10.0.0.1 169.254.1.2']);
  t.deepEqual(routes(layout.tap), ['172.16.0.2 -']);
});

test('what is set at the hand-out of a slot is all that a slot has not, also of a clone', (t) => {
  for (const guestAddress of [null, '172.16.0.2']) {
    const clone = { ...routed, tap: { ...tap, guestAddress } };
    t.deepEqual(layoutOf({ ...clone, address: null }), layoutOf({ ...routed, address: null, tap }));
    t.deepEqual(routes(without(layoutOf(clone), layoutOf({ ...clone, address: null })).tap), [
      `${guestAddress ?? '10.0.0.1'} -`,
    ]);
  }
});

test('a tap on the host has the gateway itself', (t) => {
  const layout = layoutOf({ ...routed, netns: null, tap });
  t.deepEqual(addresses(layout.host), ['169.254.1.1/32']);
  t.deepEqual(routes(layout.host), ['10.0.0.1 -']);
  t.deepEqual(layout.eth0, { addresses: [], routes: [] });
});

test('IPv6 is the same with link-local gateways', (t) => {
  const plain = layoutOf({ ...routed, address6: 'fd00::1' });
  t.deepEqual(addresses(plain.host), ['169.254.1.1/32', 'fe80::1/64']);
  t.deepEqual(routes(plain.host), ['10.0.0.1 -', 'fd00::1 -']);
  t.deepEqual(addresses(plain.eth0), ['10.0.0.1/32', 'fe80::2/64', 'fd00::1/128']);
  t.deepEqual(routes(plain.eth0).slice(2), ['default fe80::1']);
  const guest = layoutOf({ ...routed, tap, address6: 'fd00::1' });
  t.deepEqual(routes(guest.host).slice(1), ['fd00::1 fe80::2']);
  t.deepEqual(addresses(guest.tap), ['169.254.1.1/32', 'fe80::1/64']);
});

test('on a bridge the address has its network, and each port a link-local address of its own', (t) => {
  const { host, eth0 } = layoutOf({ ...routed, attachment: port, address6: 'fd00::1' });
  t.deepEqual(host, { addresses: [], routes: [] });
  t.deepEqual(addresses(eth0), ['10.0.0.1/24', 'fe80::ff:fe00:1/64', 'fd00::1/64']);
  t.deepEqual(routes(eth0), ['default 10.0.0.254', 'default fd00::fe']);
  const guest = layoutOf({ ...routed, attachment: port, tap });
  t.deepEqual(guest.eth0, { addresses: [], routes: [] });
});

test('what a slot has and what is added at its hand-out make the whole', (t) => {
  for (const shape of [routed, { ...routed, tap }]) {
    const whole = layoutOf(shape);
    const base = layoutOf({ ...shape, address: null });
    const rest = without(whole, base);
    for (const face of ['host', 'eth0', 'tap'] as const) {
      t.deepEqual([...addresses(base[face]), ...addresses(rest[face])].sort(), addresses(whole[face]).sort());
      t.deepEqual([...routes(base[face]), ...routes(rest[face])].sort(), routes(whole[face]).sort());
    }
    t.false(JSON.stringify(base).includes('10.0.0.1"'));
  }
});
