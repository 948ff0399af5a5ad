// The fields of a specification, from its schema, and the row of values that each has.
import * as z from 'zod';
import type { Tree } from '../../../agent/config/tree.js';
import { workloadSpec } from '../../../agent/model/spec.js';
import type { Row } from './spec-row.js';
import { ROWS } from './spec-values.js';

interface JsonSchema {
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: JsonSchema | boolean;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
}

/** Paths of all fields; a map of tables has NAME, a list of tables 0. A field that is also a table (a rate) is there twice. */
function paths(schema: JsonSchema, path: readonly string[] = []): string[] {
  const { properties, additionalProperties: values, items, anyOf } = schema;
  if (anyOf !== undefined) return anyOf.flatMap((one) => paths(one, path));
  if (properties !== undefined)
    return Object.entries(properties).flatMap(([key, inner]) => paths(inner, [...path, key]));
  if (items?.properties !== undefined) return paths(items, [...path, '0']);
  const inner = typeof values === 'object' && values.properties !== undefined ? paths(values, [...path, 'NAME']) : [];
  return [path.join('.'), ...inner];
}

const { $defs } = z.toJSONSchema(workloadSpec, { io: 'input', unrepresentable: 'any' });
export const FIELDS: readonly string[] = [...new Set(paths(($defs?.WorkloadSpec ?? {}) as JsonSchema))];

/** The field with a name in each place of one; the kernel's limits have names of their own. */
export function named(field: string): string {
  return field.replace('rlimits.NAME', 'rlimits.fsize').replace('NAME', 'name');
}

/** The row with the longest pattern that fits: `*` stands for the rest of one part. */
export function rowOf(field: string): Row | undefined {
  const fits = Object.keys(ROWS).filter((pattern) =>
    new RegExp(`^${pattern.replaceAll('.', '\\.').replaceAll('*', '[^.]+')}$`).test(field),
  );
  const best = fits.sort((a, b) => a.split('*').length - b.split('*').length)[0];
  return best === undefined ? undefined : ROWS[best];
}

/** The least that each driver needs. */
export const BASES: Readonly<Record<string, Tree>> = {
  exec: { driver: 'exec', exec: { command: ['/x'] } },
  oci: { driver: 'oci', oci: { rootfs: '/r', command: ['/x'] } },
  qemu: { driver: 'qemu', qemu: { kernel: '/k', root: '/r' } },
  firecracker: { driver: 'firecracker', firecracker: { kernel: '/k', root: { path: '/r' } } },
  external: { driver: 'external', external: {} },
};
