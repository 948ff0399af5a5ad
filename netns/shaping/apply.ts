// Shaping of a sandbox's link, the same for the host end of a veth and for a tap on the host. Every step may be repeated.
//
//   towards the workload:   HOSTLINK root: tbf (fq_codel behind it, where the kernel has it)
//   from the workload:      HOSTLINK ingress -> u32, everything -> mirred -> IFB root: tbf (fq_codel) -> back, as if it
//                           had just come in through HOSTLINK
//
// What comes back from an IFB skips the ingress hook (tc_skip_classify, drivers/net/ifb.c): chains of nft's netdev
// family on HOSTLINK do not see it. Those of inet and bridge do.
import { constants } from 'node:os';
import { SysError } from '../../linux/errors.js';
import type { Host } from '../host.js';
import { RTM } from '../netlink/constants.js';
import { deleteFilters, newRedirect } from '../netlink/filter.js';
import { deleteLink, getLink, newIfb, parseLink, setLink } from '../netlink/link.js';
import type { TokenBucket } from '../netlink/token-bucket.js';
import { deleteQdisc, newFairQueue, newIngress, newTokenBucket } from '../netlink/traffic.js';
import { INGRESS_HANDLE, TC_H } from '../netlink/traffic-constants.js';
import type { Request } from '../rtnl.js';
import { disableIpv6 } from '../sysctl.js';
import type { Bandwidth } from '../types.js';
import { namingModule } from './modules.js';
import { assertBandwidth, bucketOf, ifbNameFor } from './rate.js';
import {
  BUCKET_CLASS,
  BUCKET_HANDLE,
  isOurBucket,
  noHostLink,
  REDIRECT_PRIORITY,
  readState,
  type ShapedLink,
  type ShapingState,
  stateOfNew,
} from './state.js';

/** The link of a sandbox and what it should be limited to. `mtu` is that of the link. */
export interface ShapingTarget {
  readonly hostLink: string;
  /** ifalias of the IFB. */
  readonly owner: string;
  readonly mtu: number;
  readonly bandwidth: Bandwidth;
}

export interface ApplyOptions {
  /** Index of the host link that the caller has just made: it has no qdiscs yet, so none are looked for. */
  readonly fresh?: number;
  /** Lets tests fail between steps. */
  readonly afterStep?: (step: string) => void;
}

/** Handle of the queue behind a bucket. */
const QUEUE_HANDLE = 0x0be8_0000;
// fq_codel's own 1024 flows take 64 KiB of each queue, and its 32 MiB of packets are a lot with a thousand sandboxes.
const FLOWS = 128;
const LEAST_QUEUE_MEMORY = 256 * 1024;
const MAX_U32 = 2 ** 32 - 1;
const { EEXIST, EINVAL, ENODEV, ENOENT } = constants.errno;

/**
 * Makes the shaping of the link what `target` says; live, a change of a rate drops nothing and no connection notices
 * more than the rate. Without limits on a fresh link nothing is sent. Throws SysError: EINVAL for a wrong rate before
 * any effect, ENODEV without the link, EEXIST when the name of the IFB is taken, and for a missing kernel module one
 * that names it.
 */
export function applyBandwidth(host: Host, target: ShapingTarget, options: ApplyOptions = {}): void {
  const { bandwidth, mtu, hostLink, owner } = target;
  const { fresh, afterStep = () => {} } = options;
  assertBandwidth(bandwidth, mtu);
  const { ingress, egress } = bandwidth;
  if (fresh !== undefined && ingress === null && egress === null) return;
  const state = fresh === undefined ? readState(host, hostLink) : stateOfNew(host, hostLink, fresh);
  if (state === undefined) throw noHostLink(hostLink);
  if (egress !== null) refuseForeignIfb(state, owner);
  const towards = ingress === null ? withoutBucket(state.host) : withBucket(host, state.host, bucketOf(ingress, mtu));
  if (egress === null) {
    send(host, [...towards, ...withoutEgress(state, owner)]);
    afterStep('cleared');
    return;
  }
  const ifb = provideIfb(host, state, target, towards);
  afterStep('ifb');
  disableIpv6(host.procfs, ifb.name);
  afterStep('ipv6');
  send(host, [
    ...withBucket(host, ifb, bucketOf(egress, mtu)),
    // Up before anything is sent to it: mirred drops what is for a link that is down.
    { message: setLink({ index: ifb.index, up: true }), op: 'RTM_SETLINK', path: ifb.name, value: 'up' },
  ]);
  afterStep('ifb-up');
  send(host, withRedirect(state, ifb));
  afterStep('redirect');
}

function refuseForeignIfb({ ifb }: ShapingState, owner: string): void {
  if (ifb === undefined || ifb.link.alias === owner) return;
  const holder = ifb.link.alias === undefined ? 'something without an owner tag' : JSON.stringify(ifb.link.alias);
  const note = `a link of this name belongs to ${holder}`;
  throw new SysError('RTM_NEWLINK', EEXIST, { path: ifb.name, value: owner, note });
}

