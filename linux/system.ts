// Two facts that only libc tells.
import { func, optionalFunc } from './libc.js';

const TIME_ERROR = 5;

/** `"2.41"`; undefined where libc is not glibc. */
export function glibcVersion(): string | undefined {
  const version: unknown = optionalFunc('const char *gnu_get_libc_version()')?.();
  return typeof version === 'string' ? version : undefined;
}

/** Whether the kernel thinks that its clock follows a source (adjtimex(2)); undefined where a seccomp filter forbids to ask. */
export function clockSynchronised(): boolean | undefined {
  // struct timex with modes = 0 only reads; it is 208 bytes on 64-bit Linux.
  const result = func('int adjtimex(_Inout_ void *timex)')(Buffer.alloc(256));
  return result < 0 ? undefined : result !== TIME_ERROR;
}
