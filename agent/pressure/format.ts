// Cgroup files that are read as text here: rarely, and only under pressure.
import { parsePressure } from '../../cgroups/psi.js';
import type { PressureTotals } from '../../cgroups/types.js';

/** `"268435456\n"` -> 268435456, `"max\n"` -> `'max'`. */
export function limitOf(text: string): number | 'max' {
  return text.startsWith('max') ? 'max' : Number.parseInt(text, 10);
}

export function pressureOf(text: string): PressureTotals {
  return parsePressure(Buffer.from(text, 'latin1'));
}
