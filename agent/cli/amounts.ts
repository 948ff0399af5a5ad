// Amounts of a dimension as people write them.
import { formatSize } from '../base/units.js';
import type { CapacityRow } from '../model/capacity.js';

/** `null`: no limit. */
export function amount(dimension: CapacityRow['dimension'], value: number | null): string {
  if (value === null) return 'no limit';
  return isBytes(dimension) ? formatSize(value) : String(Math.round(value * 100) / 100);
}

function isBytes(dimension: string): boolean {
  return dimension === 'memory' || dimension === 'disk';
}
