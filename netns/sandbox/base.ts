// The part of a sandbox that depends on no address: namespace, links, what is in them. A slot is this and nothing else.
import { constants } from 'node:os';
import { SysError } from '../../linux/errors.js';
import { makePersistentTap } from '../../linux/tuntap.js';
import { tagNamespace } from '../foreign.js';
import type { Host } from '../host.js';
import { provideNamespace } from '../namespaces.js';
import type { Link } from '../netlink/link.js';
import type { OpenNamespace } from '../open-namespace.js';
import { innerNameOf } from '../ownership.js';
import type { Rtnl } from '../rtnl.js';
import { disableIpv6, enableForwarding, enableIpv6, keepNoMetrics, openToUsers } from '../sysctl.js';
import type { Tap } from '../types.js';
import { joinBridge } from './bridge.js';
import { addressRequest, routeRequest, settle, up } from './face.js';
import { provideGiven, settleIpv6 } from './given.js';
import { type Base, layoutOf } from './layout.js';
import { GATEWAY_MAC, type HostEnd, provideHostTap, providePair } from './links.js';
import { redirect } from './redirect.js';

/** Called after each step, so that tests can fail between any two. */
export type AfterStep = (step: string) => void;

const LOOPBACK_INDEX = 1;
/** ARP from made-up senders would fill the neighbour table, which is one for all namespaces (arp_process in net/ipv4/arp.c). */
const NO_LEARNING = { strictSources: true } as const;
const { EEXIST } = constants.errno;

/** Makes, completes or mends everything of `base` but the host's routes. Throws SysError. */
export function provideBase(
  host: Host,
  base: Base,
  afterStep: AfterStep,
  use: (inside: OpenNamespace) => void,
): HostEnd {
  const { netns } = base;
  if (netns === null) {
    const end = provideHostTap(host, base);
    afterStep('tap');
    configureHostEnd(host, end.link, base);
    afterStep('host-end');
    return end;
  }
  const { given } = base;
  const inside =
    given === undefined
      ? provideNamespace(host, netns, (rtnl) => prepareInside(host, rtnl, base, afterStep), afterStep)
      : provideGiven(host, { ...base, netns, given }, afterStep);
  try {
    const end = providePair(host, inside, base);
    afterStep('pair');
    configureHostEnd(host, end.link, base);
    afterStep('host-end');
    if (given !== undefined) settleIpv6(host, inside, given, base);
    configureInside(inside.rtnl, base);
    afterStep('inside');
    use(inside);
    return end;
  } finally {
    inside.close();
  }
}

/** In the namespace, before it has a name when it is new: what must be so before the first link is up. */
function prepareInside(host: Host, inside: Rtnl, base: Base, afterStep: AfterStep): void {
  const { procfs } = host;
  tagNamespace(host, inside);
  openToUsers(procfs);
  if (base.address6 === null) disableIpv6(procfs, 'all');
  else enableIpv6(procfs, 'all');
  if (base.address === null) keepNoMetrics(procfs);
  if (base.tap === null) return;
  if (base.attachment.mode === 'routed') enableForwarding(procfs, { ipv6: base.address6 !== null });
  provideTap(inside, base.tap);
  afterStep('tap');
}

function provideTap(inside: Rtnl, tap: Tap): void {
  const existing = inside.link({ name: tap.name });
  if (existing === undefined) makePersistentTap(tap.name, tap);
  if (existing === undefined || existing.kind === 'tun') return;
  const note = `a link of kind ${existing.kind} has the name`;
  throw new SysError('ioctl TUNSETIFF', EEXIST, { path: tap.name, note });
}

function configureHostEnd(host: Host, link: Link, base: Base): void {
  const { hostLink, attachment, group, netns, tap } = base;
  const { addresses } = layoutOf(base).host;
  if (addresses.some(({ address }) => address.includes(':'))) enableIpv6(host.procfs, hostLink);
  else disableIpv6(host.procfs, hostLink);
  if (attachment.mode === 'bridge') joinBridge(host, link, attachment, hostLink);
  // A namespace with a tap routes: what it sends is from the guest, and its own end is on no route of the host.
  const meetsWorkload = attachment.mode === 'routed' && (tap === null || netns === null);
  host.rtnl.transact([
    settle(link, { group, up: true, ...(meetsWorkload ? NO_LEARNING : {}) }, hostLink),
    ...addresses.map((placed) => addressRequest(link.index, hostLink, placed)),
  ]);
}

function configureInside(inside: Rtnl, base: Base): void {
  const { owner, tap, mtu, attachment } = base;
  const layout = layoutOf(base);
  const name = innerNameOf(base);
  const eth0 = inside.link({ name })?.index ?? 0;
  const requests = [
    up(LOOPBACK_INDEX, 'lo'),
    settle({ index: eth0 }, { alias: owner, up: true }, name),
    ...layout.eth0.addresses.map((placed) => addressRequest(eth0, name, placed)),
    ...layout.eth0.routes.map((way) => routeRequest(eth0, way)),
  ];
  if (tap === null) return void inside.transact(requests);
  const index = inside.link({ name: tap.name })?.index ?? 0;
  // On a bridge the tap is only a wire; routed, it is the guest's gateway.
  const mac = attachment.mode === 'routed' ? { mac: GATEWAY_MAC, ...NO_LEARNING } : {};
  requests.push(
    settle({ index }, { alias: owner, mtu, up: true, ...mac }, tap.name),
    ...layout.tap.addresses.map((placed) => addressRequest(index, tap.name, placed)),
    ...layout.tap.routes.map((way) => routeRequest(index, way)),
  );
  inside.transact(requests);
  if (attachment.mode === 'bridge') redirect(inside, eth0, index);
}
