// Users from /etc/passwd and their groups from /etc/group. Read, not asked of NSS: that would need a process, and a start
// must not wait for LDAP.
import { readPlain } from '../../../linux/plain-file.js';
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

/** Throws `invalid_spec` naming `exec.user` for a name that is not in `passwdFile`. */
export async function findUser(user: string, passwdFile = '/etc/passwd'): Promise<ExecUser> {
  const isNumber = /^\d+$/.test(user);
  if (isNumber && Number(user) > MAX_ID) throw invalidField('exec.user', `must be at most ${MAX_ID}`);
  const found = parsePasswd(await readText(passwdFile)).find((account) =>
    isNumber ? account.uid === Number(user) : account.name === user,
  );
  if (found !== undefined) return found;
  if (!isNumber) throw invalidField('exec.user', `there is no user ${JSON.stringify(user)} in ${passwdFile}`);
  return { uid: Number(user), gid: Number(user) === 0 ? 0 : NOGROUP, home: '/', name: undefined };
}

/** passwd(5); lines that do not fit are passed over, as glibc does. */
export function parsePasswd(text: string): (ExecUser & { readonly name: string })[] {
  return text.split('\n').flatMap((line) => {
    const [name = '', , uid = '', gid = '', , home = ''] = line.split(':');
    if (!/^[^+-]/.test(name) || !/^\d+$/.test(uid) || !/^\d+$/.test(gid)) return [];
    return [{ name, uid: Number(uid), gid: Number(gid), home: home.startsWith('/') ? home : '/' }];
  });
}

/** The groups beside its own that group(5) gives to a user. */
export async function groupsOf({ name, gid }: ExecUser, groupFile = '/etc/group'): Promise<number[]> {
  if (name === undefined) return [];
  return parseGroups(await readText(groupFile), name).filter((group) => group !== gid);
}

export function parseGroups(text: string, member: string): number[] {
  return text.split('\n').flatMap((line) => {
    const [name = '', , gid = '', members = ''] = line.split(':');
    if (!/^[^+-]/.test(name) || !/^\d+$/.test(gid)) return [];
    return members.split(',').includes(member) ? [Number(gid)] : [];
  });
}

/** Accounts of a large directory service, exported: some 200,000 lines. */
const MOST_BYTES = 16 << 20;

/** Rejects with SysError. */
async function readText(file: string): Promise<string> {
  return (await readPlain(file, MOST_BYTES)).toString('utf8');
}
