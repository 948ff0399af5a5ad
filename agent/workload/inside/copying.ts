// How the program that copies files gets into a workload: as itself, whatever the driver, next to the main process.
import { BerthError } from '../../../protocol/errors.js';
import type { Entry } from '../../drivers/driver.js';
import { DEFAULT_PATH } from '../../drivers/environment.js';
import type { CopyRequest } from '../../model/execution.js';
import type { WorkloadRecord } from '../../model/record.js';
import { COPY_PROGRAM } from './copy-program.js';

/** Throws `binary_missing`, `workload_not_running`. */
export function copyEntry(
  { id, process, state }: Pick<WorkloadRecord, 'id' | 'process' | 'state'>,
  { direction, path, as }: CopyRequest,
  which: (binary: string) => string | undefined,
): Entry {
  const perl = which('perl');
  if (perl === undefined)
    throw new BerthError('binary_missing', 'perl is not installed: it copies files into workloads and out of them', {
      hint: 'Install the package perl-base.',
      data: { binary: 'perl' },
    });
  if (process === null)
    throw new BerthError('workload_not_running', `workload "${id}" has no process`, { data: { id, state } });
  const main = [String(process.pid), String(process.startTime)];
  return {
    argv: [perl, '-e', COPY_PROGRAM, direction, ...main, path, as],
    // Bytes are bytes, and its words are those that docs quote.
    env: { PATH: DEFAULT_PATH, LC_ALL: 'C' },
    cwd: '/',
    joinNetns: false,
  };
}
