// A kernel without one of the modules answers with a number that says little: the error names the module.

import { constants } from 'node:os';
import { defined } from '../../linux/defined.js';
import { SysError } from '../../linux/errors.js';

const { ENOENT, EOPNOTSUPP } = constants.errno;

/** Runs `body`; a SysError that means a missing module is thrown again with the name of the module. */
export function namingModule<T>(body: () => T): T {
  try {
    return body();
  } catch (error) {
    const module = error instanceof SysError ? missingModule(error) : undefined;
    if (!(error instanceof SysError) || module === undefined) throw error;
    const detail = {
      ...defined({ path: error.path, value: error.value }),
    };
    throw new SysError(error.op, error.errno, { ...detail, note: `the kernel has no ${module} (modprobe ${module})` });
  }
}

// The devices, parents and classes that ENOENT could mean too are known to be there.
function missingModule({ op, errno, message }: SysError): string | undefined {
  if (op === 'RTM_NEWLINK ifb' && errno === EOPNOTSUPP) return 'ifb';
  if (errno !== ENOENT) return undefined;
  if (op === 'RTM_NEWQDISC tbf') return 'sch_tbf';
  if (op === 'RTM_NEWQDISC ingress') return 'sch_ingress';
  // Both come back from one request; act_api.c says "Failed to load TC action module".
  if (op === 'RTM_NEWTFILTER') return /action/i.test(message) ? 'act_mirred' : 'cls_u32';
  return undefined;
}
