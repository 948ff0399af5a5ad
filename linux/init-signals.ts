// The first process of a pid namespace gets no signal for which it has no handler (pid_namespaces(7)).
import { join } from 'node:path';
import { readOptional } from './proc.js';

/** Whether the kernel drops the signal instead of taking its default action: nobody handles, ignores or waits for it. */
export function isShieldedFrom(pid: number, signal: number, proc = '/proc'): boolean {
  const status = readOptional(join(proc, String(pid), 'status'));
  if (status === undefined) return false;
  const pids = /^NSpid:\s+(.*)$/m.exec(status)?.[1]?.split(/\s+/) ?? [];
  if (pids.length < 2 || pids.at(-1) !== '1') return false;
  const bit = 1n << BigInt(signal - 1);
  return ['SigBlk', 'SigIgn', 'SigCgt'].every((field) => (maskOf(status, field) & bit) === 0n);
}

function maskOf(status: string, field: string): bigint {
  return BigInt(`0x${new RegExp(`^${field}:\\s+([0-9a-f]+)$`, 'm').exec(status)?.[1] ?? '0'}`);
}
