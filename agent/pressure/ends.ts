// Why a process is no more, from what the holder saw (wait status) and what the kernel counted (memory.events).
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { counter } from '../../cgroups/keyed.js';
import type { ExitRecord } from '../../systemd/holder/protocol.js';
import type { EndRecord, ProcessRecord } from '../workload/record.js';
import { formatSize } from '../workload/units.js';

/** memory.events `oom_kill` and memory.max of a cgroup; zero and undefined where there is no memory controller. */
export async function readOom(directory: string): Promise<{ kills: number; limit: string | undefined }> {
  const read = (file: string) => readFile(join(directory, file), 'latin1').catch(() => '');
  const [events, max] = await Promise.all([read('memory.events'), read('memory.max')]);
  return { kills: counter(events, 'oom_kill'), limit: max.trim() === '' ? undefined : max.trim() };
}

export function describeEnd(
  exit: ExitRecord,
  process: ProcessRecord | null,
  oom: { readonly kills: number; readonly limit: string | undefined },
  stopRequested: boolean,
): EndRecord {
  const { at, code, signal } = exit;
  const kills = oom.kills - (process?.oomKillsBefore ?? 0);
  if (kills > 0 && signal !== null) {
    const limit =
      oom.limit === undefined || oom.limit === 'max' ? 'no limit of its own' : formatSize(Number(oom.limit));
    const detail = `killed by the kernel at its memory limit (memory.max ${limit}, memory.events oom_kill ${kills})`;
    return { at, code, signal, cause: 'limit', detail };
  }
  if (stopRequested) return { at, code, signal, cause: 'stopped', detail: `stopped on request (${howOf(exit)})` };
  if (signal !== null) return { at, code, signal, cause: 'signal', detail: `ended by signal ${signal}` };
  if (code !== null) return { at, code, signal, cause: 'exit', detail: `exited with code ${code}` };
  return { at, code, signal, cause: 'lost', detail: 'ended while nobody could see its exit status' };
}

function howOf(exit: ExitRecord): string {
  if (exit.signal !== null) return `signal ${exit.signal}`;
  return exit.code === null ? 'exit status unknown' : `exit code ${exit.code}`;
}