/** The IFB, and in the same send `more` and the hook for the filter. */
function provideIfb(host: Host, state: ShapingState, target: ShapingTarget, more: readonly Request[]): ShapedLink {
  const { ifb } = state;
  const { owner, mtu } = target;
  const hook = { message: newIngress(state.host.index), op: 'RTM_NEWQDISC ingress', path: state.host.name };
  const requests: Request[] = [...more, { ...hook, tolerate: [EEXIST] }];
  if (ifb !== undefined) {
    const message = setLink({ index: ifb.index, mtu });
    if (ifb.link.mtu !== mtu) requests.push({ message, op: 'RTM_SETLINK', path: ifb.name, value: `mtu ${mtu}` });
    send(host, requests);
    return ifb;
  }
  const name = ifbNameFor(target.hostLink);
  let index: number | undefined;
  requests.push(
    { message: newIfb({ name, mtu }), op: 'RTM_NEWLINK ifb', path: name },
    { message: setLink({ name, alias: owner }), op: 'RTM_SETLINK', path: name, value: owner },
    { message: getLink({ name }), op: 'RTM_GETLINK', path: name },
  );
  send(host, requests, (link) => {
    index = link;
  });
  if (index === undefined)
    throw new SysError('RTM_GETLINK', ENODEV, { path: name, note: 'vanished right after creation' });
  return { index, name, root: undefined, child: undefined };
}

/** Also where the bucket is right: the kernel then repairs a queue that someone has taken from behind it. */
function withBucket(host: Host, link: ShapedLink, bucket: TokenBucket): Request[] {
  const { index, name, root } = link;
  const ours = isOurBucket(root);
  const place = { index, parent: TC_H.ROOT, handle: BUCKET_HANDLE };
  const value = `${bucket.bytesPerSecond * 8} bit/s, burst ${bucket.burstBytes} bytes`;
  const requests: Request[] = [
    ...(root === undefined || ours ? [] : [remove(link)]),
    { message: newTokenBucket(place, bucket), op: 'RTM_NEWQDISC tbf', path: name, value },
  ];
  if (host.fairQueues === false) return requests;
  const queue = { index, parent: BUCKET_CLASS, handle: QUEUE_HANDLE };
  const existing = ours && link.child?.kind === 'fq_codel' && link.child.handle === QUEUE_HANDLE;
  const memoryBytes = Math.min(MAX_U32, Math.max(LEAST_QUEUE_MEMORY, 2 * bucket.limitBytes));
  const message = newFairQueue(queue, existing ? { memoryBytes } : { memoryBytes, flows: FLOWS });
  requests.push({ message, op: FAIR_QUEUE, path: name, tolerate: [ENOENT] });
  return requests;
}

const FAIR_QUEUE = 'RTM_NEWQDISC fq_codel';

function withoutBucket(link: ShapedLink): Request[] {
  return isOurBucket(link.root) ? [remove(link)] : [];
}

function remove({ index, name }: ShapedLink): Request {
  const message = deleteQdisc({ index, parent: TC_H.ROOT, handle: 0 });
  return { message, op: 'RTM_DELQDISC', path: name, tolerate: [ENOENT] };
}

/** One replaced filter is a moment without limit, so one that is right stays. */
function withRedirect(state: ShapingState, ifb: ShapedLink): Request[] {
  const { index, name } = state.host;
  const ours = state.filters.filter(({ priority }) => priority === REDIRECT_PRIORITY);
  if (ours.some(({ redirect }) => redirect === ifb.index)) return [];
  const message = newRedirect(index, REDIRECT_PRIORITY, ifb.index);
  const stale: Request[] = ours.length === 0 ? [] : [removeFilters(state)];
  return [...stale, { message, op: 'RTM_NEWTFILTER', path: name, value: `redirect to ${ifb.name}` }];
}

/** The filter goes before the IFB: a redirect to nowhere drops everything. */
function withoutEgress(state: ShapingState, owner: string): Request[] {
  const { hook, filters, ifb, host } = state;
  const requests: Request[] = [];
  if (hook?.kind === 'ingress' && filters.every(({ priority }) => priority === REDIRECT_PRIORITY)) {
    const place = { index: host.index, parent: TC_H.INGRESS, handle: INGRESS_HANDLE };
    const tolerate = [ENOENT, EINVAL];
    requests.push({ message: deleteQdisc(place), op: 'RTM_DELQDISC ingress', path: host.name, tolerate });
  } else if (filters.some(({ priority }) => priority === REDIRECT_PRIORITY)) {
    requests.push(removeFilters(state));
  }
  if (ifb?.link.alias === owner) {
    requests.push({ message: deleteLink(ifb.index), op: 'RTM_DELLINK', path: ifb.name, tolerate: [ENODEV] });
  }
  return requests;
}

function removeFilters({ host: { index, name } }: ShapingState): Request {
  const message = deleteFilters(index, REDIRECT_PRIORITY);
  return { message, op: 'RTM_DELTFILTER', path: name, tolerate: [ENOENT, EINVAL] };
}

/** Sends, and learns from the answer whether this kernel has fq_codel, as each attempt may look for its module. */
function send(host: Host, requests: readonly Request[], found: (index: number) => void = () => {}): void {
  const results = namingModule(() =>
    host.rtnl.transact(requests, (reply) => {
      if (reply.type === RTM.NEWLINK) found(parseLink(reply).index);
    }),
  );
  const position = requests.findIndex(({ op }) => op === FAIR_QUEUE);
  if (position >= 0) host.fairQueues = results[position] === 0;
}
