// Errors as they leave the agent, and those that many rooms throw.
import { messageOf } from '../../linux/errors.js';
import { BerthError, ERRORS, type ErrorReport } from '../../protocol/errors.js';
import { hostErrorOf } from './host-errors.js';

export function noWorkload(id: string): BerthError {
  return new BerthError('not_found', `there is no workload "${id}"`, { data: { id } });
}

export function noReservation(name: string): BerthError {
  return new BerthError('reservation_not_found', `there is no reservation "${name}"`, { data: { reservation: name } });
}

/** By name: the command and the daemon are two bundles, and a class is another one in each. */
function isBerthError(error: unknown): error is BerthError {
  return error instanceof Error && error.name === 'BerthError' && 'code' in error && String(error.code) in ERRORS;
}

/** Any thrown value as a report. Errors of the host become `disk_full` or `os_error`; what nobody foresaw, `internal`. */
export function reportOf(error: unknown): ErrorReport {
  if (isBerthError(error)) {
    const { code, message, hint, data } = error;
    return data === undefined ? { code, message, hint } : { code, message, hint, data };
  }
  const host = hostErrorOf(error);
  if (host !== undefined) {
    const { op, path, value, errno, message, hint, full } = host;
    const code = full ? 'disk_full' : 'os_error';
    return { code, message, hint: hint ?? ERRORS[code].hint, data: { op, path, value, errno } };
  }
  const message = messageOf(error);
  return { code: 'internal', message, hint: ERRORS.internal.hint };
}
