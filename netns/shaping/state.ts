// What the kernel has on a host link and its IFB, in as few questions as it takes.
import { constants } from 'node:os';
import { SysError } from '../../linux/errors.js';
import type { Host } from '../host.js';
import { RTM } from '../netlink/constants.js';
import { dumpFilters, type Filter, parseFilter } from '../netlink/filter.js';
import { getLink, type Link, parseLink } from '../netlink/link.js';
import { getQdisc, parseQdisc, type Qdisc } from '../netlink/traffic.js';
import { RTM_TC, TC_H } from '../netlink/traffic-constants.js';
import type { Request, Rtnl } from '../rtnl.js';
import { ifbNameFor } from './rate.js';

/** Handle of our buckets. Below 8000:, where the kernel numbers those that are made without one, so never by chance. */
export const BUCKET_HANDLE = 0x0be7_0000;
/** The only class of a bucket: the queue behind it. */
export const BUCKET_CLASS = BUCKET_HANDLE + 1;
/** Priority of our filter. */
export const REDIRECT_PRIORITY = 1000;

const { ENODEV, ENOENT } = constants.errno;

/** A link with its root qdisc (undefined: a default one) and what is behind our bucket, if it is that. */
export interface ShapedLink {
  readonly index: number;
  readonly name: string;
  readonly root: Qdisc | undefined;
  readonly child: Qdisc | undefined;
}

/** Everything that shaping concerns. `hook`: the ingress or clsact qdisc of the host link. */
export interface ShapingState {
  readonly host: ShapedLink;
  readonly hook: Qdisc | undefined;
  readonly filters: readonly Filter[];
  readonly ifb: (ShapedLink & { readonly link: Link }) | undefined;
}

/** Reads all of it; undefined when there is no host link. Two round trips, three with an ingress qdisc. */
export function readState(host: Host, hostLink: string): ShapingState | undefined {
  const ifbName = ifbNameFor(hostLink);
  const links = readLinks(host.rtnl, [hostLink, ifbName]);
  const link = links.find(({ name }) => name === hostLink);
  if (link === undefined) return undefined;
  const ifbLink = links.find(({ name }) => name === ifbName);
  const qdiscs = readQdiscs(host.rtnl, [link, ...(ifbLink === undefined ? [] : [ifbLink])]);
  const hook = qdiscs.find((qdisc) => qdisc.index === link.index && qdisc.parent === TC_H.INGRESS);
  return {
    host: shaped(link, qdiscs),
    hook,
    filters: hook === undefined ? [] : readFilters(host.rtnl, link.index),
    ifb: ifbLink === undefined ? undefined : { ...shaped(ifbLink, qdiscs), link: ifbLink },
  };
}

/** The IFB alone, for a host link that was just made and has nothing yet. */
export function stateOfNew(host: Host, hostLink: string, index: number): ShapingState {
  const [link] = readLinks(host.rtnl, [ifbNameFor(hostLink)]);
  const ifb = link === undefined ? undefined : { ...shaped(link, readQdiscs(host.rtnl, [link])), link };
  return { host: { index, name: hostLink, root: undefined, child: undefined }, hook: undefined, filters: [], ifb };
}

/** Those of the links that exist, in one round trip. */
export function readLinks(rtnl: Rtnl, names: readonly string[]): Link[] {
  const links: Link[] = [];
  const requests = names.map((name): Request => {
    return { message: getLink({ name }), op: 'RTM_GETLINK', path: name, tolerate: [ENODEV] };
  });
  rtnl.transact(requests, (reply) => {
    if (reply.type === RTM.NEWLINK) links.push(parseLink(reply));
  });
  return links;
}

/** Whether it is a bucket that we made. */
export function isOurBucket(qdisc: Qdisc | undefined): qdisc is Qdisc {
  return qdisc?.kind === 'tbf' && qdisc.handle === BUCKET_HANDLE;
}

function readQdiscs(rtnl: Rtnl, links: readonly Link[]): Qdisc[] {
  const qdiscs: Qdisc[] = [];
  const requests = links.flatMap(({ index, name }) =>
    // A class of a qdisc that is not there is ENOENT; EINVAL when the root is another qdisc without classes.
    [TC_H.ROOT, TC_H.INGRESS, BUCKET_CLASS].map((parent): Request => {
      const tolerate = [ENOENT, ENODEV, constants.errno.EINVAL];
      return { message: getQdisc({ index, parent }), op: 'RTM_GETQDISC', path: name, tolerate };
    }),
  );
  rtnl.transact(requests, (reply) => {
    if (reply.type !== RTM_TC.NEWQDISC) return;
    const qdisc = parseQdisc(reply);
    // Handle 0: a default that the kernel put there itself.
    if (qdisc.handle !== 0) qdiscs.push(qdisc);
  });
  return qdiscs;
}

function readFilters(rtnl: Rtnl, index: number): Filter[] {
  return rtnl.collect(dumpFilters(index), 'RTM_GETTFILTER dump', (reply) =>
    reply.type === RTM_TC.NEWTFILTER ? parseFilter(reply) : undefined,
  );
}

function shaped(link: Link, qdiscs: readonly Qdisc[]): ShapedLink {
  const at = (parent: number) => qdiscs.find((qdisc) => qdisc.index === link.index && qdisc.parent === parent);
  return { index: link.index, name: link.name, root: at(TC_H.ROOT), child: at(BUCKET_CLASS) };
}

/** For callers that need the host link. */
export function noHostLink(hostLink: string): SysError {
  return new SysError('RTM_GETLINK', ENODEV, { path: hostLink, note: 'there is no such link to shape' });
}
