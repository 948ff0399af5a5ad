// Lists that are told in pages. A page is what stands behind the last item of the page before, by a key that an item keeps:
// what is there all the while is on one page, whatever comes and goes meanwhile.
import { defined } from '../../linux/defined.js';

/** Items of one page, at most. */
export const MOST_ON_PAGE = 1000;

/** Which part of a list is asked for, in the order of its keys. */
export interface Range<K = string> {
  /** Only keys behind this one, whether or not it is there. */
  readonly after?: K;
  readonly most?: number;
}

/** Parameters of a method. Without `limit` all there is. */
export interface PageParams<K = string> {
  readonly limit?: number | undefined;
  /** `next` of the page before. */
  readonly cursor?: K | undefined;
}

/** Of an answer; absent on the last page. */
export interface Next<K = string> {
  readonly next?: K;
}

export function rangeOf<K>({ limit, cursor }: PageParams<K>): Range<K> {
  return {
    ...defined({ after: cursor }),
    // One more than is told says whether there is another page.
    ...(limit === undefined ? {} : { most: limit + 1 }),
  };
}

/** `items` that are in the range, in the order of their keys. */
export function inRange<T>(items: readonly T[], keyOf: (item: T) => string, { after = '', most }: Range): T[] {
  return items
    .filter((item) => keyOf(item) > after)
    .sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))
    .slice(0, most);
}

/** From what was found in the range of these parameters. */
export function pageOf<T, K>(
  found: readonly T[],
  { limit }: PageParams<K>,
  keyOf: (item: T) => K,
): { readonly items: readonly T[]; readonly next: Next<K> } {
  const items = found.slice(0, limit);
  const last = items.at(-1);
  return { items, next: found.length > items.length && last !== undefined ? { next: keyOf(last) } : {} };
}
