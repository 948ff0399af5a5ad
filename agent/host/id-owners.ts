// Who else may act as some uids and gids of this host: its users and groups, and whom the subordinate ids are promised to
// (subuid(5), subgid(5)), which are those of rootless containers.
import { join } from 'node:path';
import { readPlain } from '../../linux/plain-file.js';
import { readGroups, readPasswd } from '../base/accounts.js';

export interface IdRange {
  readonly first: number;
  readonly last: number;
}

export interface IdOwner extends IdRange {
  /** As a sentence goes on. */
  readonly who: string;
}

/** Of a directory service, exported. */
const MOST_BYTES = 16 << 20;

/** What cannot be read owns nothing. */
export async function readIdOwners(directory = '/etc'): Promise<IdOwner[]> {
  const [users, groups, uids, gids] = await Promise.all([
    readPasswd(join(directory, 'passwd')).catch(() => []),
    readGroups(join(directory, 'group')).catch(() => []),
    subordinate(join(directory, 'subuid')),
    subordinate(join(directory, 'subgid')),
  ]);
  return [
    ...users.map(({ name, uid }) => ({ who: `user ${name}`, first: uid, last: uid })),
    ...groups.map(({ name, gid }) => ({ who: `group ${name}`, first: gid, last: gid })),
    ...uids,
    ...gids,
  ];
}

/** Who has ids of `ranges`, by the key of the configuration. */
export function sharedIds(ranges: Readonly<Record<string, IdRange>>, owners: readonly IdOwner[]): string[] {
  return Object.entries(ranges).flatMap(([key, range]) =>
    owners
      .filter(({ first, last }) => first <= range.last && last >= range.first)
      .map(({ who, first, last }) => `${key}: ${first === last ? first : `${first}-${last}`} of ${who}`),
  );
}

async function subordinate(path: string): Promise<IdOwner[]> {
  const text = await readPlain(path, MOST_BYTES).then(String, () => '');
  return text.split('\n').flatMap((line) => {
    const [, name = '', first = '', count = ''] = /^([^:]+):(\d{1,10}):(\d{1,10})$/.exec(line) ?? [];
    if (name === '' || Number(count) === 0) return [];
    return [{ who: `${name} in ${path}`, first: Number(first), last: Number(first) + Number(count) - 1 }];
  });
}
