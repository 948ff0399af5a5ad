// Additional groups of a spec as numbers.
import type { Group } from '../base/accounts.js';
import { invalidField } from './files.js';

/** `of`: whose groups they are, as an error names it. Throws `invalid_spec` for a name that is not among them. */
export function groupNumbers(
  groups: readonly (string | number)[],
  known: readonly Pick<Group, 'name' | 'gid'>[],
  of: string,
): number[] {
  return groups.map((group, at) => {
    if (typeof group === 'number') return group;
    const found = known.find(({ name }) => name === group);
    if (found === undefined) throw invalidField(`groups.${at}`, `there is no group "${group}" in /etc/group of ${of}`);
    return found.gid;
  });
}
