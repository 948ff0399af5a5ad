// A specification and what is to be changed in it: JSON merge patch (RFC 7386), and which fields differ afterwards. Pure.
import { isDeepStrictEqual } from 'node:util';
import { fieldOf } from '../base/wrong-fields.js';

type Tree = Readonly<Record<string, unknown>>;

/** One field that differs; `from` is absent where it was not there, `to` where it is not there any more. */
export interface FieldChange {
  /** Dotted: `resources.memory.limit`. A list is one field. */
  readonly field: string;
  readonly from?: unknown;
  readonly to?: unknown;
}

/** Members to be set or, with null, taken away. */
export type MergePatch = Readonly<Record<string, unknown>>;

const HIDDEN_VALUE = '(hidden)';

/** `target` with the members of `patch`: null takes one away, an object is merged, everything else replaces. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isTree(patch)) return patch;
  const merged = new Map(Object.entries(isTree(target) ? target : {}));
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) merged.delete(key);
    else merged.set(key, mergePatch(merged.get(key), value));
  }
  return Object.fromEntries(merged);
}

/** The leaves in which two specifications differ, by name. Values of an environment and files may hold passwords and are not told. */
export function fieldChanges(before: unknown, after: unknown): FieldChange[] {
  return differences(before, after, []);
}

function differences(before: unknown, after: unknown, path: readonly string[]): FieldChange[] {
  if (isDeepStrictEqual(before, after)) return [];
  const trees = [before, after].every((side) => side === undefined || isTree(side));
  if (trees) {
    const [from, to] = [treeOf(before), treeOf(after)];
    const keys = [...new Set([...from.keys(), ...to.keys()])].sort();
    const inner = keys.flatMap((key) => differences(from.get(key), to.get(key), [...path, key]));
    if (inner.length > 0) return inner;
  }
  const told = (value: unknown): unknown =>
    path.at(-2) === 'env' || path[0] === 'files' || path.includes('mmds') ? HIDDEN_VALUE : value;
  return [
    {
      field: fieldOf(path),
      ...(before === undefined ? {} : { from: told(before) }),
      ...(after === undefined ? {} : { to: told(after) }),
    },
  ];
}

function treeOf(value: unknown): ReadonlyMap<string, unknown> {
  return new Map(isTree(value) ? Object.entries(value).filter(([, inner]) => inner !== undefined) : []);
}

function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
