// The codec against the kernel: what it makes is what iproute2 shows, what it reads is what iproute2 made.
import { constants } from 'node:os';
import test from 'ava';
import type { Host } from '../../../netns/host.js';
import { deleteAddress, dumpAddresses, newAddress, parseAddress } from '../../../netns/netlink/address.js';
import { RTM } from '../../../netns/netlink/constants.js';
import { setLink } from '../../../netns/netlink/link.js';
import type { Message } from '../../../netns/netlink/message.js';
import {
  deleteNeighbour,
  dumpNeighbours,
  getNeighbour,
  newNeighbour,
  parseNeighbour,
} from '../../../netns/netlink/neighbour.js';
import { deleteRoute, dumpRoutes, getRoute, newRoute, parseRoute } from '../../../netns/netlink/route.js';
import { command, makeNames } from '../lab.js';
import { openHostIn } from '../namespace-host.js';

const { EADDRNOTAVAIL, EAFNOSUPPORT, ENOENT, ESRCH } = constants.errno;
const netns = `${makeNames(6).netnsPrefix}codec`;
const ip = (line: string) => command(`ip -n ${netns} ${line}`);
const MAC = '02:00:00:00:00:03';
let host: Host;
let index = 0;

test.before(async () => {
  await command(`ip netns add ${netns}`);
  await ip('link add d0 type veth peer name d1');
  host = openHostIn(netns);
  index = host.rtnl.link({ name: 'd0' })?.index ?? 0;
});

test.after.always(async () => {
  host?.close();
  await command(`ip netns del ${netns}`);
});

/** Sends one request; its errno when that is among `tolerate`. */
function ask(message: Buffer, tolerate: number[] = [], visit?: (reply: Message) => void): number | undefined {
  return host.rtnl.transact([{ message, op: 'test', path: 'd0', tolerate }], visit)[0];
}

function dump<T>(request: Buffer, type: number, parse: (reply: Message) => T): T[] {
  const found: T[] = [];
  host.rtnl.dump(
    request,
    'test',
    () => found.splice(0),
    (reply) => {
      if (reply.type === type) found.push(parse(reply));
    },
  );
  return found;
}

test.serial('a link makes no address of its own when it is told so', async (t) => {
  ask(setLink({ index, addressGeneration: 'none' }));
  t.is(host.rtnl.link({ index })?.addressGeneration, 'none');
  t.is(host.rtnl.link({ name: 'd1' })?.addressGeneration, 'eui64');
  ask(setLink({ index, up: true }));
  await ip('link set d1 up');
  t.false((await ip('-6 addr show dev d0')).includes('inet6'));
  t.true((await ip('-6 addr show dev d1')).includes('inet6 fe80::'));
});

test.serial('addresses come and go', async (t) => {
  const wanted = [
    { index, address: 'fd00::5', prefix: 128, scope: 'universe' as const, noDad: true },
    { index, address: 'fe80::1', prefix: 64, scope: 'link' as const, noDad: true },
    { index, address: '10.9.0.1', prefix: 24, scope: 'link' as const },
  ];
  for (const address of wanted) {
    ask(newAddress(address));
    ask(newAddress(address));
  }
  const shown = await ip('addr show dev d0');
  t.regex(shown, /inet6 fd00::5\/128 scope global nodad/);
  t.regex(shown, /inet6 fe80::1\/64 scope link nodad/);
  t.false(shown.includes('tentative'));
  const read = [
    ...dump(dumpAddresses(4), RTM.NEWADDR, parseAddress),
    ...dump(dumpAddresses(6), RTM.NEWADDR, parseAddress),
  ];
  for (const address of wanted)
    t.deepEqual(
      read.filter((one) => one.address === address.address),
      [address],
    );
  const [first] = wanted;
  if (first === undefined) return;
  t.is(ask(deleteAddress(first)), 0);
  t.is(ask(deleteAddress(first), [EADDRNOTAVAIL]), EADDRNOTAVAIL);
  t.false((await ip('addr show dev d0')).includes('fd00::5'));
});

