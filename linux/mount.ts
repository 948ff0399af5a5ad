// mount(2) and umount2(2), as far as named namespaces need them.
import { constants } from 'node:os';
import { SysError } from './errors.js';
import { check, errno, func } from './libc.js';

const MS_BIND = 4096;
const MS_REC = 16384;
const MS_SHARED = 1 << 20;
const MNT_DETACH = 2;

const libc = {
  mount: func(
    'int mount(const char *source, const char *target, const char *type, unsigned long flags, const void *data)',
  ),
  umount2: func('int umount2(const char *target, int flags)'),
};

/** Binds `source` over `target`; with `recursive` the mounts below it too. Throws SysError. */
export function bindMount(source: string, target: string, options: { recursive?: boolean } = {}): void {
  const flags = MS_BIND | (options.recursive === true ? MS_REC : 0);
  check(libc.mount(source, target, 'none', flags, null), 'mount', { path: target, value: source });
}

/** Makes the mount at `target` shared (mount_namespaces(7)); false when `target` is not a mount point (EINVAL). */
export function makeShared(target: string): boolean {
  if (libc.mount('', target, 'none', MS_SHARED | MS_REC, null) === 0) return true;
  const code = errno();
  if (code === constants.errno.EINVAL) return false;
  throw new SysError('mount', code, { path: target, value: 'MS_SHARED' });
}

/** Detaches the topmost mount at `target`; false when nothing is mounted there (EINVAL) or it is absent (ENOENT). */
export function detachMount(target: string): boolean {
  if (libc.umount2(target, MNT_DETACH) === 0) return true;
  const code = errno();
  if (code === constants.errno.EINVAL || code === constants.errno.ENOENT) return false;
  throw new SysError('umount2', code, { path: target });
}
