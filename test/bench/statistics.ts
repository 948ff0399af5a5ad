// What is made of the measured values. Pure.

/** Values as they were measured, one array for each round. */
export type Rounds = readonly (readonly number[])[];

/** Percentiles by nearest rank: each is a value that was measured, none is interpolated. */
export interface Summary {
  readonly p10: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
}

/** A bound on the ratio. `atLeast`: theirs / ours, how many times faster. `atMost`: ours / theirs. */
export type Target = { readonly atLeast: number } | { readonly atMost: number };

/** The smallest value that at least `fraction` (0 to 1) of all values do not exceed. Throws RangeError when there is none. */
export function percentile(values: readonly number[], fraction: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const value = sorted[Math.max(0, Math.ceil(fraction * sorted.length) - 1)];
  if (value === undefined) throw new RangeError('no value was measured');
  return value;
}

export function summarise(rounds: Rounds): Summary {
  const values = rounds.flat();
  return {
    p10: percentile(values, 0.1),
    p50: percentile(values, 0.5),
    p90: percentile(values, 0.9),
    p99: percentile(values, 0.99),
  };
}

/** The ratio of two values, in the direction in which the target bounds it; without a target theirs / ours. */
export function ratioOf(ours: number, theirs: number, target: Target | null): number {
  return target !== null && 'atMost' in target ? ours / theirs : theirs / ours;
}

/** Lowest and highest ratio of the medians among the rounds that both have: how far the ratio itself is to be trusted. */
export function ratioRange(ours: Rounds, theirs: Rounds, target: Target | null): readonly [number, number] {
  const ratios = ours.flatMap((mine, round) => {
    const other = theirs[round];
    return other === undefined ? [] : [ratioOf(percentile(mine, 0.5), percentile(other, 0.5), target)];
  });
  return [Math.min(...ratios), Math.max(...ratios)];
}

export function isMet(ratio: number, target: Target): boolean {
  return 'atLeast' in target ? ratio >= target.atLeast : ratio <= target.atMost;
}

/** `>= 14` or `<= 1.15`. */
export function targetText(target: Target): string {
  return 'atLeast' in target ? `>= ${target.atLeast}` : `<= ${target.atMost}`;
}
