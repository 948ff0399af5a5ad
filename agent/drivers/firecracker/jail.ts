// The jail of a microVM and the command that makes it. The jail is made by the process that starts, once for each start and in a
// mount namespace of its own: what it mounts ends with the VM, and no agent ever has to unmount anything.
import { join } from 'node:path';
import { setprivSet } from '../capabilities.js';
import type { JailFile } from './machine-config.js';

export interface Jail {
  /** --chroot-base-dir of the jailer. */
  readonly base: string;
  /** Root of the file system of the VM. */
  readonly root: string;
  readonly apiSocket: string;
  readonly pidFile: string;
}

export interface LaunchOptions {
  readonly jail: Jail;
  readonly programs: Readonly<Record<'unshare' | 'sh' | 'setpriv' | 'jailer' | 'firecracker', string>>;
  readonly files: readonly JailFile[];
  /** Of those that others may exchange, by their paths: /proc/PID/fd/N of what is meant. */
  readonly held: ReadonlyMap<string, string>;
  readonly uid: number;
  /** Bytes that no file which it writes may grow beyond. */
  readonly largestFile: number;
  /** `snapshot`: it waits for one to be told by its API. */
  readonly begins: 'boot' | 'boot with metadata' | 'snapshot';
}

const JAIL_ID = 'vm';
const API_SOCKET = 'api.sock';
const NAME = 'firecracker';
/** Directory in the root of the jail in which Firecracker may write the files of a snapshot, while berth has put them there. */
export const SAVE = 'save';

/**
 * What the jailer needs to make the jail and to become the user of the VM. It keeps none of them. It chowns what it made, and
 * writes into directories that are the user's by then.
 */
const JAILER_CAPABILITIES = [
  ...['CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'MKNOD', 'SETGID', 'SETUID', 'SYS_ADMIN', 'SYS_CHROOT', 'SYS_RESOURCE'],
] as const;

/**
 * mount(8) goes by the name, which may be another file's by now; -ef compares device and inode of what was mounted with what the
 * agent holds open. A directory that somebody puts in the place of a drive finds a file there, on which it cannot be mounted.
 */
const SHOW = `while [ "$1" != -- ]; do
  if [ "$3" = ${SAVE} ]; then mkdir "$root/$3"; else : >"$root/$3"; fi
  mount -o "$1" "$2" "$root/$3"
  [ -z "$4" ] || [ "$root/$3" -ef "$4" ] || { echo "$2 was exchanged while it was mounted" >&2; exit 1; }
  shift 4
done`;

/**
 * Of a mount of the host /dev and programs may be forbidden, as on /run; the jail has both. The jailer takes the real name of the
 * program for a directory: shown under one name, an upgrade of it moves no jail.
 */
const SCRIPT = [
  'set -e; base=$1 root=$2 program=$3; shift 3',
  'rm -rf --one-file-system "$base"; mkdir -p "$root" "$base/bin"',
  'mount --bind "$base" "$base"; mount -o remount,bind,nosuid,dev,exec "$base"',
  `: >"$base/bin/${NAME}"; mount -o bind,ro "$program" "$base/bin/${NAME}"`,
  SHOW,
  'shift; exec "$@"',
].join('\n');

export function jailOf(directory: string): Jail {
  const base = join(directory, 'jail');
  const root = join(base, NAME, JAIL_ID, 'root');
  return { base, root, apiSocket: join(root, API_SOCKET), pidFile: join(root, `${NAME}.pid`) };
}

export function launchCommand({ jail, programs, files, held, uid, largestFile, begins }: LaunchOptions): string[] {
  const { unshare, sh, setpriv, jailer, firecracker } = programs;
  const mounts = files.flatMap(({ host, name, readOnly }) => [
    ...[readOnly ? 'bind,ro' : 'bind', host, name, held.get(host) ?? ''],
  ]);
  return [
    ...[unshare, '--mount', '--propagation', 'slave', '--', sh, '-c', SCRIPT, 'berth-firecracker'],
    ...[jail.base, jail.root, firecracker, ...mounts, '--'],
    ...[setpriv, '--no-new-privs', '--inh-caps=-all', `--bounding-set=${setprivSet(JAILER_CAPABILITIES)}`],
    ...['--clear-groups', '--', jailer, '--id', JAIL_ID, '--exec-file', join(jail.base, 'bin', NAME)],
    ...['--uid', String(uid), '--gid', String(uid), '--chroot-base-dir', jail.base, '--new-pid-ns'],
    // Without --cgroup and --parent-cgroup the jailer leaves the process in the cgroup that it was born into.
    ...['--resource-limit', `fsize=${largestFile}`, '--'],
    ...['--api-sock', `/${API_SOCKET}`],
    // What the configuration file says of the log of one that boots.
    ...(begins === 'snapshot' ? ['--level', 'Warning'] : ['--config-file', '/config.json']),
    ...(begins === 'boot with metadata' ? ['--metadata', '/metadata.json'] : []),
  ];
}
