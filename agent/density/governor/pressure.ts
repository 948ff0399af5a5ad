// Pressure of the whole host, from /proc/pressure.
import { parsePressure } from '../../../cgroups/psi.js';
import type { PressureTotals } from '../../../cgroups/types.js';
import { readOptional } from '../../../linux/proc.js';
import type { PressureSample } from './types.js';

export type HostStalls = Readonly<Record<keyof PressureSample, PressureTotals>>;

/** Undefined on a kernel without PSI, or with it turned off (psi=0: the files are there, and opening them says EOPNOTSUPP). */
export function hostStalls(proc = '/proc'): HostStalls | undefined {
  const totals = (['cpu', 'io', 'memory'] as const).map((name) => {
    try {
      return readOptional(`${proc}/pressure/${name}`);
    } catch {
      return undefined;
    }
  });
  const [cpu, io, memory] = totals.map((text) =>
    text === undefined ? undefined : parsePressure(Buffer.from(text, 'latin1')),
  );
  return cpu === undefined || io === undefined || memory === undefined ? undefined : { cpu, io, memory };
}

/** Of the line `some`, which is what starts are slowed by. */
export function someOf(stalls: HostStalls | undefined): PressureSample | undefined {
  if (stalls === undefined) return undefined;
  return { cpu: stalls.cpu.someUsec, io: stalls.io.someUsec, memory: stalls.memory.someUsec };
}

/** Shares of the time between two samples; 0-1. Undefined where nothing can be said. */
export function pressureBetween(
  before: PressureSample | undefined,
  after: PressureSample | undefined,
  ms: number,
): { cpu?: number; io?: number; memory?: number } {
  if (before === undefined || after === undefined || ms <= 0) return {};
  const share = (name: keyof PressureSample) => Math.min(1, Math.max(0, (after[name] - before[name]) / (ms * 1000)));
  return { cpu: share('cpu'), io: share('io'), memory: share('memory') };
}
