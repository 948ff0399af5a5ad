// Numbers that look random and are the same every time. Each workload has a stream of its own, so that another policy does
// not give it another life.

export interface Random {
  /** 0 <= x < 1 */
  uniform(): number;
  /** Mean 0, deviation 1. */
  normal(): number;
  /** With this mean. */
  exponential(mean: number): number;
  /** Heavy-tailed: median, and how much longer the long ones are (sigma of the logarithm). */
  logNormal(median: number, sigma: number): number;
  /** One of them, by weight. */
  pick<T extends { readonly weight: number }>(choices: readonly T[]): T;
}

/** mulberry32, seeded by FNV-1a of the words. */
export function randomOf(...seed: readonly (string | number)[]): Random {
  let state = 2_166_136_261;
  for (const char of seed.join('/')) state = Math.imul(state ^ char.charCodeAt(0), 16_777_619);
  const uniform = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
  const normal = (): number => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
  return {
    uniform,
    normal,
    exponential: (mean) => -mean * Math.log(1 - uniform()),
    logNormal: (median, sigma) => median * Math.exp(sigma * normal()),
    pick: (choices) => {
      let left = uniform() * choices.reduce((sum, { weight }) => sum + weight, 0);
      for (const choice of choices) {
        left -= choice.weight;
        if (left < 0) return choice;
      }
      const last = choices.at(-1);
      if (last === undefined) throw new Error('nothing to choose from');
      return last;
    },
  };
}
