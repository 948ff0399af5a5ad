// Who QEMU runs as. Each microVM has a user of its own, so that one that was broken out of cannot touch another.
import { createHash } from 'node:crypto';
import { setprivSet } from '../capabilities.js';

/** Start of a range that systemd keeps free of any use (UIDS-GIDS.md: 1879048192 to 2147483647). Its upper half is left to exec. */
const FIRST_UID = 0x7000_0000;

/** The same for the same id, for ever; of 2^27. */
export function uidFor(id: string): number {
  return FIRST_UID + (createHash('sha256').update(`berth-qemu:${id}`).digest().readUInt32BE(0) >>> 5);
}

/**
 * QEMU starts as root, to open /dev/kvm, the tap and files that only root can read, and then gives up everything.
 * These are the capabilities it has until then.
 */
export const STARTUP_CAPABILITIES = ['DAC_OVERRIDE', 'NET_ADMIN', 'SETGID', 'SETUID', 'SYS_CHROOT'] as const;

export function setprivArguments(): string[] {
  return ['--no-new-privs', '--inh-caps=-all', `--bounding-set=${setprivSet(STARTUP_CAPABILITIES)}`, '--clear-groups'];
}
