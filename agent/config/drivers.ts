// [drivers.NAME]: what the node says of each driver.
import * as z from 'zod';
import { sizeText } from '../values/amounts.js';
import { program } from '../values/places.js';

/** What an exec workload may ask for beyond its sandbox; each is a way to the host. */
export const EXEC_GRANTS = ['root', 'user', 'host-network', 'isolation-none'] as const;
export type ExecGrant = (typeof EXEC_GRANTS)[number];

const size = sizeText();
/** (uid_t) -1 means "leave as it is" to setresuid(2). */
const MAX_UID = 2 ** 32 - 2;
const UID_RANGE = /^(\d{1,10})-(\d{1,10})$/;

export interface UidRange {
  readonly first: number;
  readonly last: number;
}

/** `FIRST-LAST`; undefined when it is not a range of usable uids. */
export function parseUids(text: string): UidRange | undefined {
  const [, from, to] = UID_RANGE.exec(text) ?? [];
  const [first, last] = [Number(from), Number(to)];
  return first >= 1 && first <= last && last <= MAX_UID ? { first, last } : undefined;
}

export const driversSchema = z.strictObject({
  exec: z
    .strictObject({
      allow: z
        .array(z.enum(EXEC_GRANTS))
        .default([...EXEC_GRANTS])
        .meta({
          description:
            'what a workload may ask for: user root, another user of the host, the network of the host, no sandbox',
        }),
      uids: z
        .string()
        .refine((text) => parseUids(text) !== undefined, 'must be a range FIRST-LAST of uids above 0')
        // Of those that systemd leaves to nobody (UIDS-GIDS.md: 1879048192 to 2147483647), the ones that VMs do not use.
        .default('2013265920-2014314495')
        .meta({ description: 'uids and gids for sandboxes, one each; nobody else may use them' }),
      // A tmpfs of size 0 has no limit (mm/shmem.c).
      tmp: sizeText(4096)
        .default('64Mi')
        .meta({ description: 'size of /tmp and of /var/tmp of a sandbox, in its memory' }),
    })
    .prefault({}),
  qemu: z
    .strictObject({
      accel: z.enum(['auto', 'kvm', 'tcg']).default('auto').meta({ description: 'auto: kvm when a probe says so' }),
      overhead: size.default('160Mi').meta({ description: 'memory of the VMM itself, on top of the guest' }),
    })
    .prefault({}),
  oci: z
    .strictObject({ runtime: program.default('crun').meta({ description: 'OCI runtime, of exec sandboxes, too' }) })
    .prefault({}),
});
