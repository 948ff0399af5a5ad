// A spec as it lies on disk, read by another version than the one that wrote it. It was accepted once: it is not judged by
// the rules for input of today. What it lacks gets the default that it was written under; what it says stays, known or not,
// right or not.
import { isDeepStrictEqual } from 'node:util';
import { DRIVER_NAMES, type WorkloadSpec, workloadSpec } from './spec.js';

type Tree = Readonly<Record<string, unknown>>;

/** More wrong fields than any spec has places. */
const MOST_TRIES = 200;

/** Modes in which the workload has no address that somebody could reach. */
const WITHOUT_ADDRESS: readonly unknown[] = ['none', 'host'];

/** `stored` with a value in the places that it leaves open: those of this version, but for what meant something else before. */
export function withDefaults(stored: Tree): Tree {
  const older = under(stored, whenAbsent(stored)) as Tree;
  return under(older, understood(older) ?? plainest()) as Tree;
}

/** Whose default was another before the field was there, or since. A spec is stored whole: who lacks it is older than it. */
function whenAbsent({ exec, network }: Tree): Tree {
  const hasAddress = !isTree(network) || !WITHOUT_ADDRESS.includes(network.mode);
  return {
    ...(isTree(exec) ? { exec: { isolation: 'none' } } : {}),
    ...(hasAddress ? { network: { reachable: 'any' } } : {}),
  };
}

/**
 * `asked`, and the fields of `stored` that this version does not know. A later version wrote them; nobody can name them here, and
 * so nobody asks for a change of them.
 */
export function carryOver(asked: WorkloadSpec, stored: WorkloadSpec): WorkloadSpec {
  if (isDeepStrictEqual(asked, stored)) return stored;
  const known = understood(stored as unknown as Tree);
  return (known === undefined ? asked : carried(asked, stored, known)) as WorkloadSpec;
}

/** Whether who asks for `asked` asks for what is there. */
export function isSameSpec(asked: WorkloadSpec, stored: WorkloadSpec): boolean {
  return isDeepStrictEqual(carryOver(asked, stored), stored);
}

/** Of `stored` the fields that this version knows: what may be asked for again. */
export function knownSpec(stored: WorkloadSpec): Tree {
  return understood(stored as unknown as Tree) ?? (stored as unknown as Tree);
}

/** What this version understands of `stored`, with its defaults; undefined: not what must be there. */
function understood(stored: Tree): Tree | undefined {
  let candidate: Tree = stored;
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    const { data, error } = workloadSpec.safeParse(candidate);
    if (error === undefined) return data;
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
  return undefined;
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

/** `known` is what of `stored` this version understands. An entry of a list is the one that it equals, wherever it stands. */
function carried(asked: unknown, stored: unknown, known: unknown): unknown {
  if (isDeepStrictEqual(asked, known)) return stored;
  if (Array.isArray(asked) && Array.isArray(stored) && Array.isArray(known)) {
    if (known.length !== stored.length) return asked;
    return asked.map((entry) => {
      const at = known.findIndex((one) => isDeepStrictEqual(one, entry));
      return at < 0 ? entry : stored[at];
    });
  }
  if (!isTree(asked) || !isTree(stored) || !isTree(known)) return asked;
  const more = Object.keys(stored).filter((key) => !Object.hasOwn(known, key) && !Object.hasOwn(asked, key));
  const same = Object.entries(asked).map(([key, value]) => [key, carried(value, stored[key], known[key])] as const);
  return Object.fromEntries([...same, ...more.map((key) => [key, stored[key]] as const)]);
}

/** Without the field at `path`; where the field is not there, without what holds it. */
function without(tree: Tree, path: readonly PropertyKey[]): Tree | undefined {
  const [first, ...rest] = path;
  if (first === undefined) return undefined;
  const key = String(first);
  const inner = tree[key];
  if (!Object.hasOwn(tree, key)) return undefined;
  const { [key]: _gone, ...others } = tree;
  if (Array.isArray(inner)) {
    const [at, ...path] = rest;
    const entry: unknown = inner[Number(at)];
    const less = isTree(entry) ? without(entry, path) : undefined;
    return less === undefined ? others : { ...others, [key]: inner.map((one) => (one === entry ? less : one)) };
  }
  if (rest.length === 0 || !isTree(inner)) return others;
  const less = without(inner, rest);
  return less === undefined ? others : { ...others, [key]: less };
}
