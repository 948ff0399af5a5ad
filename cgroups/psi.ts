// Pressure stall information, Documentation/accounting/psi.rst. The same text in /proc/pressure and in a cgroup:
//   some avg10=0.00 avg60=0.00 avg300=0.00 total=0
//   full avg10=0.00 avg60=0.00 avg300=0.00 total=0
import { numberAt } from './keyed.js';
import type { PressureTotals } from './types.js';

const EQUALS = 0x3d;
const DOT = 0x2e;
const NEWLINE = 0x0a;
const LETTER_F = 0x66;

/** The first `end` bytes. Without a line `full` (cpu before Linux 5.13) that part is 0. */
export function parsePressure(bytes: Uint8Array, end: number = bytes.length): PressureTotals {
  const totals = { someUsec: 0, fullUsec: 0, someAvg10: 0, fullAvg10: 0 };
  let at = 0;
  while (at < end) {
    const full = bytes[at] === LETTER_F;
    // The first number of a line is avg10, the last is total.
    const first = after(bytes, at, end, EQUALS);
    let last = first;
    let stop = first;
    for (; stop < end && bytes[stop] !== NEWLINE; stop++) if (bytes[stop] === EQUALS) last = stop + 1;
    const average = hundredths(bytes, first, stop);
    const total = numberAt(bytes, last, stop);
    if (full) {
      totals.fullAvg10 = average;
      totals.fullUsec = total;
    } else {
      totals.someAvg10 = average;
      totals.someUsec = total;
    }
    at = stop + 1;
  }
  return totals;
}

function after(bytes: Uint8Array, from: number, end: number, byte: number): number {
  let at = from;
  while (at < end && bytes[at] !== byte) at++;
  return at + 1;
}

/** `12.34`; always two digits after the point. */
function hundredths(bytes: Uint8Array, at: number, end: number): number {
  const whole = numberAt(bytes, at, end);
  const point = after(bytes, at, end, DOT);
  return point > end ? whole : (whole * 100 + numberAt(bytes, point, end)) / 100;
}
