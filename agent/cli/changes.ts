// What differs between two specifications, one line a field: `resources.memory.limit  256Mi -> 512Mi`.
import { formatSize, parseSize } from '../base/units.js';
import { MACHINE_DRIVERS } from '../model/driver-kinds.js';
import type { FieldChange } from '../model/spec-change.js';
import { clean, type Style } from './style.js';

/** Fields whose numbers are bytes. */
const BYTES = new RegExp(`^resources\\.(memory|hugepages|dmem)\\.(?!ksm$)|^(?:${MACHINE_DRIVERS.join('|')})\\.memory$`);

export function changeLines(changes: readonly FieldChange[], style: Style): string {
  const width = Math.max(0, ...changes.map(({ field }) => clean(field).length));
  return changes
    .map((change) => {
      const from = style.paint('red', valueText(change, 'from'));
      const to = style.paint('green', valueText(change, 'to'));
      return `  ${clean(change.field).padEnd(width)}  ${from} -> ${to}\n`;
    })
    .join('');
}

/** `resources.memory.limit 256Mi -> 512Mi, priority 100 -> 7` */
export function changeSummary(changes: readonly FieldChange[]): string {
  return changes
    .map((change) => `${clean(change.field)} ${valueText(change, 'from')} -> ${valueText(change, 'to')}`)
    .join(', ');
}

function valueText(change: FieldChange, side: 'from' | 'to'): string {
  const value = change[side];
  if (value === undefined) return '(none)';
  if (typeof value === 'number' && BYTES.test(change.field)) {
    const text = formatSize(value);
    return parseSize(text) === value ? text : String(value);
  }
  return clean(typeof value === 'string' ? value : JSON.stringify(value));
}
