// Users from /etc/passwd. Read, not asked of NSS: that would need a process, and a start must not wait for LDAP.
import { readFile } from 'node:fs/promises';
import { invalidField } from '../files.js';

export interface ExecUser {
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
  /** False for a bare number that no account has: it gets no supplementary groups. */
  readonly known: boolean;
}

/** (uid_t) -1 means "leave as it is" to setresuid(2). */
const MAX_ID = 2 ** 32 - 2;
/** For a number without an account; the group of the same number could be any group, `disk` for one. */
const NOGROUP = 65_534;

/** Throws `invalid_spec` naming `exec.user` for a name that is not in `passwdFile`. */
export async function findUser(user: string, passwdFile = '/etc/passwd'): Promise<ExecUser> {
  const isNumber = /^\d+$/.test(user);
  if (isNumber && Number(user) > MAX_ID) throw invalidField('exec.user', `must be at most ${MAX_ID}`);
  const found = parsePasswd(await readFile(passwdFile, 'utf8')).find((account) =>
    isNumber ? account.uid === Number(user) : account.name === user,
  );
  if (found !== undefined) return { uid: found.uid, gid: found.gid, home: found.home, known: true };
  if (!isNumber) throw invalidField('exec.user', `there is no user ${JSON.stringify(user)} in ${passwdFile}`);
  return { uid: Number(user), gid: Number(user) === 0 ? 0 : NOGROUP, home: '/', known: false };
}

/** passwd(5); lines that do not fit are passed over, as glibc does. */
export function parsePasswd(text: string): { name: string; uid: number; gid: number; home: string }[] {
  return text.split('\n').flatMap((line) => {
    const [name = '', , uid = '', gid = '', , home = ''] = line.split(':');
    if (!/^[^+-]/.test(name) || !/^\d+$/.test(uid) || !/^\d+$/.test(gid)) return [];
    return [{ name, uid: Number(uid), gid: Number(gid), home: home.startsWith('/') ? home : '/' }];
  });
}
