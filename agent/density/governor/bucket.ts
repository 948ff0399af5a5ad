// A token bucket as a value: a start takes one token, and they come back at the rate of the moment.

export interface Bucket {
  readonly tokens: number;
  /** When `tokens` was true, ms. */
  readonly at: number;
}

/** Tokens are never more than `burst`. A clock that has not moved changes nothing. */
export function refill(bucket: Bucket, rate: number, burst: number, now: number): Bucket {
  const elapsed = Math.max(0, now - bucket.at);
  return { tokens: Math.min(burst, bucket.tokens + (elapsed / 1000) * rate), at: Math.max(now, bucket.at) };
}

/** Undefined: there is no whole token. Thousandths are forgiven: a timer that fires on time must find its token. */
export function take(bucket: Bucket): Bucket | undefined {
  return bucket.tokens < 1 - 1e-6 ? undefined : { ...bucket, tokens: Math.max(0, bucket.tokens - 1) };
}

/** Milliseconds until there is a whole token. */
export function untilToken(bucket: Bucket, rate: number): number {
  return bucket.tokens >= 1 ? 0 : Math.ceil(((1 - bucket.tokens) / rate) * 1000);
}
