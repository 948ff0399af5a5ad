// Users and groups of this host, from /etc/passwd and /etc/group. Read, not asked of NSS: that would need a process, and
// nothing here may wait for LDAP.
import { statSync } from 'node:fs';
import { readPlain } from '../../linux/plain-file.js';

export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

export interface Group {
  readonly name: string;
  readonly gid: number;
  readonly members: readonly string[];
}

/** Accounts of a large directory service, exported: some 200,000 lines. */
const MOST_BYTES = 16 << 20;

/** passwd(5); lines that do not fit are passed over, as glibc does. Rejects with SysError. */
export async function readPasswd(file = '/etc/passwd'): Promise<Account[]> {
  const text = (await readPlain(file, MOST_BYTES)).toString('utf8');
  return text.split('\n').flatMap((line) => {
    const [name = '', , uid = '', gid = '', , home = ''] = line.split(':');
    if (!/^[^+-]/.test(name) || !/^\d+$/.test(uid) || !/^\d+$/.test(gid)) return [];
    return [{ name, uid: Number(uid), gid: Number(gid), home: home.startsWith('/') ? home : '/' }];
  });
}

/** Milliseconds; within less than this a file may change twice and have one time. */
const SAME_TIME_MS = 1000;

/** passwd(5), asked at each start of a program: read again when the file is another one, or has changed. */
export class PasswdFile {
  readonly path: string;
  #kept: { readonly stamp: string; readonly accounts: readonly Account[] } | undefined;

  constructor(path = '/etc/passwd') {
    this.path = path;
  }

  /** Rejects with SysError. */
  async accounts(): Promise<readonly Account[]> {
    const found = statSync(this.path, { throwIfNoEntry: false });
    const stamp = found && [found.dev, found.ino, found.size, found.mtimeMs, found.ctimeMs].join(' ');
    if (this.#kept !== undefined && stamp === this.#kept.stamp) return this.#kept.accounts;
    const settled = found !== undefined && Math.abs(Date.now() - found.ctimeMs) > SAME_TIME_MS;
    const accounts = await readPasswd(this.path);
    this.#kept = stamp !== undefined && settled ? { stamp, accounts } : undefined;
    return accounts;
  }
}

/** group(5), in the same way. */
export async function readGroups(file = '/etc/group'): Promise<Group[]> {
  const text = (await readPlain(file, MOST_BYTES)).toString('utf8');
  return text.split('\n').flatMap((line) => {
    const [name = '', , gid = '', members = ''] = line.split(':');
    if (!/^[^+-]/.test(name) || !/^\d+$/.test(gid)) return [];
    return [{ name, gid: Number(gid), members: members.split(',') }];
  });
}

export interface AccountNames {
  readonly users: ReadonlyMap<string, number>;
  readonly groups: ReadonlyMap<string, number>;
}

/** Names and their numbers as the files are now. Rejects with SysError. */
export async function accountNames(): Promise<AccountNames> {
  const [users, groups] = await Promise.all([readPasswd(), readGroups()]);
  return {
    users: new Map(users.map(({ name, uid }) => [name, uid])),
    groups: new Map(groups.map(({ name, gid }) => [name, gid])),
  };
}
