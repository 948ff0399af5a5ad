// A sweep over all workloads, or all of anything that grows with them, in slices: the main loop gets its turn after a few
// milliseconds of work or a bounded number of items, whichever comes first.
import { setImmediate as nextTurn } from 'node:timers/promises';

export interface SliceOptions {
  /** Milliseconds of work between two turns of the loop. */
  readonly budgetMs?: number;
  /** Items between two turns, for work that an item only begins. */
  readonly most?: number;
  /** Milliseconds of a clock that nobody sets. */
  readonly now?: () => number;
  /** Resolves when the loop has had its turn. */
  readonly turn?: () => Promise<unknown>;
}

/** `items` as they are now: what is added or removed between slices changes nothing. */
export function sliced<T>(items: Iterable<T>, options: SliceOptions = {}): AsyncGenerator<T, void, void> {
  return inSlices([...items], options);
}

/** `items` as they come, made one by one: nothing may change what they are made of meanwhile. */
export async function* inSlices<T>(items: Iterable<T>, options: SliceOptions = {}): AsyncGenerator<T, void, void> {
  const { budgetMs = 4, most = 100, now = () => performance.now(), turn = nextTurn } = options;
  let since = now();
  let count = 0;
  for (const item of items) {
    if (count >= most || (count > 0 && now() - since >= budgetMs)) {
      await turn();
      since = now();
      count = 0;
    }
    count++;
    yield item;
  }
}
