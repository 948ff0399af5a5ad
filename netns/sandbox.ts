// The recipe of one sandbox. Every step may be repeated, so `create` after a crash anywhere completes the rest.
//
//   host                             namespace                            microVM only: guest
//   HOSTLINK 169.254.1.1/32  ------  eth0 A/32, default via 169.254.1.1
//   route A/32 dev HOSTLINK
//
//   HOSTLINK 169.254.1.3/32  ------  eth0 169.254.1.2/32, default via .3
//   route A/32 via 169.254.1.2       TAP 169.254.1.1/32  ---------------  A/32, default via 169.254.1.1
//                                    route A/32 dev TAP, ip_forward
//
// With a tap the host end must not be 169.254.1.1 too: the namespace owns that address (the guest's gateway) and would
// drop the host's ARP and packets from it as martians (fib_validate_source in net/ipv4/fib_frontend.c).
import { constants } from 'node:os';
import { SysError } from '../linux/errors.js';
import { makePersistentTap } from '../linux/tuntap.js';
import type { Host } from './host.js';
import { type OpenNamespace, openNamed, provideNamespace } from './namespaces.js';
import { newAddress } from './netlink/address.js';
import { deleteLink, type Link, newVeth, setLink } from './netlink/link.js';
import { getRoute, newRoute, parseRoute, type Route } from './netlink/route.js';
import { findPair, isOurs } from './ownership.js';
import type { Request, Rtnl } from './rtnl.js';
import { disableIpv6, enableForwarding } from './sysctl.js';
import { GATEWAY, type SandboxNetwork as Network } from './types.js';
import { assertNetns, assertSandbox } from './validate.js';

/** Both ends of the inner hop of a microVM sandbox. */
const TAP_HOP = { host: '169.254.1.3', inside: '169.254.1.2' } as const;
const LOOPBACK_INDEX = 1;
// Fixed, as it is on no shared segment: a random one would be replaced by udev (MACAddressPolicy=persistent in
// systemd.link(5)) behind the back of a guest that has the gateway in its ARP table.
const GATEWAY_MAC = 'ee:ee:ee:ee:ee:ee';
const { EEXIST } = constants.errno;

type SandboxNetwork = Network & { readonly netns: string };

/**
 * Makes or completes the sandbox; must run on the thread that opened `host`. `afterStep` lets tests fail between
 * steps. Throws SysError; EEXIST when the link name, the tap name or the route belongs to someone else.
 */
export function createSandbox(host: Host, wanted: Network, afterStep: (step: string) => void = () => {}): void {
  assertSandbox(wanted);
  const network = { ...wanted, netns: wanted.netns ?? '' };
  refuseForeignLink(host, network);
  const prepare = (inside: Rtnl) => {
    disableIpv6('all');
    if (network.tap === null) return;
    enableForwarding();
    provideTap(inside, network.tap);
    afterStep('tap');
  };
  const inside = provideNamespace(host, network.netns, prepare, afterStep);
  try {
    const outer = providePair(host, inside, network);
    afterStep('pair');
    configureHostEnd(host, outer, network);
    afterStep('host-end');
    provideHostRoute(host, outer, network);
    afterStep('host-route');
    configureInside(inside.rtnl, network);
    afterStep('inside');
  } finally {
    inside.close();
  }
}

/** Makes or completes a namespace with nothing but loopback. Throws SysError. */
export function createIsolated(host: Host, netns: string): void {
  assertNetns(netns);
  const inside = provideNamespace(
    host,
    netns,
    () => disableIpv6('all'),
    () => {},
  );
  try {
    inside.rtnl.transact([up(LOOPBACK_INDEX, 'lo')]);
  } finally {
    inside.close();
  }
}

function refuseForeignLink(host: Host, network: SandboxNetwork): void {
  const link = host.rtnl.link({ name: network.hostLink });
  if (link === undefined || link.alias === network.owner) return;
  const inside = openNamed(host, network.netns);
  try {
    if (isOurs(link, network.owner, inside)) return;
  } finally {
    inside?.close();
  }
  const holder = link.alias === undefined ? 'something without an owner tag' : JSON.stringify(link.alias);
  const note = `a link of this name belongs to ${holder}`;
  throw new SysError('RTM_NEWLINK', EEXIST, { path: network.hostLink, value: network.owner, note });
}

function provideTap(inside: Rtnl, tap: { readonly name: string; readonly uid: number }): void {
  const existing = inside.link({ name: tap.name });
  if (existing === undefined) makePersistentTap(tap.name, tap.uid);
  if (existing === undefined || existing.kind === 'tun') return;
  throw new SysError('ioctl TUNSETIFF', EEXIST, {
    path: tap.name,
    note: `a link of kind ${existing.kind} has the name`,
  });
}

