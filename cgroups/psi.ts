// Pressure stall information, Documentation/accounting/psi.rst. The same text in /proc/pressure and in a cgroup.
import type { PressureTotals } from './types.js';

/** A text without `full` line (cpu before Linux 5.13) gives 0 there. */
export function parsePressure(text: string): PressureTotals {
  const full = text.startsWith('full') ? 0 : text.indexOf('\nfull') + 1;
  const hasFull = full > 0 || text.startsWith('full');
  return {
    someUsec: number(text, 'total=', 0),
    fullUsec: hasFull ? number(text, 'total=', full) : 0,
    someAvg10: number(text, 'avg10=', 0),
    fullAvg10: hasFull ? number(text, 'avg10=', full) : 0,
  };
}

function number(text: string, key: string, from: number): number {
  const at = text.indexOf(key, from);
  return at < 0 ? 0 : Number.parseFloat(text.slice(at + key.length, at + key.length + 24));
}
