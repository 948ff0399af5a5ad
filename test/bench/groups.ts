// The table of groups; `--only` and `--list` read it.

import { agent } from './agent/group.js';
import { cgroups } from './cgroups/group.js';
import { density } from './density/group.js';
import type { Group, Part } from './group.js';
import { network } from './network/group.js';

export const GROUPS: readonly Group[] = [network, cgroups, density, agent];

/** A group and the parts of it that are to run. */
export interface Selection {
  readonly group: Group;
  readonly parts: readonly Part[];
}

/** `names`: `GROUP` or `GROUP/PART`; none: everything. Throws RangeError that names what there is. */
export function select(groups: readonly Group[], names: readonly string[]): Selection[] {
  if (names.length === 0) return groups.map((group) => ({ group, parts: group.parts }));
  const chosen = new Map<Group, Set<Part>>();
  for (const name of names) {
    const [groupName, partName] = name.split('/');
    const group = groups.find((candidate) => candidate.name === groupName);
    if (group === undefined) throw unknown('group', name, groups);
    const parts = group.parts.filter((part) => partName === undefined || part.name === partName);
    if (parts.length === 0) throw unknown(`part of ${group.name}`, name, group.parts);
    chosen.set(group, new Set([...(chosen.get(group) ?? []), ...parts]));
  }
  return [...chosen].map(([group, wanted]) => ({ group, parts: group.parts.filter((part) => wanted.has(part)) }));
}

function unknown(kind: string, name: string, known: readonly { readonly name: string }[]): RangeError {
  return new RangeError(`no ${kind} ${JSON.stringify(name)}; there is: ${known.map((one) => one.name).join(', ')}`);
}