function providePair(host: Host, inside: OpenNamespace, network: SandboxNetwork): Link {
  const { hostLink, owner, mac, mtu } = network;
  const existing = host.rtnl.link({ name: hostLink });
  if (existing !== undefined) {
    const pair = findPair(existing, inside);
    if (pair.fits && pair.inner !== undefined) {
      host.rtnl.transact(adjustments(existing, { mac: GATEWAY_MAC, mtu, alias: owner }));
      inside.rtnl.transact(adjustments(pair.inner, { mac, mtu, alias: owner }));
      return existing;
    }
    // Half of an older pair whose namespace is gone or going.
    host.rtnl.transact([{ message: deleteLink(existing.index), op: 'RTM_DELLINK', path: hostLink }]);
  }
  const peer = { name: 'eth0', mac, mtu, netnsFd: inside.fd };
  host.rtnl.transact([
    { message: newVeth({ name: hostLink, mac: GATEWAY_MAC, mtu }, peer), op: 'RTM_NEWLINK', path: hostLink },
    { message: setLink({ name: hostLink, alias: owner }), op: 'RTM_SETLINK', path: hostLink, value: owner },
  ]);
  const made = host.rtnl.link({ name: hostLink });
  if (made !== undefined) return made;
  throw new SysError('RTM_GETLINK', constants.errno.ENODEV, { path: hostLink, note: 'vanished right after creation' });
}

function adjustments(link: Link, wanted: { mac: string; mtu: number; alias: string }): Request[] {
  const changed = {
    ...(link.mac === wanted.mac ? {} : { mac: wanted.mac }),
    ...(link.mtu === wanted.mtu ? {} : { mtu: wanted.mtu }),
    ...(link.alias === wanted.alias ? {} : { alias: wanted.alias }),
  };
  if (Object.keys(changed).length === 0) return [];
  return [{ message: setLink({ index: link.index, ...changed }), op: 'RTM_SETLINK', path: link.name }];
}

// Scope link and an explicit source on the route: the many 169.254.1.x of the host are then used towards workloads
// and never picked for anything else, ICMP errors to the outside included.
function configureHostEnd(host: Host, link: Link, network: SandboxNetwork): void {
  disableIpv6(network.hostLink);
  host.rtnl.transact([
    up(link.index, network.hostLink),
    address(link.index, network.hostLink, hostAddress(network), 'link'),
  ]);
}

function provideHostRoute(host: Host, link: Link, network: SandboxNetwork): void {
  const target = { destination: network.address, prefix: 32, index: link.index, source: hostAddress(network) };
  const wanted: Route =
    network.tap === null
      ? { ...target, scope: 'link' }
      : { ...target, scope: 'universe', gateway: TAP_HOP.inside, onlink: true };
  const request = { op: 'RTM_NEWROUTE', path: `${network.address}/32`, value: network.hostLink };
  const exclusive = { ...request, message: newRoute(wanted, 'exclusive'), tolerate: [EEXIST] };
  if (host.rtnl.transact([exclusive])[0] === 0) return;
  const holder = routeHolder(host, network.address);
  if (holder !== undefined && holder !== link.index) {
    const name = host.rtnl.link({ index: holder })?.name ?? `link ${holder}`;
    throw new SysError('RTM_NEWROUTE', EEXIST, { ...request, note: `the address is already routed to ${name}` });
  }
  host.rtnl.transact([{ ...request, message: newRoute(wanted, 'replace') }]);
}

function routeHolder(host: Host, destination: string): number | undefined {
  let index: number | undefined;
  const request = { message: getRoute(destination), op: 'RTM_GETROUTE', path: destination };
  host.rtnl.transact([request], (reply) => {
    const route = parseRoute(reply);
    if (route.prefix === 32) index = route.index;
  });
  return index;
}

function configureInside(inside: Rtnl, network: SandboxNetwork): void {
  const { owner, tap, mtu } = network;
  const eth0 = inside.link({ name: 'eth0' })?.index ?? 0;
  const own = tap === null ? network.address : TAP_HOP.inside;
  const gateway = hostAddress(network);
  const requests: Request[] = [
    up(LOOPBACK_INDEX, 'lo'),
    { message: setLink({ index: eth0, alias: owner, up: true }), op: 'RTM_SETLINK', path: 'eth0' },
    address(eth0, 'eth0', own, tap === null ? 'universe' : 'link'),
    route({ destination: gateway, prefix: 32, index: eth0, scope: 'link', source: own }),
    route({ prefix: 0, index: eth0, scope: 'universe', gateway, source: own }),
  ];
  if (tap !== null) {
    const index = inside.link({ name: tap.name })?.index ?? 0;
    const settings = { index, alias: owner, mac: GATEWAY_MAC, mtu, up: true };
    requests.push(
      { message: setLink(settings), op: 'RTM_SETLINK', path: tap.name },
      address(index, tap.name, GATEWAY, 'link'),
      route({ destination: network.address, prefix: 32, index, scope: 'link', source: GATEWAY }),
    );
  }
  inside.transact(requests);
}

function hostAddress(network: SandboxNetwork): string {
  return network.tap === null ? GATEWAY : TAP_HOP.host;
}

function up(index: number, name: string): Request {
  return { message: setLink({ index, up: true }), op: 'RTM_SETLINK', path: name, value: 'up' };
}

function address(index: number, name: string, ip: string, scope: 'link' | 'universe'): Request {
  const message = newAddress({ index, address: ip, prefix: 32, scope });
  return { message, op: 'RTM_NEWADDR', path: name, value: `${ip}/32` };
}

function route(wanted: Route): Request {
  const path = wanted.destination === undefined ? 'default' : `${wanted.destination}/${wanted.prefix}`;
  return { message: newRoute(wanted, 'replace'), op: 'RTM_NEWROUTE', path };
}
