// What a configuration refers to, and what its keys must be to each other, beside networks and quotas.
import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { codeOf } from '../../linux/errors.js';
import { accountNames } from '../base/accounts.js';
import { STATE_FILES } from '../base/state-files.js';
import { isReadable, MOST_SOCKET_PATH } from '../base/values/places.js';
import type { Role } from './control.js';
import type { Config } from './schema.js';

export interface ReferenceProblem {
  readonly path: readonly string[];
  readonly problem: string;
}

/** The agent's own with the longest name. The driver of a microVM judges its sockets with the id that they are named after. */
const SOCKET = 'supervisor.sock';

function tooLong(runtime: string): ReferenceProblem[] {
  const length = Buffer.byteLength(join(runtime, SOCKET));
  if (length <= MOST_SOCKET_PATH) return [];
  const most = MOST_SOCKET_PATH - Buffer.byteLength(`/${SOCKET}`);
  const problem = `is too long: a socket below it, ${SOCKET}, would have ${length} bytes, and the kernel takes ${MOST_SOCKET_PATH}; it must have at most ${most} bytes`;
  return [{ path: ['paths', 'runtime'], problem }];
}

/** Whether `inner` is `outer`, or in a directory that is the agent's own there. */
function mixed(inner: string, outer: string): boolean {
  const [first = ''] = relative(outer, inner).split('/');
  return first === '' || STATE_FILES.some(({ name }) => name === first);
}

type Checked = Pick<Config, 'control' | 'paths'>;

/** What is wrong whatever lies on the disk. */
export function controlProblems({ control, paths }: Checked): ReferenceProblem[] {
  const found = tooLong(paths.runtime);
  if (mixed(paths.state, paths.runtime) || mixed(paths.runtime, paths.state))
    found.push({
      path: ['paths', 'runtime'],
      problem: `must be apart from paths.state, ${paths.state}: each has files of the same names`,
    });
  found.push(...roleProblems(control));
  for (const [at, { url, token_file, insecure }] of control.scheduler.entries()) {
    if (!isReadable(url)) continue;
    const problem =
      token_file !== undefined
        ? 'would send the token where others can read it: use wss://, or a loopback address'
        : 'is not encrypted: whoever is on the way could command this node. Use wss://, a loopback address, or insecure = true';
    if (token_file !== undefined || !insecure)
      found.push({ path: ['control', 'scheduler', String(at), 'url'], problem });
  }
  return found;
}

/** A role and the tenants beside it. */
function roleProblems({ access, scheduler }: Config['control']): ReferenceProblem[] {
  const problemOf = (role: Role | undefined, tenants: readonly string[], key: string): string | undefined => {
    if (role === 'tenant' && tenants.length === 0) return `must have ${key} beside it: "tenant" covers no others`;
    if (role === 'operator' && tenants.length > 0)
      return `must have no ${key} beside it: "operator" covers every tenant`;
    return undefined;
  };
  const found: ReferenceProblem[] = [];
  const say = (table: string, at: number, key: string, problem: string | undefined): void => {
    if (problem !== undefined) found.push({ path: ['control', table, String(at), key], problem });
  };
  for (const [at, { users, groups, role, tenants }] of access.entries()) {
    say('access', at, 'role', problemOf(role, tenants, 'tenants'));
    if (users.length + groups.length === 0) say('access', at, 'users', 'must name somebody, or groups must');
  }
  for (const [at, { role, scopes }] of scheduler.entries())
    say('scheduler', at, 'role', problemOf(role, scopes, 'scopes'));
  return found;
}

/** Files that a key names and nobody can read; for `berth config check`. The agent reads them anew for each connection. */
export async function missingFiles({ control }: Checked): Promise<ReferenceProblem[]> {
  const found: ReferenceProblem[] = [];
  for (const [at, scheduler] of control.scheduler.entries())
    for (const key of ['token_file', 'ca_file', 'cert_file', 'key_file'] as const) {
      const file = scheduler[key];
      const problem = file === undefined ? undefined : await problemOf(file);
      if (problem !== undefined)
        found.push({ path: ['control', 'scheduler', String(at), key], problem: `${file}: ${problem}` });
    }
  return found;
}

/** Users and groups that a key names and this host does not have; for `berth config check`. The agent looks at each connection. */
export async function missingAccounts({ control }: Checked): Promise<ReferenceProblem[]> {
  const { users, groups } = await accountNames();
  const found: ReferenceProblem[] = [];
  const look = (path: readonly string[], name: string, known: ReadonlyMap<string, number>, file: string): void => {
    if (name !== '' && !/^\d+$/.test(name) && !known.has(name))
      found.push({ path, problem: `${name} is not in ${file}` });
  };
  look(['control', 'group'], control.group, groups, '/etc/group');
  for (const [at, entry] of control.access.entries()) {
    for (const name of entry.users) look(['control', 'access', String(at), 'users'], name, users, '/etc/passwd');
    for (const name of entry.groups) look(['control', 'access', String(at), 'groups'], name, groups, '/etc/group');
  }
  return found;
}

async function problemOf(file: string): Promise<string | undefined> {
  try {
    if (!(await stat(file)).isFile()) return 'is not a file';
    await access(file, constants.R_OK);
    return undefined;
  } catch (error) {
    const code = codeOf(error);
    return code === 'ENOENT' ? 'there is no such file' : `cannot be read (${code})`;
  }
}
