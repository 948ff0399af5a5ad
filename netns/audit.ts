// Compares sandboxes with the kernel: a few dumps of the host for all of them, and a look into each namespace. It only
// tells; `createSandbox` mends.
import { SysError } from '../linux/errors.js';
import { auditEntries } from './firewall/index.js';
import type { Host } from './host.js';
import { openNamed } from './namespaces.js';
import { dumpAddresses, parseAddress } from './netlink/address.js';
import { dumpPorts, parsePort } from './netlink/bridge.js';
import type { Link } from './netlink/link.js';
import { dumpRoutes, parseRoute, type Route } from './netlink/route.js';
import { innerNameOf } from './ownership.js';
import type { Rtnl } from './rtnl.js';
import { type Face, layoutOf, type Way } from './sandbox/layout.js';
import { auditBandwidth } from './shaping/index.js';
import type { Finding, SandboxNetwork } from './types.js';

/** What one namespace holds, by index of the link. */
interface View {
  readonly links: ReadonlyMap<string, Link>;
  /** Whether a port is isolated. */
  readonly ports: ReadonlyMap<number, boolean>;
  readonly addresses: ReadonlyMap<number, ReadonlySet<string>>;
  readonly routes: ReadonlyMap<number, readonly Route[]>;
}

type Kind = Finding['kind'];
type Tell = (kind: Kind, detail: string) => void;

/** Throws SysError when the kernel cannot be asked. */
export function auditSandboxes(host: Host, networks: readonly SandboxNetwork[]): Finding[] {
  const findings: Finding[] = [];
  if (networks.length === 0) return findings;
  const six = networks.some(({ address6 }) => address6 !== null);
  const bridged = networks.some(({ attachment }) => attachment.mode === 'bridge');
  const view = look(host.rtnl, six, bridged);
  for (const network of networks) {
    const { owner } = network;
    const tell: Tell = (kind, detail) => void findings.push({ owner, kind, detail });
    auditHostEnd(host, view, network, tell);
    if (network.netns !== null) auditInside(host, network, network.netns, view.links.get(network.hostLink), tell);
  }
  return [...findings, ...auditFirewall(host, networks)];
}

function auditHostEnd(host: Host, view: View, network: SandboxNetwork, tell: Tell): void {
  const { hostLink, owner, group, attachment, mtu } = network;
  const link = view.links.get(hostLink);
  if (link === undefined) {
    tell('link', `${hostLink} is missing`);
    return;
  }
  if (link.alias !== owner) {
    tell('link', `${hostLink} belongs to ${JSON.stringify(link.alias ?? '')}`);
    return;
  }
  if (!link.up) tell('link', `${hostLink} is down`);
  if (link.mtu !== mtu) tell('link', `${hostLink} has an MTU of ${link.mtu}, not ${mtu}`);
  if (link.group !== group) tell('link', `${hostLink} is in group ${link.group}, not ${group}`);
  if (attachment.mode === 'bridge') {
    const bridge = view.links.get(attachment.bridge);
    if (bridge === undefined) tell('bridge', `${attachment.bridge} is missing`);
    else if (link.master !== bridge.index) tell('link', `${hostLink} is not a port of ${attachment.bridge}`);
    else if (view.ports.get(link.index) !== attachment.isolated)
      tell('link', `${hostLink} is ${attachment.isolated ? 'not ' : ''}isolated from other ports`);
  }
  auditFace(view, link.index, hostLink, layoutOf(network).host, tell);
  for (const detail of auditBandwidth(host, network)) tell('shaping', detail);
}

function auditInside(host: Host, network: SandboxNetwork, netns: string, outer: Link | undefined, tell: Tell): void {
  const inside = openNamed(host, netns);
  if (inside === undefined) {
    tell('netns', `${netns} is missing`);
    return;
  }
  try {
    // What is in there is somebody else's, or nobody's.
    if (outer?.alias === network.owner && outer.peerNetns !== host.rtnl.nsid(inside.fd)) {
      tell('netns', `${netns} is not the namespace behind ${network.hostLink}`);
      return;
    }
    const view = look(inside.rtnl, network.address6 !== null);
    const layout = layoutOf(network);
    const inner = innerNameOf(network);
    for (const [name, face] of [[inner, layout.eth0] as const, [network.tap?.name, layout.tap] as const]) {
      if (name === undefined) continue;
      const link = view.links.get(name);
      if (link === undefined) tell('link', `${name} in ${netns} is missing`);
      else {
        if (!link.up) tell('link', `${name} in ${netns} is down`);
        if (link.mtu !== network.mtu) tell('link', `${name} in ${netns} has an MTU of ${link.mtu}`);
        if (name === inner && link.mac !== network.mac) tell('link', `${name} in ${netns} has the MAC ${link.mac}`);
        auditFace(view, link.index, `${name} in ${netns}`, face, tell);
      }
    }
  } finally {
    inside.close();
  }
}

function auditFace(view: View, index: number, name: string, face: Face, tell: Tell): void {
  const addresses = view.addresses.get(index);
  for (const { address, prefix } of face.addresses)
    if (addresses?.has(`${address}/${prefix}`) !== true) tell('address', `${name} lacks ${address}/${prefix}`);
  const routes = view.routes.get(index) ?? [];
  for (const way of face.routes)
    if (!routes.some((route) => leads(route, way)))
      tell('route', `${name} lacks the route to ${way.destination ?? 'everywhere'}`);
}

function leads(route: Route, way: Way): boolean {
  return route.destination === way.destination && route.prefix === way.prefix && route.gateway === way.gateway;
}

function auditFirewall(host: Host, networks: readonly SandboxNetwork[]): Finding[] {
  const { settings } = host;
  if (settings === undefined) return [];
  try {
    const { missing } = auditEntries(host, settings.table, networks);
    return missing.map(({ owner, text }): Finding => ({ owner, kind: 'firewall', detail: `missing: ${text}` }));
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
    return [{ owner: null, kind: 'table', detail: error.message }];
  }
}

function look(rtnl: Rtnl, six: boolean, bridged = false): View {
  const families = six ? ([4, 6] as const) : ([4] as const);
  const addresses = new Map<number, Set<string>>();
  const routes = new Map<number, Route[]>();
  for (const family of families) {
    for (const { index, address, prefix } of rtnl.collect(dumpAddresses(family), 'RTM_GETADDR dump', parseAddress))
      addresses.set(index, (addresses.get(index) ?? new Set()).add(`${address}/${prefix}`));
    for (const route of rtnl.collect(dumpRoutes(family), 'RTM_GETROUTE dump', parseRoute)) {
      const of = routes.get(route.index);
      if (of === undefined) routes.set(route.index, [route]);
      else of.push(route);
    }
  }
  const links = new Map(rtnl.links(() => true, { counters: false }).map((link) => [link.name, link]));
  const dumped = bridged ? rtnl.collect(dumpPorts(), 'RTM_GETLINK bridge dump', parsePort) : [];
  const ports = new Map(dumped.map(({ index, isolated }) => [index, isolated === true]));
  return { links, ports, addresses, routes };
}
