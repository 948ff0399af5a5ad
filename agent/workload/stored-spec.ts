// A spec as it lies on disk, read by another version than the one that wrote it. It was accepted once: it is not judged by
// the rules for input of today. What it lacks gets today's defaults; what it says stays, known or not, right or not.
import { DRIVER_NAMES, type WorkloadSpec, workloadSpec } from './spec.js';

type Tree = Readonly<Record<string, unknown>>;

/** More wrong fields than any spec has places. */
const MOST_TRIES = 200;

/** `stored` with the defaults of this version in the places that it leaves open. */
export function withDefaults(stored: Tree): Tree {
  let candidate: Tree = stored;
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    const { data, error } = workloadSpec.safeParse(candidate);
    if (error === undefined) return under(stored, data) as Tree;
    const less = error.issues.reduce<Tree | undefined>((tree, issue) => {
      const keys = issue.code === 'unrecognized_keys' ? issue.keys : [undefined];
      return keys.reduce<Tree | undefined>((left, key) => {
        const path = key === undefined ? issue.path : [...issue.path, key];
        return left === undefined ? undefined : without(left, path);
      }, tree);
    }, candidate);
    // Nothing could be left out: a field that must be there is not.
    if (less === undefined || JSON.stringify(less) === JSON.stringify(candidate)) break;
    candidate = less;
  }
  return under(stored, plainest()) as Tree;
}

/** Of a spec that stands for itself. Throws an Error for a driver that this version does not have. */
export function storedSpec(stored: Tree): WorkloadSpec {
  const { id, tenant, driver } = stored;
  if (typeof id !== 'string' || typeof tenant !== 'string') throw new Error('the spec has no id or no tenant');
  if (!(DRIVER_NAMES as readonly unknown[]).includes(driver))
    throw new Error(`driver "${String(driver)}" is none of this version`);
  return withDefaults(stored) as unknown as WorkloadSpec;
}

/** The part of a spec that every driver has, with nothing asked for. */
function plainest(): Tree {
  const {
    id: _id,
    driver: _driver,
    exec: _exec,
    ...rest
  } = workloadSpec.parse({
    ...{ id: 'x', driver: 'exec', exec: { command: ['/x'] } },
  });
  return rest;
}

function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** `value`, and what `defaults` has besides. Lists are of one piece, but for what their entries lack. */
function under(value: unknown, defaults: unknown): unknown {
  if (Array.isArray(value) && Array.isArray(defaults))
    return value.length === defaults.length ? value.map((entry, at) => under(entry, defaults[at])) : value;
  if (!isTree(value) || !isTree(defaults)) return value === undefined ? defaults : value;
  const keys = new Set([...Object.keys(value), ...Object.keys(defaults)]);
  return Object.fromEntries([...keys].map((key) => [key, under(value[key], defaults[key])]));
}

/** Without the field at `path`; where the field is not there, without what holds it. */
function without(tree: Tree, path: readonly PropertyKey[]): Tree | undefined {
  const [first, ...rest] = path;
  if (first === undefined) return undefined;
  const key = String(first);
  const inner = tree[key];
  if (!Object.hasOwn(tree, key)) return undefined;
  const { [key]: _gone, ...others } = tree;
  if (rest.length === 0 || !isTree(inner)) return others;
  const less = without(inner, rest);
  return less === undefined ? others : { ...others, [key]: less };
}
