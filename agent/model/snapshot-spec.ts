// The field of a virtual machine that begins with the state of another one.
import * as z from 'zod';

export const snapshotField = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\/[0-9]{1,16}$/, 'must be WORKLOAD/NAME, as in vm-1/0001')
  .optional()
  .meta({
    description:
      'begins where the guest of this snapshot stood (WORKLOAD/NAME of `berth workload snapshots`, of the same tenant) instead of booting',
  });
