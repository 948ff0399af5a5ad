// The users that a workload may run as, and their groups.
import { PasswdFile, readGroups } from '../../base/accounts.js';
import { groupNumbers } from '../accounts.js';
import { invalidField } from '../files.js';

export interface ExecUser {
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
  /** Undefined for a bare number that no account has: it gets no supplementary groups. */
  readonly name: string | undefined;
}

/** (uid_t) -1 means "leave as it is" to setresuid(2). */
export const MAX_ID = 2 ** 32 - 2;
/** For a number without an account; the group of the same number could be any group, `disk` for one. */
const NOGROUP = 65_534;

/** Throws `invalid_spec` naming `exec.user` for a name that is not in `passwd`. */
export async function findUser(user: string, passwd = new PasswdFile()): Promise<ExecUser> {
  const isNumber = /^\d+$/.test(user);
  if (isNumber && Number(user) > MAX_ID) throw invalidField('exec.user', `must be at most ${MAX_ID}`);
  const found = (await passwd.accounts()).find((account) =>
    isNumber ? account.uid === Number(user) : account.name === user,
  );
  if (found !== undefined) return found;
  if (!isNumber) throw invalidField('exec.user', `there is no user ${JSON.stringify(user)} in ${passwd.path}`);
  return { uid: Number(user), gid: Number(user) === 0 ? 0 : NOGROUP, home: '/', name: undefined };
}

/** The groups beside its own that group(5) gives to a user. */
export async function groupsOf({ name, gid }: ExecUser, groupFile = '/etc/group'): Promise<number[]> {
  if (name === undefined) return [];
  const groups = (await readGroups(groupFile)).filter(({ members }) => members.includes(name));
  return groups.map((group) => group.gid).filter((group) => group !== gid);
}

/** Those, if any, and what the spec names besides. Throws `invalid_spec` for a name that this host does not have. */
export async function allGroups(
  user: ExecUser | undefined,
  asked: readonly (string | number)[],
  groupFile = '/etc/group',
): Promise<number[]> {
  const own = user === undefined ? [] : await groupsOf(user, groupFile);
  if (asked.length === 0) return own;
  return [...new Set([...own, ...groupNumbers(asked, await readGroups(groupFile), 'this host')])];
}
