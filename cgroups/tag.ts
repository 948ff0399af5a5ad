// Who made a cgroup, written on the cgroup itself, so that a lost journal costs nothing.
import { codeOf } from '../linux/errors.js';
import { getXattr, setXattr } from '../linux/xattr.js';

// kernfs takes user.* since Linux 5.7 (128 of them, 128 KiB in all, per cgroup); before only trusted.*, which
// needs CAP_SYS_ADMIN. Delegated users may write user.* themselves: the tag says who made it, not who may.
const NAMES = ['user.berth', 'trusted.berth'] as const;

/** Writes `owner` on the directory `dir`, replacing what was there. Throws SysError. */
export function writeTag(dir: string, owner: string): void {
  try {
    setXattr(dir, NAMES[0], owner);
  } catch (error) {
    if (codeOf(error) !== 'EOPNOTSUPP') throw error;
    setXattr(dir, NAMES[1], owner);
  }
}

/** Undefined when there is no tag or no directory. Throws SysError otherwise. */
export function readTag(dir: string): string | undefined {
  try {
    return getXattr(dir, NAMES[0]) ?? getXattr(dir, NAMES[1]);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}
