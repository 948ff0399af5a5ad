// Ways of doing the same, taking turns: whatever else the machine does meanwhile hits all of them.

/** One way of doing something n times. */
export interface Way {
  readonly name: string;
  /** Why it cannot run here; undefined when it can. */
  readonly missing?: string | undefined;
  /** Does it once for each number; returns the milliseconds of each. */
  run(numbers: readonly number[]): Promise<readonly number[]>;
}

export interface Turns {
  readonly rounds: number;
  /** How often each way does it in each round. */
  readonly each: number;
  /** Numbers that each way does first, without counting: code is compiled and caches fill only by use. */
  readonly warmUp?: readonly number[];
  readonly signal: AbortSignal;
  /** Waits until the way before is out of the way. */
  readonly settle: () => Promise<void>;
  readonly say: (text: string) => void;
}

/** Values of each way by its name, one array for each round. A way that is missing is left out. */
export async function interleave(ways: readonly Way[], turns: Turns): Promise<Map<string, number[][]>> {
  const present = ways.filter(({ missing }) => missing === undefined);
  for (const way of present) await way.run(turns.warmUp ?? []);
  const values = new Map(present.map(({ name }): [string, number[][]] => [name, []]));
  for (let round = 0; round < turns.rounds; round++) {
    const numbers = Array.from({ length: turns.each }, (_, at) => round * turns.each + at);
    for (const way of order(present, round)) {
      turns.signal.throwIfAborted();
      await turns.settle();
      turns.say(`round ${round + 1} of ${turns.rounds}: ${way.name}`);
      values.get(way.name)?.push([...(await way.run(numbers))]);
    }
  }
  return values;
}

/**
 * The items in another order for each round: in as many rounds as there are items each comes once at each place and, for
 * an even number of items, once behind each other one (a Williams square).
 */
export function order<T>(items: readonly T[], round: number): T[] {
  const zigzag = items.map((_, at) => (at % 2 === 1 ? (at + 1) / 2 : (items.length - at / 2) % items.length));
  return zigzag.flatMap((start) => items.slice((start + round) % items.length).slice(0, 1));
}

/** Milliseconds that `work` takes. */
export async function time(work: () => unknown): Promise<number> {
  const begun = performance.now();
  await work();
  return performance.now() - begun;
}

/** Lets signals and timers have their turn between synchronous pieces of work. */
export async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}
