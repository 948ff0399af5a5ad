// Quantities as people write them. Binary suffixes (Ki Mi Gi Ti) and decimal ones (K M G T) are both accepted and
// mean what they say; a bare number is bytes.

const FACTORS: Readonly<Record<string, number>> = {
  '': 1,
  K: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
};

/**
 * `"128Mi"` -> 134217728, or undefined when it is not a size. Fractions of a unit are allowed and rounded down to a byte;
 * there are no fractions of a byte, and what is more than nothing does not become 0.
 */
export function parseSize(text: string): number | undefined {
  const match = /^(\d+)(?:(\.\d+)?(Ki|Mi|Gi|Ti|K|M|G|T))?$/.exec(text);
  if (!match) return undefined;
  const amount = Number(`${match[1]}${match[2] ?? ''}`);
  const bytes = Math.floor(amount * (FACTORS[match[3] ?? ''] ?? 1));
  return Number.isSafeInteger(bytes) && (bytes > 0 || amount === 0) ? bytes : undefined;
}

/** 134217728 -> `"128Mi"`: the largest binary unit that needs at most one decimal, for people and refusals. */
export function formatSize(bytes: number): string {
  const sign = bytes < 0 ? '-' : '';
  let value = Math.abs(bytes);
  for (const unit of ['', 'Ki', 'Mi', 'Gi', 'Ti']) {
    if (value < 1024 || unit === 'Ti') return `${sign}${Number(value.toFixed(1))}${unit}`;
    value /= 1024;
  }
  return `${sign}${value}`;
}

/** `"100Mbit"` -> 100000000 bits a second, or undefined when it is not a rate. Decimal, as tc(8) and every NIC count. */
export function parseRate(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)([KMGT])bit$/.exec(text);
  if (!match) return undefined;
  return Math.round(Number(match[1]) * (FACTORS[match[2] ?? ''] ?? 1));
}

/** 100000000 -> `"100Mbit"`: the largest unit that needs at most three decimals. */
export function formatRate(bitsPerSecond: number): string {
  const unit = (['G', 'M'] as const).find((name) => bitsPerSecond >= (FACTORS[name] ?? 1)) ?? 'K';
  return `${Number((bitsPerSecond / (FACTORS[unit] ?? 1)).toFixed(3))}${unit}bit`;
}

const MILLISECONDS: Readonly<Record<string, number>> = {
  us: 0.001,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/** `"1.5ms"` -> 1.5: milliseconds as written, not rounded; undefined when it is not a duration. */
export function exactDuration(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(us|ms|s|m|h|d|w)$/.exec(text);
  return match ? Number(match[1]) * (MILLISECONDS[match[2] ?? ''] ?? 1) : undefined;
}

/** `"50ms"`, `"30s"`, `"5m"`, `"2h"`, `"7d"`, `"2w"` -> whole milliseconds, or undefined. Only zero becomes 0. */
export function parseDuration(text: string): number | undefined {
  const ms = exactDuration(text);
  if (ms === undefined) return undefined;
  return ms > 0 ? Math.max(1, Math.round(ms)) : 0;
}

/** `"500m"` -> 0.5, `"2"` -> 2: cores as Kubernetes writes them; undefined for anything else. */
export function parseCores(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(m?)$/.exec(text);
  return match ? Number(match[1]) / (match[2] === 'm' ? 1000 : 1) : undefined;
}
