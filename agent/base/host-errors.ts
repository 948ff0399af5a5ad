// What the host refuses, in words: errno -> what has run out or is in the way, and what a person does about it. One table for
// every error of the operating system that leaves the agent, so that none of them is told as a defect of berth.
import { dirname } from 'node:path';
import { SysError } from '../../linux/errors.js';

interface HostProblem {
  /** Follows `OPERATION PATH: `. */
  readonly says: string;
  readonly fix: string;
}

/** errno(3). `PATH` in a fix stands for the directory of the object. */
export const HOST_PROBLEMS = {
  ENOSPC: {
    says: 'no space left on the file system',
    fix: 'Free space or inodes there (`df -h PATH; df -i PATH`). Stop and delete work meanwhile.',
  },
  EDQUOT: {
    says: 'the disk quota of the user is used up',
    fix: 'Raise the quota, or free space there (`repquota -a`, `df -h PATH`). Stop and delete work meanwhile.',
  },
  EROFS: {
    says: 'the file system is read-only',
    fix: 'See `dmesg` for why the kernel made it so; check the disk, then `mount -o remount,rw` the file system of PATH.',
  },
  EIO: { says: 'the disk answers with an input/output error', fix: 'Check the disk of PATH: `dmesg`, `smartctl -a`.' },
  EMFILE: {
    says: 'the agent has too many open files',
    fix: 'Raise LimitNOFILE= of berth.service, then `systemctl daemon-reload && systemctl restart berth`.',
  },
  ENFILE: {
    says: 'the host has too many open files',
    fix: 'Raise the limit of the host (`sysctl fs.file-max`), or end the program that holds them.',
  },
  ENOMEM: {
    says: 'the kernel has no memory for it',
    fix: 'Free memory on the host; see `free -m` and `berth node capacity`.',
  },
  ENOENT: {
    says: 'the file or directory does not exist',
    fix: 'Something removed it, or never made it: look at PATH, and restart berth to make its own directories again.',
  },
  ENOTDIR: {
    says: 'a part of the path is not a directory',
    fix: 'Look at PATH (`ls -ld`) and move away what is there.',
  },
  EISDIR: { says: 'a directory is in the place of the file', fix: 'Move that directory away from PATH.' },
  EEXIST: { says: 'something with this name exists', fix: 'Move what is there away from PATH.' },
  EPERM: {
    says: 'the kernel does not permit it',
    fix: 'Look for an immutable file (`lsattr PATH`), a missing capability or a security module (`dmesg`).',
  },
  EACCES: {
    says: 'permission denied',
    fix: 'Look at owner, mode and mount options (`namei -l PATH`) and at security modules (`dmesg`).',
  },
  EINVAL: { says: 'it is not valid for this file', fix: 'Look at what is there: `ls -l PATH`.' },
  EFBIG: {
    says: 'the file is too large',
    fix: 'Look at what is there (`ls -l PATH`), and move away what does not belong there.',
  },
  EBUSY: { says: 'the object is in use', fix: 'Look for what holds it: `findmnt PATH`, `fuser -v PATH`.' },
  EXDEV: { says: 'the two paths are on different file systems', fix: 'Look at the mounts below PATH: `findmnt`.' },
  ELOOP: { says: 'too many symbolic links', fix: 'Look at PATH: `namei -l PATH`.' },
  ENXIO: { says: 'the file is a socket or a device without a driver', fix: 'Move what is there away from PATH.' },
  EAGAIN: {
    says: 'the kernel has no room for another process or lock',
    fix: 'Look at the limits of processes: `systemctl show berth -p TasksMax`, `sysctl kernel.threads-max`.',
  },
  ETIMEDOUT: { says: 'no answer in time', fix: 'The host is slow or stuck: see `berth doctor` and `dmesg`.' },
} as const satisfies Record<string, HostProblem>;

export type HostErrno = keyof typeof HOST_PROBLEMS;

/** Errnos that say: no room for what is to be written. */
const FULL: readonly string[] = ['ENOSPC', 'EDQUOT'];

export interface HostError {
  readonly op: string;
  readonly path: string | undefined;
  readonly value: string | undefined;
  readonly errno: string;
  readonly message: string;
  /** Undefined: the table does not know this errno. */
  readonly hint: string | undefined;
  /** The file system of `path` is full, or the quota of its user. */
  readonly full: boolean;
}

/** Whether there is no room for what was to be written. */
export function isFull(errno: string | undefined): boolean {
  return errno !== undefined && FULL.includes(errno);
}

/** What the operating system said, of an error of node:fs, node:net or of the room `linux`; undefined: it is none. */
export function hostErrorOf(error: unknown): HostError | undefined {
  if (error instanceof SysError) {
    const { op, path, value, errnoName: errno, message } = error;
    // Elsewhere than on a disk an errno means what the one who throws says of it.
    if (!onDisk(path)) return told({ op, path, value, errno, message });
    const [, note] = message.split(`${errno}: `);
    return told({ op, path, value, errno, note });
  }
  if (!(error instanceof Error)) return undefined;
  const { errno, code: name, syscall: op = 'system call', path } = error as NodeJS.ErrnoException;
  return typeof errno === 'number' && typeof name === 'string' ? told({ op, path, errno: name }) : undefined;
}

interface Said {
  readonly op: string;
  readonly path?: string | undefined;
  readonly value?: string | undefined;
  readonly errno: string;
  /** The whole sentence, where the table is not asked. */
  readonly message?: string;
  /** More than the errno says. */
  readonly note?: string | undefined;
}

function told({ op, path, value, errno, message, note }: Said): HostError {
  const problem: HostProblem | undefined = Object.hasOwn(HOST_PROBLEMS, errno)
    ? HOST_PROBLEMS[errno as HostErrno]
    : undefined;
  const full = isFull(errno) && onDisk(path);
  const on = path === undefined ? '' : ` ${path}`;
  const said = problem === undefined ? errno : `${problem.says} (${errno})`;
  // In the kernel's own file systems the same errno means something else: a limit, a hierarchy, a missing object.
  const hint = path !== undefined && !onDisk(path) ? undefined : problem?.fix;
  return {
    ...{ op, path, value, errno, full },
    message: message ?? `${op}${on}: ${said}${note === undefined ? '' : `: ${note}`}`,
    hint: hint?.replaceAll('PATH', path === undefined ? 'DIRECTORY' : dirname(path)),
  };
}

/** Not of a file system that the kernel makes up. */
function onDisk(path: string | undefined): boolean {
  return path?.startsWith('/') === true && !/^\/(?:sys|proc)(?:\/|$)/.test(path);
}
