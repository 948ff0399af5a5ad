// What is really limited, and how it differs from what should be.
import type { Host } from '../host.js';
import type { Bandwidth, Rate } from '../types.js';
import type { ShapingTarget } from './apply.js';
import { bucketOf, fits, ifbNameFor } from './rate.js';
import { isOurBucket, REDIRECT_PRIORITY, readLinks, readState, type ShapedLink, type ShapingState } from './state.js';

/** A limit as the kernel has it, its burst as the kernel rounds it. Counters since the bucket was made. */
export interface RateState {
  readonly bitsPerSecond: number;
  readonly burstBytes: number;
  readonly limitBytes: number;
  readonly droppedPackets: number;
  readonly queuedBytes: number;
}

/** null: not limited by us; egress also when a link of its chain is missing. */
export interface BandwidthState {
  readonly ingress: RateState | null;
  readonly egress: RateState | null;
}

/** What the kernel does to the link now; a link that does not exist is not limited. Throws SysError. */
export function readBandwidth(host: Host, hostLink: string): BandwidthState {
  const state = readState(host, hostLink);
  if (state === undefined) return { ingress: null, egress: null };
  return { ingress: rateState(state.host), egress: brokenEgress(state) === undefined ? rateState(state.ifb) : null };
}

/** One sentence for each difference between `target` and the kernel; none when it fits. Throws SysError. */
export function auditBandwidth(host: Host, target: ShapingTarget): string[] {
  const { hostLink, bandwidth, mtu } = target;
  const state = readState(host, hostLink);
  if (state === undefined) return isUnlimited(bandwidth) ? [] : [`${hostLink} does not exist, so it is not shaped`];
  const differences = [difference(state.host, bandwidth.ingress, mtu, 'towards the workload')];
  if (bandwidth.egress !== null) {
    differences.push(brokenEgress(state) ?? difference(state.ifb, bandwidth.egress, mtu, 'from the workload'));
  } else if (redirects(state).length > 0 || state.ifb !== undefined) {
    differences.push(`${hostLink} is not to be limited from the workload, but ${ifbNameFor(hostLink)} is left`);
  }
  return differences.filter((sentence) => sentence !== undefined);
}

/**
 * The links that exist only for the shaping of each sandbox: index of the IFB with the owner's tag, or undefined. They
 * do not go with the host link. One round trip for all.
 */
export function shapingLinks(
  host: Host,
  sandboxes: readonly { readonly hostLink: string | null; readonly owner: string }[],
): (number | undefined)[] {
  const names = sandboxes.map(({ hostLink }) => (hostLink === null ? undefined : ifbNameFor(hostLink)));
  const links = readLinks(
    host.rtnl,
    names.filter((name) => name !== undefined),
  );
  return sandboxes.map(
    ({ owner }, position) => links.find(({ name, alias }) => name === names[position] && alias === owner)?.index,
  );
}

function isUnlimited({ ingress, egress }: Bandwidth): boolean {
  return ingress === null && egress === null;
}

function rateState(link: ShapedLink | undefined): RateState | null {
  const root = link?.root;
  if (!isOurBucket(root) || root.bucket === undefined) return null;
  const { bytesPerSecond, burstBytes, limitBytes } = root.bucket;
  const { dropped = 0, queuedBytes = 0 } = root.counters ?? {};
  return { bitsPerSecond: bytesPerSecond * 8, burstBytes, limitBytes, droppedPackets: dropped, queuedBytes };
}

function redirects({ filters }: ShapingState): number[] {
  const ours = filters.filter(({ priority }) => priority === REDIRECT_PRIORITY);
  return ours.map(({ redirect }) => redirect).filter((index) => index !== undefined);
}

/** Why nothing that the workload sends reaches the bucket of the IFB; undefined when it does. */
function brokenEgress(state: ShapingState): string | undefined {
  const { host, ifb } = state;
  if (ifb === undefined) return `${ifbNameFor(host.name)}, which limits what ${host.name} receives, does not exist`;
  if (!redirects(state).includes(ifb.index)) return `${host.name} does not redirect what it receives to ${ifb.name}`;
  return ifb.link.up ? undefined : `${ifb.name} is down, so what ${host.name} receives is dropped`;
}

function difference(
  link: ShapedLink | undefined,
  wanted: Rate | null,
  mtu: number,
  direction: string,
): string | undefined {
  if (link === undefined) return undefined;
  const { name, root } = link;
  if (wanted === null) return isOurBucket(root) ? `${name} is limited ${direction}, but should not be` : undefined;
  const bucket = isOurBucket(root) ? root.bucket : undefined;
  const should = `should be limited to ${wanted.bitsPerSecond} bit/s ${direction}`;
  if (bucket === undefined)
    return `${name} ${should}, but has ${root === undefined ? 'no limit' : `the qdisc ${root.kind}`}`;
  if (fits(bucket, wanted, mtu)) return undefined;
  const { burstBytes } = bucketOf(wanted, mtu);
  const has = `${bucket.bytesPerSecond * 8} bit/s with a burst of ${bucket.burstBytes} and a queue of ${bucket.limitBytes} bytes`;
  return `${name} ${should} with a burst of ${burstBytes} bytes, but has ${has}`;
}
