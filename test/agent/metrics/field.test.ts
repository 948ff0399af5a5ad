import test from 'ava';
import { FIELD_WIDTH, formatValue, writeValue } from '../../../agent/metrics/field.js';
import { fc } from '../../runner/property.js';

function written(value: number, unit: 'integer' | 'microseconds'): string {
  const buffer = Buffer.alloc(FIELD_WIDTH + 2, 'x');
  writeValue(buffer, 1, value, unit);
  const text = buffer.toString('latin1');
  if (!text.startsWith('x') || !text.endsWith('x')) throw new Error(`wrote outside the field: ${text}`);
  return text.slice(1, -1);
}

const whole = fc.oneof(fc.maxSafeNat(), fc.nat(), fc.nat(2000), fc.constantFrom(0, 2 ** 31 - 1, 2 ** 31, 2 ** 53 - 1));

test('a field is the plain value with blanks before it', (t) => {
  fc.assert(
    fc.property(whole, fc.constantFrom('integer' as const, 'microseconds' as const), (value, unit) => {
      t.is(written(value, unit), formatValue(value, unit).padStart(FIELD_WIDTH));
    }),
    { numRuns: 2000 },
  );
});

test('seconds are the exact decimals of the microseconds', (t) => {
  t.is(written(1_000_001, 'microseconds').trim(), '1.000001');
  t.is(written(0, 'microseconds').trim(), '0.000000');
  t.is(written(2 ** 53 - 1, 'microseconds').trim(), '9007199254.740991');
  fc.assert(
    fc.property(whole, (value) => BigInt(formatValue(value, 'microseconds').replace('.', '')) === BigInt(value)),
  );
});

test('any double fits the field and reads back', (t) => {
  fc.assert(
    fc.property(fc.double(), (value) => {
      const text = written(value, 'integer');
      t.is(text.length, FIELD_WIDTH);
      if (Number.isNaN(value)) return text.trim() === 'NaN';
      if (!Number.isFinite(value)) return text.trim() === (value > 0 ? '+Inf' : '-Inf');
      return Math.abs(Number(text) - value) <= Math.abs(value) * 1e-11;
    }),
  );
});
