// A procfs of our own, mounted nowhere. Every network namespace that has been looked up below /proc/sys/net leaves an
// entry there in one hash chain of the directory cache (proc_sys_compare in fs/proc/proc_sysctl.c), which each later
// lookup walks: with thousands of namespaces a write costs half a millisecond. An instance of one's own, given up now
// and then, forgets them. See fsopen(2), fsconfig(2), fsmount(2).
import { closeDescriptor } from './fd.js';
import { optionalFunc } from './libc.js';

const FSOPEN_CLOEXEC = 1;
const FSMOUNT_CLOEXEC = 1;
const FSCONFIG_CMD_CREATE = 6;
/** Some 64 to 256 namespaces between two instances; a new one takes about 20 us. */
const LOOKUPS = 256;

// In glibc since 2.36; before, the one procfs of the host has to do.
const libc = {
  fsopen: optionalFunc('int fsopen(const char *type, unsigned int flags)'),
  fsconfig: optionalFunc('int fsconfig(int fd, unsigned int command, const char *key, const void *value, int aux)'),
  fsmount: optionalFunc('int fsmount(int fd, unsigned int flags, unsigned int attributes)'),
};

export class Procfs {
  #fd: number | undefined;
  #left = 0;

  /** Where it is now; /proc where the kernel or libc has no such thing. To be asked for again before each use. */
  get root(): string {
    if (this.#left-- <= 0) this.#renew();
    return this.#fd === undefined ? '/proc' : `/proc/self/fd/${this.#fd}`;
  }

  close(): void {
    if (this.#fd !== undefined) closeDescriptor(this.#fd);
    this.#fd = undefined;
    this.#left = 0;
  }

  #renew(): void {
    this.close();
    this.#fd = mountProc();
    this.#left = LOOKUPS;
  }
}

function mountProc(): number | undefined {
  const { fsopen, fsconfig, fsmount } = libc;
  if (fsopen === undefined || fsconfig === undefined || fsmount === undefined) return undefined;
  const context = fsopen('proc', FSOPEN_CLOEXEC);
  if (context < 0) return undefined;
  try {
    if (fsconfig(context, FSCONFIG_CMD_CREATE, null, null, 0) < 0) return undefined;
    const mount = fsmount(context, FSMOUNT_CLOEXEC, 0);
    return mount < 0 ? undefined : mount;
  } finally {
    closeDescriptor(context);
  }
}
