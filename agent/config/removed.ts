// Keys of earlier versions. As systemd does with a directive that is gone: a warning, and no agent that does not start after
// an upgrade. Nothing takes the place of a removed key by itself.
import { isTree, type Tree } from './tree.js';

const BY_PRESSURE =
  'the governor bounds how many starts settle at once (governor.max_settling), not how many begin in a second';

/** Dotted key -> what holds instead. */
export const REMOVED: ReadonlyMap<string, string> = new Map([
  ...['rate', 'ceiling', 'floor', 'burst'].map((key): [string, string] => [`governor.${key}`, BY_PRESSURE]),
  ['governor.in_flight', 'governor.max_settling is the most, and pressure lowers it'],
  ['governor.settle', 'a start settles until its cgroup rests, for governor.settle_timeout at most'],
]);

/** The key that a variable (`BERTH_A_B`) or a flag (`--a.b`) names, where that was removed. */
export function removedKey(origin: string): string | undefined {
  const plain = (name: string) => name.replaceAll(/[.-]/g, '_').toLowerCase();
  return [...REMOVED.keys()].find(
    (key) => plain(origin) === plain(`BERTH_${key}`) || plain(origin) === plain(`--${key}`),
  );
}

export interface Cleaned {
  readonly tree: Tree;
  readonly removed: readonly string[];
}

/** The tree without removed keys, and which it had. */
export function withoutRemoved(tree: Tree): Cleaned {
  const removed: string[] = [];
  let left = tree;
  for (const key of REMOVED.keys()) {
    const [section = '', name = ''] = key.split('.');
    const table = Object.hasOwn(left, section) ? left[section] : undefined;
    if (!isTree(table) || !Object.hasOwn(table, name)) continue;
    removed.push(key);
    const { [name]: _, ...rest }: Tree = table;
    left = { ...left, [section]: rest };
  }
  return { tree: left, removed };
}
