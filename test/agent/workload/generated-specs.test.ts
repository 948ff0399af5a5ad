// Whole specifications at random, many fields at once: of each that create accepts, everything that would be written to the kernel
// is as the kernel takes it, and every part of a spec is reached.
import test from 'ava';
import { BerthError } from '../../../protocol/errors.js';
import { fc, holds } from '../../runner/property.js';
import { accept, makeParts } from './spec-consumers.js';
import { FIELDS } from './spec-fields.js';
import { specs } from './spec-generator.js';

test('what create accepts, the kernel takes as it is', (t) => {
  const reached = new Set<string>();
  const spec = specs(accept);
  const taken = fc.property(spec, (one) => {
    note(reached, one, []);
    const wrong = makeParts(one);
    if (wrong.length > 0) throw new Error(wrong.join('; '));
  });
  holds(t, taken, { numRuns: 300, seed: 1 });
  t.deepEqual(
    FIELDS.filter((field) => !reached.has(field)),
    [],
    'fields that no specification had',
  );
});

test('what create refuses, it refuses with a code', (t) => {
  const refusals = new Set<string>();
  const judged = specs((input) => {
    try {
      return accept(input);
    } catch (error) {
      refusals.add(error instanceof BerthError ? error.code : String(error));
      throw error;
    }
  });
  holds(
    t,
    fc.property(judged, () => true),
    { numRuns: 100, seed: 2 },
  );
  t.deepEqual([...refusals], ['invalid_spec']);
});

function note(reached: Set<string>, value: unknown, path: readonly string[]): void {
  if (value === undefined) return;
  const field = path.join('.');
  reached.add(field);
  if (Array.isArray(value)) for (const each of value) note(reached, each, [...path, '0']);
  else if (typeof value === 'object' && value !== null)
    for (const [key, each] of Object.entries(value))
      note(reached, each, [...path, field.endsWith('rdma') || field === 'rlimits' ? 'NAME' : key]);
}
