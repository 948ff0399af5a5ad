// Options of the tbf qdisc (tc-tbf(8), net/sched/sch_tbf.c): a token bucket in front of a queue.
import { attribute, eachAttribute, readU64, u32, u64 } from './attribute.js';
import { TC_LINKLAYER_ETHERNET, TCA_TBF } from './traffic-constants.js';

/** `burstBytes` may pass at once; `limitBytes` may wait, if the queue behind is the bucket's own bfifo. */
export interface TokenBucket {
  readonly bytesPerSecond: number;
  readonly burstBytes: number;
  readonly limitBytes: number;
}

/** struct tc_tbf_qopt: two of struct tc_ratespec (rate, peak rate), limit, buffer, mtu. */
const QOPT = { size: 36, linklayer: 1, rate: 8, limit: 24, buffer: 28 } as const;
const MAX_U32 = 0xffffffff;
/** Unit of `buffer`: 1 << PSCHED_SHIFT (include/net/pkt_sched.h); /proc/net/psched tells it to tc. */
const TICK_NANOSECONDS = 64;

/**
 * Children of TCA_OPTIONS. The link layer makes the kernel compute times itself; only TC_LINKLAYER_UNAWARE needs the
 * rate tables that tc still sends. TCA_TBF_BURST (3.14) replaces `buffer`, which is a time and would be rounded.
 */
export function encodeTokenBucket(bucket: TokenBucket): Buffer[] {
  const qopt = Buffer.alloc(QOPT.size);
  qopt.writeUInt8(TC_LINKLAYER_ETHERNET, QOPT.linklayer);
  qopt.writeUInt32LE(Math.min(bucket.bytesPerSecond, MAX_U32), QOPT.rate);
  qopt.writeUInt32LE(bucket.limitBytes, QOPT.limit);
  const options = [attribute(TCA_TBF.PARMS, qopt), u32(TCA_TBF.BURST, bucket.burstBytes)];
  if (bucket.bytesPerSecond > MAX_U32) options.push(u64(TCA_TBF.RATE64, bucket.bytesPerSecond));
  return options;
}

/** Reads the children of TCA_OPTIONS. The kernel reports no TCA_TBF_BURST: the burst is then that of `buffer`. */
export function decodeTokenBucket(buffer: Buffer, start: number, end: number): TokenBucket | undefined {
  let parms: number | undefined;
  let rate64: number | undefined;
  let burst: number | undefined;
  eachAttribute(buffer, start, end, (type, from, to) => {
    if (type === TCA_TBF.PARMS && to - from >= QOPT.size) parms = from;
    else if (type === TCA_TBF.RATE64) rate64 = readU64(buffer, from);
    else if (type === TCA_TBF.BURST) burst = buffer.readUInt32LE(from);
  });
  if (parms === undefined) return undefined;
  const bytesPerSecond = rate64 ?? buffer.readUInt32LE(parms + QOPT.rate);
  const seconds = (buffer.readUInt32LE(parms + QOPT.buffer) * TICK_NANOSECONDS) / 1e9;
  return {
    bytesPerSecond,
    burstBytes: burst ?? Math.round(bytesPerSecond * seconds),
    limitBytes: buffer.readUInt32LE(parms + QOPT.limit),
  };
}

/** Whether the kernel's report `actual` is what `wanted` became: it stores a burst as a time in ticks, rounded down. */
export function sameTokenBucket(actual: TokenBucket, wanted: TokenBucket): boolean {
  const tick = (wanted.bytesPerSecond * TICK_NANOSECONDS) / 1e9;
  // The kernel's scaled division (psched_ratecfg_precompute) is exact to some parts in 10^6.
  const tolerance = 1 + tick + wanted.burstBytes * 1e-5;
  return (
    actual.bytesPerSecond === wanted.bytesPerSecond &&
    actual.limitBytes === wanted.limitBytes &&
    Math.abs(actual.burstBytes - wanted.burstBytes) <= tolerance
  );
}
