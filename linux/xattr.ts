// Extended attributes (xattr(7)), which Node has no call for. Values are UTF-8 text, or bytes.

import { errnoName, SysError } from './errors.js';
import { check, errno, func } from './libc.js';

const setxattr = func('int setxattr(const char *path, const char *name, const void *value, size_t size, int flags)');
const lsetxattr = func('int lsetxattr(const void *path, const void *name, const void *value, size_t size, int flags)');
const removexattr = func('int removexattr(const char *path, const char *name)');
const getxattr = func('long getxattr(const char *path, const char *name, _Out_ void *value, size_t size)');

/** Sets `name` (with its namespace, e.g. `user.berth`) on `path`. Throws SysError. */
export function setXattr(path: string, name: string, value: string): void {
  const bytes = Buffer.from(value);
  check(setxattr(path, name, bytes, bytes.length, 0), 'setxattr', { path, value: `${name}=${value}` });
}

/** As `setXattr`, for any bytes, on the link itself where `path` is one. Throws SysError. */
export function setXattrBytes(path: Buffer, name: string, value: Buffer): void {
  // An empty buffer has no address.
  const bytes = value.length === 0 ? Buffer.alloc(1) : value;
  const result = lsetxattr(terminated(path), terminated(Buffer.from(name)), bytes, value.length, 0);
  check(result, 'setxattr', { path: path.toString(), value: name });
}

/** The value of `name` on `path`; undefined when it is not set or this file system has none. Throws SysError otherwise. */
export function getXattr(path: string, name: string): string | undefined {
  const bytes = Buffer.alloc(4096);
  const size = getxattr(path, name, bytes, bytes.length);
  if (size >= 0) return bytes.toString('utf8', 0, size);
  const error = errno();
  if (['ENODATA', 'EOPNOTSUPP'].includes(errnoName(error))) return undefined;
  throw new SysError('getxattr', error, { path, value: name });
}

function terminated(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.from([0])]);
}

/** Idempotent. Throws SysError. */
export function removeXattr(path: string, name: string): void {
  if (removexattr(path, name) === 0) return;
  const error = errno();
  if (errnoName(error) !== 'ENODATA') throw new SysError('removexattr', error, { path, value: name });
}
