// Errors as CNI has them: a number that the runtime acts on, and a sentence (spec 1.1.0, section "Error").

import type { ErrorCode } from '../../protocol/errors.js';
import { reportOf } from '../base/errors.js';

/** Below 100 as the specification says them; `refused` is ours. */
export const FAULTS = {
  version: 1,
  unsupported: 2,
  gone: 3,
  environment: 4,
  io: 5,
  decode: 6,
  config: 7,
  later: 11,
  unavailable: 50,
  limited: 51,
  refused: 100,
} as const;

export type FaultName = keyof typeof FAULTS;

export class CniFault extends Error {
  readonly fault: FaultName;
  readonly details: string;

  constructor(fault: FaultName, message: string, details = '') {
    super(message);
    this.name = 'CniFault';
    this.fault = fault;
    this.details = details;
  }
}

/** What may be otherwise in a while without anybody changing the request, and what the configuration has wrong. */
const BY_CODE: Partial<Record<ErrorCode, FaultName>> = {
  rate_limited: 'later',
  start_queue_full: 'later',
  shutting_down: 'later',
  network_unavailable: 'later',
  supervisor_unavailable: 'later',
  deadline_exceeded: 'later',
  admission_refused: 'later',
  address_pool_exhausted: 'later',
  cordoned: 'later',
  port_in_use: 'later',
  disk_full: 'io',
  os_error: 'io',
  invalid_spec: 'config',
  network_missing: 'config',
  not_permitted: 'config',
};

export function faultOf(error: unknown): CniFault {
  if (error instanceof CniFault) return error;
  const { code, message, hint } = reportOf(error);
  return new CniFault(BY_CODE[code] ?? 'refused', message, `${code}: ${hint}`);
}