test.serial('routes come and go', async (t) => {
  const routes = [
    { destination: 'fd00::7', prefix: 128, index, scope: 'universe' as const },
    { prefix: 0, index, scope: 'universe' as const, gateway: 'fe80::99', onlink: true },
    { destination: '10.20.0.7', prefix: 32, index, scope: 'link' as const, source: '10.9.0.1' },
    { destination: 'fd00:9::', prefix: 64, index, scope: 'universe' as const, table: 1000 },
  ];
  for (const route of routes) {
    ask(newRoute(route, 'exclusive'));
    ask(newRoute(route, 'replace'));
  }
  t.regex(await ip('-6 route show'), /default via fe80::99 dev d0 proto static .*onlink/);
  t.regex(await ip('-6 route show table 1000'), /^fd00:9::\/64 dev d0 proto static/);
  const read = [...dump(dumpRoutes(4), RTM.NEWROUTE, parseRoute), ...dump(dumpRoutes(6), RTM.NEWROUTE, parseRoute)];
  for (const route of routes)
    t.true(
      read.some((one) => same(one, route)),
      JSON.stringify(route),
    );
  await ip('-6 route add blackhole fd00:8::/64');
  await ip('route add 10.30.0.0/16 nexthop dev d0 nexthop dev d1');
  const more = [...dump(dumpRoutes(4), RTM.NEWROUTE, parseRoute), ...dump(dumpRoutes(6), RTM.NEWROUTE, parseRoute)];
  t.like(
    more.find(({ destination }) => destination === 'fd00:8::'),
    { type: 'blackhole', prefix: 64 },
  );
  t.like(
    more.find(({ destination }) => destination === '10.30.0.0'),
    { index, prefix: 16 },
  );
  const found: unknown[] = [];
  ask(getRoute('fd00::7'), [], (reply) => found.push(parseRoute(reply)));
  t.like(found[0], routes[0] ?? {});
  for (const { scope: _, ...route } of routes) {
    t.is(ask(deleteRoute(route)), 0);
    t.is(ask(deleteRoute(route), [ESRCH]), ESRCH);
  }
});

test.serial('neighbours come and go', async (t) => {
  for (const address of ['fd00::3', '10.9.0.3']) {
    const neighbour = { index, address, mac: MAC, state: 'permanent' as const };
    ask(newNeighbour(neighbour));
    ask(newNeighbour(neighbour));
    t.regex(await ip('neigh show'), new RegExp(`${address} dev d0 lladdr ${MAC} PERMANENT`));
    const found: unknown[] = [];
    ask(getNeighbour(index, address), [], (reply) => found.push(parseNeighbour(reply)));
    t.deepEqual(found, [neighbour]);
    const family = address.includes(':') ? 6 : 4;
    t.true(dump(dumpNeighbours(family), RTM.NEWNEIGH, parseNeighbour).some((one) => same(one, neighbour)));
    t.is(ask(deleteNeighbour(neighbour)), 0);
    t.is(ask(deleteNeighbour({ index, address: address.replace('3', '4') }), [ENOENT]), ENOENT);
  }
  ask(newNeighbour({ index, address: 'fd00::4', state: 'permanent', proxy: true }));
  t.regex(await ip('-6 neigh show proxy'), /fd00::4 dev d0 +proxy/);
  const proxies = dump(dumpNeighbours(6, { proxy: true }), RTM.NEWNEIGH, parseNeighbour);
  t.like(proxies[0], { index, address: 'fd00::4', proxy: true });
  t.is(ask(deleteNeighbour({ index, address: 'fd00::4', proxy: true })), 0);
});

test.serial('a link without IPv6 has no address generation', async (t) => {
  await ip('link set d0 mtu 1000');
  t.is(host.rtnl.link({ index })?.addressGeneration, undefined);
  t.is(ask(setLink({ index, addressGeneration: 'none' }), [EAFNOSUPPORT]), EAFNOSUPPORT);
});

/** Whether `one` says everything that `wanted` says. */
function same(one: object, wanted: object): boolean {
  const all = new Map<string, unknown>(Object.entries(one));
  return Object.entries(wanted).every(([key, value]) => all.get(key) === value);
}
