// The value field of a series line: fixed width, so that a new value is a patch in place and no line ever moves.
// The padding is blanks BEFORE the value: the text format allows any number of blanks between tokens, Prometheus and
// promtool accept it, and promtool rejects blanks after the value (it expects a timestamp there).

/** Bytes of a field: 13 digits of whole seconds, a point and 6 decimals; every safe integer needs 16. */
export const FIELD_WIDTH = 20;

/** `integer`: the value as it is. `microseconds`: a whole number of them, shown as seconds without rounding. */
export type Unit = 'integer' | 'microseconds';

const BLANK = 0x20;
const ZERO = 0x30;
const POINT = 0x2e;

/** The value as text, at most FIELD_WIDTH characters; the slow and obvious form of `writeValue`. */
export function formatValue(value: number, unit: Unit): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf';
  if (Number.isSafeInteger(value) && value >= 0) {
    if (unit === 'integer') return String(value);
    return `${Math.floor(value / 1e6)}.${String(value % 1e6).padStart(6, '0')}`;
  }
  const scaled = unit === 'integer' ? value : value / 1e6;
  if (Number.isSafeInteger(scaled)) return String(scaled);
  const text = String(Number(scaled.toPrecision(12)));
  return text.length <= FIELD_WIDTH ? text : scaled.toExponential(11);
}

/** Overwrites `buffer[offset, offset + FIELD_WIDTH)` with the value, right-aligned. Allocates nothing for counters. */
export function writeValue(buffer: Buffer, offset: number, value: number, unit: Unit): void {
  const end = offset + FIELD_WIDTH;
  let at = end;
  if (!(value >= 0 && Number.isSafeInteger(value))) {
    buffer.write(formatValue(value, unit).padStart(FIELD_WIDTH), offset, FIELD_WIDTH, 'latin1');
    return;
  }
  if (unit === 'integer') at = writeDigits(buffer, end, value);
  else {
    const seconds = Math.floor(value / 1e6);
    let rest = (value - seconds * 1e6) | 0;
    for (let i = 0; i < 6; i += 1) {
      const tens = (rest / 10) | 0;
      at -= 1;
      buffer[at] = ZERO + rest - tens * 10;
      rest = tens;
    }
    at -= 1;
    buffer[at] = POINT;
    at = writeDigits(buffer, at, seconds);
  }
  while (at > offset) {
    at -= 1;
    buffer[at] = BLANK;
  }
}

/** Writes a non-negative safe integer so that it ends before `end`; returns where it starts. */
function writeDigits(buffer: Buffer, end: number, value: number): number {
  let at = end;
  let high = value;
  // 32-bit integer division is several times faster in V8 than that of doubles, and most values are small.
  while (high > 0x7fffffff) {
    const next = Math.floor(high / 10);
    at -= 1;
    buffer[at] = ZERO + (high - next * 10);
    high = next;
  }
  let low = high | 0;
  do {
    const next = (low / 10) | 0;
    at -= 1;
    buffer[at] = ZERO + low - next * 10;
    low = next;
  } while (low > 0);
  return at;
}
