// From a rate to a token bucket, and what is refused. Pure.
import { constants } from 'node:os';
import { SysError } from '../../linux/errors.js';
import { sameTokenBucket, type TokenBucket } from '../netlink/token-bucket.js';
import type { Bandwidth, Rate } from '../types.js';

/** Below it ten packets take more than two seconds; beyond it nobody has a network. */
export const RATE_LIMITS = { min: 64_000, max: 1e12 } as const;
/** A burst for longer than that is no limit any more, it lets through what it should hold. */
export const MAX_BURST_SECONDS = 60;

const BURST_SECONDS = 0.005;
const BURST_PACKETS = 10;
/** What may wait: enough for one TCP connection to fill the rate, and no more delay than a slow DSL line has. */
const QUEUE_SECONDS = 0.05;
/** Ethernet header and one VLAN tag: a bucket smaller than a full frame drops every such frame (tbf_enqueue). */
const FRAME_BYTES = 18;
const MAX_U32 = 2 ** 32 - 1;

/** Throws SysError EINVAL that names the field, the value and the rule. `mtu` is that of the link. */
export function assertBandwidth(bandwidth: Bandwidth, mtu: number): void {
  for (const direction of ['ingress', 'egress'] as const) {
    const rate = bandwidth[direction];
    if (rate !== null) assertRate(rate, mtu, `bandwidth.${direction}`);
  }
}

function assertRate(rate: Rate, mtu: number, field: string): void {
  const { bitsPerSecond, burstBytes } = rate;
  const { min, max } = RATE_LIMITS;
  if (!Number.isInteger(bitsPerSecond) || bitsPerSecond < min || bitsPerSecond > max) {
    refuse(`${field}.bitsPerSecond`, bitsPerSecond, `an integer, ${min} to ${max} bit/s`);
  }
  if (burstBytes === null) return;
  const least = mtu + FRAME_BYTES;
  const most = Math.min(MAX_U32, Math.floor((bitsPerSecond / 8) * MAX_BURST_SECONDS));
  if (!Number.isInteger(burstBytes) || burstBytes < least || burstBytes > most) {
    const rule = `an integer, ${least} (one full frame) to ${most} (${MAX_BURST_SECONDS} s of the rate) bytes`;
    refuse(`${field}.burstBytes`, burstBytes, rule);
  }
}

function refuse(path: string, value: number, rule: string): never {
  throw new SysError('network', constants.errno.EINVAL, { path, value: String(value), note: `must be ${rule}` });
}

/** The bucket of a rate that `assertBandwidth` accepts; fractions of bytes are cut off. */
export function bucketOf(rate: Rate, mtu: number): TokenBucket {
  const bytesPerSecond = Math.floor(rate.bitsPerSecond / 8);
  const burstBytes = rate.burstBytes ?? Math.max(Math.floor(bytesPerSecond * BURST_SECONDS), BURST_PACKETS * mtu);
  // The burst on top, as a sender may hand over that much at once (one GSO packet becomes 44 frames).
  const limitBytes = Math.min(MAX_U32, burstBytes + Math.floor(bytesPerSecond * QUEUE_SECONDS));
  return { bytesPerSecond, burstBytes, limitBytes };
}

/** Whether a bucket of the kernel is the one of this rate. */
export function fits(bucket: TokenBucket, rate: Rate, mtu: number): boolean {
  return sameTokenBucket(bucket, bucketOf(rate, mtu));
}

/**
 * The IFB of a host link: the first letter in upper case. Prefixes of host links are in lower case, so that no host
 * link has such a name, and it needs none of the 15 characters.
 */
export function ifbNameFor(hostLink: string): string {
  return hostLink.charAt(0).toUpperCase() + hostLink.slice(1);
}
