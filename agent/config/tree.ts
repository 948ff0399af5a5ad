// Nested plain objects as configuration sources give them: paths, merging, and the nearest name to a mistyped one.

export type Path = readonly (string | number)[];
export interface Tree {
  [key: string]: unknown;
}

export function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

export const dotted = (path: Path): string => path.map(String).join('.');

// A key named __proto__ must become a plain key, never a prototype.
function put(tree: Tree, key: string, value: unknown): void {
  Object.defineProperty(tree, key, { value, enumerable: true, configurable: true, writable: true });
}

/** Sets a value, making the tables on the way. The path must not run through something that is not a table. */
export function setAt(tree: Tree, path: readonly string[], value: unknown): void {
  const [head, ...rest] = path;
  if (head === undefined) return;
  if (rest.length === 0) {
    put(tree, head, value);
    return;
  }
  const next = Object.hasOwn(tree, head) ? tree[head] : undefined;
  const child = isTree(next) ? next : {};
  if (child !== next) put(tree, head, child);
  setAt(child, rest, value);
}

/** Tables are merged key by key; everything else, lists too, is replaced. Neither argument is changed. */
export function merge(under: Tree, over: Tree): Tree {
  const out: Tree = {};
  for (const [key, value] of Object.entries(under)) put(out, key, value);
  for (const [key, value] of Object.entries(over)) {
    const old = Object.hasOwn(out, key) ? out[key] : undefined;
    put(out, key, isTree(old) && isTree(value) ? merge(old, value) : value);
  }
  return out;
}

/** Paths of everything that is not itself a table; an empty table counts as a value. */
export function leaves(tree: Tree, above: readonly string[] = []): { path: readonly string[]; value: unknown }[] {
  return Object.entries(tree).flatMap(([key, value]) => {
    const path = [...above, key];
    return isTree(value) && Object.keys(value).length > 0 ? leaves(value, path) : [{ path, value }];
  });
}

/** The candidate that a mistyped word most likely meant, or undefined when none is close. */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  let best: string | undefined;
  let limit = Math.max(1, Math.floor(word.length / 3)) + 1;
  for (const candidate of candidates) {
    const d = candidate.startsWith(word) && word.length > 2 ? 1 : distance(word, candidate);
    if (d < limit) {
      limit = d;
      best = candidate;
    }
  }
  return best;
}

/** Edits between two words; two neighbouring letters swapped count as one. */
function distance(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let d = Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) d = Math.min(d, (before[j - 2] ?? 0) + 1);
      next.push(d);
    }
    before = row;
    row = next;
  }
  return row[b.length] ?? 0;
}
