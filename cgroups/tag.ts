// Who made a directory, written on the directory itself, so that a lost journal costs nothing. For cgroups, and for any
// other directory of a file system with extended attributes.
import { existsSync } from 'node:fs';
import { codeOf } from '../linux/errors.js';
import { getXattr, setXattr } from '../linux/xattr.js';

// trusted.* needs CAP_SYS_ADMIN in the first user namespace: nobody to whom a cgroup is delegated writes it. An agent in a
// container may not have that either; user.* (kernfs: since Linux 5.7) is what is left to it, and what versions before
// this one wrote. The first that is there counts.
const NAMES = ['trusted.berth', 'user.berth'] as const;

/** Writes `owner` on the directory `dir`, replacing what was there. Throws SysError. */
export function writeTag(dir: string, owner: string): void {
  try {
    setXattr(dir, NAMES[0], owner);
  } catch (error) {
    if (codeOf(error) !== 'EOPNOTSUPP' && codeOf(error) !== 'EPERM') throw error;
    setXattr(dir, NAMES[1], owner);
  }
}

/** Undefined when there is no tag or no directory. Throws SysError otherwise. */
export function readTag(dir: string): string | undefined {
  // As at each start; an error costs more than the call.
  if (!existsSync(dir)) return undefined;
  try {
    return getXattr(dir, NAMES[0]) ?? getXattr(dir, NAMES[1]);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}
