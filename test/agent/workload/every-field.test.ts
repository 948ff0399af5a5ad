// Every field of a workload with the extremes that are right and the values that are wrong: of what create accepts, cgroup, network
// and command line can be made as asked; what it refuses, it refuses with the field and what would be right.
import test from 'ava';
import { merge, type Tree } from '../../../agent/config/tree.js';
import type { BerthError } from '../../../protocol/errors.js';
import { accept, makeParts } from './spec-consumers.js';
import { BASES, FIELDS, named, rowOf } from './spec-fields.js';
import type { Row } from './spec-row.js';
import { ROWS } from './spec-values.js';

/** Tables with the keys 0, 1, ... are lists. */
function lists(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const entries = Object.entries(value).map(([key, inner]) => [key, lists(inner)] as const);
  if (entries.length > 0 && entries.every(([key]) => key === '0')) return entries.map(([, inner]) => inner);
  return Object.fromEntries(entries.filter(([, inner]) => inner !== undefined));
}

function specWith(field: string, value: unknown, { beside = {} }: Row): unknown {
  const parts = named(field).split('.');
  const base = merge({ id: 'x', ...(BASES[parts[0] ?? ''] ?? BASES.exec) }, beside);
  const holder = parts
    .slice(0, -1)
    .reduceRight<Tree>(
      (inner, part) => ({ [part]: inner }),
      field.includes('.io.0.') && !field.endsWith('device') ? { device: '8:0' } : {},
    );
  const spec = lists(merge(base, holder)) as Tree;
  let at = spec as Record<string, unknown>;
  for (const part of parts.slice(0, -1)) at = (at[part] ?? {}) as Record<string, unknown>;
  at[parts.at(-1) ?? ''] = value;
  return spec;
}

test('every field has a row, and every row a field', (t) => {
  t.deepEqual(
    FIELDS.filter((field) => rowOf(field) === undefined),
    [],
  );
  const used = new Set(FIELDS.map(rowOf));
  t.deepEqual(
    Object.keys(ROWS).filter((pattern) => !used.has(ROWS[pattern])),
    [],
  );
  t.true(FIELDS.length > 60);
});

for (const field of FIELDS)
  test(field, (t) => {
    const row = rowOf(field);
    if (row === undefined) return void t.fail('has no row');
    t.true(row.good.length > 0 && row.bad.length > 0);
    const says = (value: unknown): string => `${field} = ${JSON.stringify(value)?.slice(0, 200)}`;
    for (const value of row.good) {
      try {
        t.deepEqual(makeParts(accept(specWith(field, value, row))), [], says(value));
      } catch (error) {
        t.fail(`${says(value)}: ${String(error).slice(0, 500)}`);
      }
    }
    for (const value of row.bad) {
      const error = t.throws<BerthError>(() => accept(specWith(field, value, row)), undefined, says(value));
      t.true(error?.code === 'invalid_spec' || error?.code === 'unknown_driver', `${says(value)}: ${error}`);
      const message = error?.message ?? '';
      t.true(
        message.includes(named(field).split('.0')[0] ?? field) || field === 'driver',
        `${says(value)}: ${message.slice(0, 300)}`,
      );
      t.regex(message, /must|is |needs|does not|there is no/, says(value));
    }
  });
