// Amounts as people write them: sizes, durations, cores. One zod type each, for specs, configuration and protocol alike.
import * as z from 'zod';
import { exactDuration, formatSize, parseCores, parseDuration, parseSize } from '../units.js';

/** Ten years. Longer waits are a slip of the finger, and dates beyond the year 275760 do not exist. */
export const LONGEST = '3650d';

/** Characters of one amount. */
const MOST_TEXT = 64;

export interface Bounds {
  readonly least?: string;
  readonly most?: string;
}

/** Kept as text, for the configuration: `berth config dump` shows what was written. Read it with parseDuration. */
export function duration({ least = '0s', most = LONGEST }: Bounds = {}) {
  const from = exactDuration(least) ?? 0;
  const to = exactDuration(most) ?? 0;
  return z.string().superRefine((text, ctx) => {
    const ms = exactDuration(text);
    const say = (message: string): void => ctx.addIssue({ code: 'custom', message });
    if (ms === undefined) say('must be a duration such as "500ms", "30s", "5m" or "7d"');
    else if (ms < from || ms > to) say(`must be a duration from ${least} to ${most}`);
  });
}

/** Milliseconds of a duration that the schema has accepted. */
export function millisecondsOf(text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined) throw new RangeError(`not a duration: ${JSON.stringify(text)}`);
  return ms;
}

/** Whole microseconds: what the kernel's files take. A checked value is the number. */
export function microseconds(least: number, most: number) {
  const bounds = `from ${least / 1000}ms to ${most / 1000}ms`;
  return z.union([z.string().max(MOST_TEXT), z.number()]).transform((value, ctx) => {
    const exact = typeof value === 'number' ? value : (exactDuration(value) ?? Number.NaN) * 1000;
    // 0.3 ms is 299.99999999999994 us to the processor.
    const usec = Math.round(exact);
    if (Math.abs(usec - exact) < 1e-6 && usec >= least && usec <= most) return usec;
    ctx.addIssue({
      code: 'custom',
      message: `must be a duration ${bounds} in whole microseconds, such as "20ms" (a number: microseconds)`,
    });
    return z.NEVER;
  });
}

const SIZE_RULE = 'must be a size such as "512Mi" or "1G", below 8192Ti';

/** Kept as text, for the configuration. Read it with parseSize. `least` in bytes. */
export function sizeText(least = 0) {
  const tooSmall = `must be at least ${formatSize(least)}`;
  return z
    .string()
    .refine((text) => parseSize(text) !== undefined, SIZE_RULE)
    .refine((text) => (parseSize(text) ?? least) >= least, tooSmall);
}

/** A checked value is the number of bytes. */
export const size = z
  .union([z.string().max(MOST_TEXT), z.number()])
  .transform((value, ctx) => {
    const bytes = typeof value === 'number' ? value : parseSize(value);
    if (bytes !== undefined && Number.isSafeInteger(bytes) && bytes >= 0) return bytes;
    ctx.addIssue({ code: 'custom', message: 'must be a size such as "128Mi" or "1G", below 8192Ti' });
    return z.NEVER;
  })
  .meta({ description: 'bytes, or a string with Ki Mi Gi Ti (binary) or K M G T (decimal)' });

/** Cores as a number, or text such as `"500m"`. A checked value is the number. */
export function cores(least: number, most: number) {
  return z.union([z.number(), z.string().max(MOST_TEXT)]).transform((value, ctx) => {
    const amount = typeof value === 'number' ? value : parseCores(value);
    if (amount !== undefined && amount >= least && amount <= most) return amount;
    const rule =
      amount === undefined
        ? 'must be a number of cores such as 0.5 or "500m"'
        : `must be at ${amount < least ? `least ${least}` : `most ${most}`}`;
    ctx.addIssue({ code: 'custom', message: rule });
    return z.NEVER;
  });
}

/** 65535 without the Ethernet header: the greatest of a tap (MAX_MTU in drivers/net/tun.c). */
const MOST_MTU = 65_521;

/** MTU of a link, from what every IPv4 host takes (RFC 791) to what every kind of link carries. */
export const mtu = z.number().int().min(576).max(MOST_MTU);
