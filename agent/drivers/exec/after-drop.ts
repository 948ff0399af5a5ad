// Without a sandbox: a root shell opens a file, setpriv(1) takes the privileges away, and only then does anything of the
// tenant count. Its environment comes from that file and its working directory is entered by a shell with the ids of the
// workload, which replaces itself with the program. The loader of setpriv would act on LD_PRELOAD, and name services on
// variables of their own; on a command line everybody could read the variables.
import { rmSync, writeFileSync } from 'node:fs';
import { chown } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from '../../../linux/errors.js';
import { shellQuoted } from '../../base/shell.js';
import type { Launch } from '../driver.js';
import { DEFAULT_PATH } from '../environment.js';
import type { ExecUser } from './user.js';

/** $1: the file; then a command. A core dump would lie on the host, with all that the process had in memory. */
const OPEN = 'ulimit -c 0; exec 3<"$1" || exit 126; shift; exec "$@"';
/**
 * Root may write to any cgroup.procs that it sees writable, and so leave the reach of cgroup.kill. Mounts that a new user namespace gets from
 * here stay read-only there (mount_namespaces(7)). New mounts of the host are seen.
 */
const CLOSE_CGROUPS = `while read -r _ place kind _; do
  case $kind in cgroup | cgroup2) mount -o remount,bind,ro none "$place" || exit 126 ;; esac
done </proc/self/mounts`;
/** $1: the working directory; then the program. Of a shell's own variables none is the program's. */
const ENTER = 'cd -P -- "$1" || exit 126; shift; unset PWD OLDPWD SHLVL; . /dev/fd/3; exec 3<&-; exec "$@"';
/** Shells compute or check these themselves (OPTIND of dash, UID of bash): env(1) sets them, on its command line. */
const OF_SHELLS =
  /^(?:_|BASH\w*|COMP_\w+|DIRSTACK|EPOCH\w+|EUID|FUNCNAME|GROUPS|HISTCMD|LINENO|OPTIND|POSIXLY_CORRECT|PPID|S?RANDOM|SECONDS|SHELLOPTS|SHLVL|UID)$/;

export interface AfterDrop {
  /** Absolute paths of sh and env. */
  readonly sh: string;
  readonly env: string;
  /** Absolute path of unshare, for root: it gets mounts of its own, with cgroups read-only. */
  readonly unshare: string | undefined;
  /** setpriv with its arguments. */
  readonly drop: readonly string[];
  readonly directory: string;
  readonly user: Pick<ExecUser, 'uid' | 'gid'>;
  readonly cwd: string;
  readonly variables: Readonly<Record<string, string>>;
  /** The program and its arguments. */
  readonly argv: readonly string[];
}

/** Writes the file. Idempotent. */
export async function launchAfterDrop(options: AfterDrop): Promise<Pick<Launch, 'argv' | 'env' | 'cwd'>> {
  const { sh, env, unshare, drop, directory, user, cwd, variables, argv } = options;
  const file = join(directory, 'environment');
  writeNew(file, exportsOf(variables));
  // The shell opens it anew, by its descriptor: the directories above are closed to its user.
  if (user.uid !== 0) await chown(file, user.uid, user.gid);
  const special = Object.entries(variables).flatMap(([name, value]) =>
    OF_SHELLS.test(name) ? [`${name}=${value}`] : [],
  );
  const program = special.length === 0 ? argv : [env, ...special, ...argv];
  const open =
    unshare === undefined
      ? [sh, '-c', OPEN]
      : [unshare, '--mount', '--propagation', 'slave', '--', sh, '-c', `${CLOSE_CGROUPS}; ${OPEN}`];
  return {
    argv: [...open, 'sh', file, ...drop, '--', sh, '-c', ENTER, 'sh', cwd, ...program],
    env: { PATH: DEFAULT_PATH },
    cwd: '/',
  };
}

/**
 * One that an earlier start has left is removed and not written to: it may belong to another user. At once: the run directory is in
 * memory, and the way to a thread and back takes longer than each of the calls.
 */
function writeNew(file: string, text: string): void {
  const write = (): void => writeFileSync(file, text, { mode: 0o400, flag: 'wx' });
  try {
    write();
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
    rmSync(file, { force: true });
    write();
  }
}

/** For a POSIX shell: within single quotes nothing has a meaning but their end. */
function exportsOf(variables: Readonly<Record<string, string>>): string {
  const lines = Object.entries(variables).flatMap(([name, value]) =>
    OF_SHELLS.test(name) ? [] : [`export ${name}=${shellQuoted(value)}\n`],
  );
  return lines.join('');
}
