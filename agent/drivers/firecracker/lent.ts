// Drives that a VM writes to. Firecracker opens them as the user of the VM, so they are its property while it has them; the owner
// before stands in an attribute of the file itself, which no crash, no lost journal and no reboot separates from it.
import { chownSync, readlinkSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { openBeneath } from '../../../linux/beneath.js';
import { codeOf } from '../../../linux/errors.js';
import { getXattr, removeXattr, setXattr } from '../../../linux/xattr.js';
import { BerthError } from '../../../protocol/errors.js';

const ATTRIBUTE = 'trusted.berth.lent';
/** Nothing, a symbolic link, or a path with `..` in it. */
const NEVER_LENT: ReadonlySet<string> = new Set(['ENOENT', 'ENOTDIR', 'ELOOP', 'EINVAL']);

interface Lent {
  /** Owner before. */
  readonly uid: number;
  readonly gid: number;
  /** The workload that has it, and its user. */
  readonly to: string;
  readonly as: number;
}

export interface Borrower {
  readonly id: string;
  readonly uid: number;
  /** Directory with a symbolic link for each uid that is in use; see ../uids.ts. */
  readonly claims: string;
}

/** A drive that is held open: `file` is /proc/PID/fd/N of it. */
export interface HeldDrive {
  readonly file: string;
  readonly path: string;
  readonly field: string;
}

/**
 * Gives the file to the user. By a descriptor: who may write to the directory of `path` could have root change the owner of any
 * file. Throws `start_failed` when another workload has it. Idempotent. Synchronous: between the question whose it is and the
 * answer no other start may come.
 */
export function lend({ file, path, field }: HeldDrive, { id, uid, claims }: Borrower): void {
  const owner = statSync(file);
  const lent = readLent(file);
  // Without its claim the other one has ended, and nobody gave the file back.
  if (lent !== undefined && lent.to !== id && userOf(lent.as, claims) === lent.to)
    throw new BerthError('start_failed', `${field}: ${path} is in use by workload ${lent.to}, which writes to it`, {
      hint: `Stop ${lent.to}, or give this workload an image of its own.`,
      data: { path, workload: lent.to },
    });
  const before = lent ?? owner;
  const now: Lent = { uid: before.uid, gid: before.gid, to: id, as: uid };
  setXattr(file, ATTRIBUTE, JSON.stringify(now));
  chownSync(file, uid, uid);
}

/** Gives it back; by a descriptor, as `lend`. What `lend` would not have opened is not lent. Idempotent, also when it is not there. */
export async function giveBack(path: string, id: string): Promise<void> {
  const handle = await openBeneath('/', path.slice(1)).catch((error: unknown) => {
    if (!NEVER_LENT.has(codeOf(error) ?? '')) throw error;
  });
  if (handle === undefined) return;
  try {
    const file = `/proc/self/fd/${handle.fd}`;
    const lent = readLent(file);
    if (lent?.to !== id) return;
    chownSync(file, lent.uid, lent.gid);
    removeXattr(file, ATTRIBUTE);
  } finally {
    await handle.close();
  }
}

function readLent(path: string): Lent | undefined {
  const text = getXattr(path, ATTRIBUTE);
  if (text === undefined) return undefined;
  try {
    const { uid, gid, to, as } = JSON.parse(text);
    const whole = [uid, gid, as].every(Number.isInteger) && typeof to === 'string';
    return whole ? { uid, gid, to, as } : undefined;
  } catch {
    return undefined;
  }
}

function userOf(uid: number, claims: string): string | undefined {
  try {
    return readlinkSync(join(claims, String(uid)));
  } catch {
    return undefined;
  }
}
