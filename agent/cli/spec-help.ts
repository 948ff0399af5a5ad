// `berth help spec`: the fields of a workload, from its schema, and one example for each driver.
import * as z from 'zod';
import { BerthError } from '../../protocol/errors.js';
import { formatSize } from '../base/units.js';
import { type Shape, shapeOf, typeName } from '../config/inspect.js';
import { DRIVER_KINDS, type DriverName } from '../model/driver-kinds.js';
import { workloadSpec } from '../model/spec.js';

export interface FieldRow {
  readonly field: string;
  readonly type: string;
  readonly fallback: string;
  readonly meaning: string;
}

/** Every field a person can write, dotted; `[]` stands for each entry of a list. */
export function fieldRows(): FieldRow[] {
  return rowsOf(shapeOf(workloadSpec), '');
}

function rowsOf(shape: Shape, name: string): FieldRow[] {
  if (shape.kind === 'table') {
    const own = name === '' || shape.description === '' ? [] : [rowOf(shape, name)];
    return [...own, ...[...shape.keys].flatMap(([key, child]) => rowsOf(child, name === '' ? key : `${name}.${key}`))];
  }
  const entries = shape.kind === 'list' && shape.item.kind === 'table' ? [...shape.item.keys] : [];
  return [rowOf(shape, name), ...entries.flatMap(([key, child]) => rowsOf(child, `${name}[].${key}`))];
}

function rowOf(shape: Shape, field: string): FieldRow {
  // Sizes are bytes in a checked spec, but nobody writes them so.
  const size =
    shape.kind === 'text' && typeof shape.fallback === 'number' ? formatSize(shape.fallback) : shape.fallback;
  const fallback = size === undefined ? (shape.optional ? '' : 'needed') : JSON.stringify(size);
  return { field, type: typeName(shape), fallback, meaning: shape.description };
}

/** One complete workload a driver. */
export const EXAMPLES = Object.fromEntries(
  Object.entries(DRIVER_KINDS).map(([name, { example }]) => [name, example]),
) as Readonly<Record<DriverName, Readonly<Record<string, unknown>>>>;

export function specHelp(): string {
  const lines = [
    'A workload is one JSON object. A field that is not listed here is an error.',
    '',
    ...tableOf(fieldRows()),
    '',
    'A table that is named after a driver goes with that driver only; of its needed fields none counts otherwise.',
  ];
  for (const [driver, example] of Object.entries(EXAMPLES)) {
    const keys = Object.entries(example).map(([key, value]) => `    ${JSON.stringify(key)}: ${JSON.stringify(value)}`);
    lines.push('', `${driver}:`, '  {', keys.join(',\n'), '  }');
  }
  return `${lines.join('\n')}\n`;
}

/** Of one field and what is below it. Throws `usage` for one that is not there. */
export function fieldHelp(field: string): string {
  const below = [`${field}.`, `${field}[].`];
  const rows = fieldRows().filter((row) => row.field === field || below.some((top) => row.field.startsWith(top)));
  if (rows.length === 0)
    throw new BerthError('usage', `a workload has no field ${JSON.stringify(field)}`, {
      hint: 'Run `berth help spec`, which lists every field.',
    });
  return `${tableOf(rows).join('\n')}\n`;
}

function tableOf(rows: readonly FieldRow[]): string[] {
  const wide = (pick: (row: FieldRow) => string) => Math.max(7, ...rows.map((row) => pick(row).length));
  const [a, b, c] = [
    wide((r) => r.field),
    Math.min(
      34,
      wide((r) => r.type),
    ),
    wide((r) => r.fallback),
  ];
  return [
    `${'FIELD'.padEnd(a)}  ${'TYPE'.padEnd(b)}  ${'DEFAULT'.padEnd(c)}  MEANING`,
    ...rows.map((r) => `${r.field.padEnd(a)}  ${r.type.padEnd(b)}  ${r.fallback.padEnd(c)}  ${r.meaning}`.trimEnd()),
  ];
}

/** docs/workload.schema.json */
export function specJsonSchema(): Readonly<Record<string, unknown>> {
  return { ...z.toJSONSchema(workloadSpec, { io: 'input' }), title: 'berth workload' };
}
