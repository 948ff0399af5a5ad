// The host end of a sandbox: half of a veth pair, or a tap.
import { constants } from 'node:os';
import { SysError } from '../../linux/errors.js';
import { makePersistentTap } from '../../linux/tuntap.js';
import type { Host } from '../host.js';
import { deleteLink, type Link, newVeth, setLink } from '../netlink/link.js';
import type { OpenNamespace } from '../open-namespace.js';
import { findPair, innerNameOf } from '../ownership.js';
import type { Request, Rtnl } from '../rtnl.js';
import { settle } from './face.js';
import type { Base } from './layout.js';

const { EBUSY, EEXIST, ENODEV } = constants.errno;

// Fixed, as it is on no shared segment: a random one would be replaced by udev (MACAddressPolicy=persistent in
// systemd.link(5)) behind the back of a guest that has the gateway in its ARP table.
export const GATEWAY_MAC = 'ee:ee:ee:ee:ee:ee';

/** The host end; `fresh`: made just now, so that nothing hangs on it. */
export interface HostEnd {
  readonly link: Link;
  readonly fresh: boolean;
}

/** The pair with the inner link in the namespace; an existing one is kept and mended. */
export function providePair(host: Host, inside: OpenNamespace, network: Base): HostEnd {
  const { hostLink, owner, mac, mtu, group } = network;
  const name = innerNameOf(network);
  const outerMac = hostMac(network);
  const existing = host.rtnl.link({ name: hostLink });
  if (existing !== undefined) {
    const pair = findPair(existing, inside, name);
    if (pair.fits && pair.inner !== undefined) {
      host.rtnl.transact(adjustments(existing, { ...outerMac, mtu, alias: owner }));
      inside.rtnl.transact(adjustments(pair.inner, { mac, mtu, alias: owner }));
      return { link: existing, fresh: false };
    }
    if (renamedInside(host, inside, existing, network)) return providePair(host, inside, network);
    // Half of an older pair whose namespace is gone or going.
    remove(host, existing);
  } else if (renamedOutside(host, inside, network)) return providePair(host, inside, network);
  const peer = { name, mac, mtu, netnsFd: inside.fd };
  const make = (tolerate: readonly number[]) =>
    host.rtnl.transact([
      {
        message: newVeth({ name: hostLink, ...outerMac, mtu, group }, peer),
        op: 'RTM_NEWLINK',
        path: hostLink,
        tolerate,
      },
      { message: setLink({ name: hostLink, alias: owner }), op: 'RTM_SETLINK', path: hostLink, value: owner, tolerate },
    ]);
  const [made] = make([EEXIST, ENODEV]);
  if (made !== 0) {
    removeStray(host, inside, network);
    make([]);
  }
  return { link: found(host, hostLink), fresh: true };
}

/** The far end of `outer` is in the namespace under another name: it gets its own back, and connections go on. */
function renamedInside(host: Host, inside: OpenNamespace, outer: Link, network: Base): boolean {
  const name = innerNameOf(network);
  if (outer.peer === undefined || host.rtnl.nsid(inside.fd) !== outer.peerNetns) return false;
  const inner = inside.rtnl.link({ index: outer.peer });
  if (inner?.peer !== outer.index || inner.name === name) return false;
  const stray = inside.rtnl.link({ name });
  if (stray !== undefined) removeInside(inside, stray, network);
  rename(inside.rtnl, inner, name);
  return true;
}

/** The same of the host end. */
function renamedOutside(host: Host, inside: OpenNamespace, network: Base): boolean {
  const { hostLink, owner } = network;
  const inner = inside.rtnl.link({ name: innerNameOf(network) });
  const outer = inner?.peer === undefined ? undefined : host.rtnl.link({ index: inner.peer });
  if (inner === undefined || outer?.peer !== inner.index || outer.alias !== owner) return false;
  if (outer.peerNetns !== host.rtnl.nsid(inside.fd)) return false;
  rename(host.rtnl, outer, hostLink);
  return true;
}

/** Before Linux 6.2 a link must be down for that; its routes are lost with it, and come with the rest of the recipe. */
function rename(rtnl: Rtnl, link: Link, name: string): void {
  const to = (tolerate: readonly number[]): Request => ({ ...settle(link, { name }, link.name), tolerate });
  if (rtnl.transact([to([EBUSY])])[0] === 0) return;
  rtnl.transact([settle(link, { up: false }, link.name), to([]), settle(link, { up: true }, name)]);
}

/**
 * Somebody made a link of this name inside, or moved the host end away: the name is wanted. Only a link of ours goes,
 * or one in a namespace that is ours whole.
 */
function removeStray(host: Host, inside: OpenNamespace, network: Base): void {
  const inner = inside.rtnl.link({ name: innerNameOf(network) });
  if (inner === undefined) return;
  const outer = inner.peer === undefined ? undefined : host.rtnl.link({ index: inner.peer });
  if (outer !== undefined && outer.peer === inner.index && outer.alias === network.owner) remove(host, outer);
  else removeInside(inside, inner, network);
}

function removeInside(inside: OpenNamespace, { index, name }: Link, { given }: Base): void {
  if (given !== undefined) {
    const note = 'the namespace has another link of this name';
    throw new SysError('RTM_NEWLINK', EEXIST, { path: name, value: given.path, note });
  }
  inside.rtnl.transact([{ message: deleteLink(index), op: 'RTM_DELLINK', path: name }]);
}

function remove(host: Host, link: Link): void {
  host.rtnl.transact([{ message: deleteLink(link.index), op: 'RTM_DELLINK', path: link.name }]);
}

/** The tap of a VMM that runs in the host's namespace. */
export function provideHostTap(host: Host, network: Base): HostEnd {
  const { hostLink, owner, mtu, tap } = network;
  const wanted = { ...hostMac(network), mtu, alias: owner };
  const existing = host.rtnl.link({ name: hostLink });
  if (existing === undefined && tap !== null) makePersistentTap(hostLink, tap);
  const link = existing ?? found(host, hostLink);
  host.rtnl.transact(adjustments(link, wanted));
  return { link, fresh: existing === undefined };
}

// On a bridge the MAC must be the link's own: the bridge takes the lowest of its ports as its address.
function hostMac({ attachment }: Base): { mac?: string } {
  return attachment.mode === 'routed' ? { mac: GATEWAY_MAC } : {};
}

function found(host: Host, name: string): Link {
  const link = host.rtnl.link({ name });
  if (link !== undefined) return link;
  throw new SysError('RTM_GETLINK', constants.errno.ENODEV, { path: name, note: 'vanished right after creation' });
}

function adjustments(link: Link, wanted: { mac?: string; mtu: number; alias: string }): Request[] {
  const changed = {
    ...(wanted.mac === undefined || link.mac === wanted.mac ? {} : { mac: wanted.mac }),
    ...(link.mtu === wanted.mtu ? {} : { mtu: wanted.mtu }),
    ...(link.alias === wanted.alias ? {} : { alias: wanted.alias }),
  };
  return Object.keys(changed).length === 0 ? [] : [settle(link, changed, link.name)];
}
