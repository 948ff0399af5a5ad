// Privileges of a workload's root user, see capabilities(7).

/**
 * Docker's default set without MKNOD. berth does not attach a device filter to the cgroup, and without one a
 * workload that may make device nodes can open the host's disks.
 */
export const ROOT_CAPABILITIES = [
  'AUDIT_WRITE',
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'FSETID',
  'KILL',
  'NET_BIND_SERVICE',
  'NET_RAW',
  'SETFCAP',
  'SETGID',
  'SETPCAP',
  'SETUID',
  'SYS_CHROOT',
] as const;

/** As setpriv(1) takes a set: everything off, then those named on. */
export function setprivSet(names: readonly string[]): string {
  return ['-all', ...names.map((name) => `+${name.toLowerCase()}`)].join(',');
}
