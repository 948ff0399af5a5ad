// How much of something a peer may send. Each bound stands in the schema, so that the documents state it, and is checked
// before the elements are: zod makes one issue for each wrong element, whatever the list is allowed to hold.
import * as z from 'zod';
import { fieldOf, MOST_PROBLEMS, type Problems, type WrongField, wrongFields } from './wrong-fields.js';

/** An object of free keys, `most` of them: `maxProperties` in the JSON Schema. */
export function boundedMap<K extends z.core.$ZodRecordKey, V extends z.ZodType>(key: K, value: V, most: number) {
  return z.record(key, value).meta({ maxProperties: most });
}

export type Parsed<T> = { readonly ok: true; readonly data: T } | { readonly ok: false; readonly problems: Problems };

/** Checks what a stranger has sent: the amount first, then each value. `whole` names the input in an answer. */
export function parseBounded<S extends z.ZodType>(schema: S, input: unknown, whole: string): Parsed<z.output<S>> {
  const excess = excessOf(schema, input, []) ?? [];
  if (excess.length > 0)
    return { ok: false, problems: { fields: excess.slice(0, MOST_PROBLEMS), count: excess.length } };
  const result = schema.safeParse(input);
  if (result.success) return { ok: true, data: result.data };
  return { ok: false, problems: wrongFields(result.error, input, whole) };
}

type Path = readonly string[];

/** Every list and object of `value` that holds too much, without a look inside it. Undefined: `schema` takes neither. */
function excessOf(schema: z.core.$ZodType, value: unknown, path: Path): WrongField[] | undefined {
  const { def } = (schema as z.ZodType)._zod;
  switch (def.type) {
    case 'array':
      return Array.isArray(value) ? ofList(schema as z.core.$ZodArray, value, path) : undefined;
    case 'record':
      return isMap(value) ? ofMap(schema as z.core.$ZodRecord, value, path) : undefined;
    case 'object':
      return isMap(value) ? ofObject((def as z.core.$ZodObjectDef).shape, value, path) : undefined;
    case 'union': {
      const found = (def as z.core.$ZodUnionDef).options.map((option) => excessOf(option, value, path));
      const fitting = found.filter((one) => one !== undefined);
      return fitting.find((one) => one.length === 0) ?? fitting[0];
    }
    case 'pipe':
      return excessOf((def as z.core.$ZodPipeDef).in, value, path);
    case 'optional':
    case 'nullable':
    case 'default':
    case 'prefault':
    case 'readonly':
      return excessOf((def as z.core.$ZodOptionalDef).innerType, value, path);
    default:
      return undefined;
  }
}

function ofList(schema: z.core.$ZodArray, value: readonly unknown[], path: Path): WrongField[] {
  const { maximum } = schema._zod.bag as { readonly maximum?: number };
  if (maximum !== undefined && value.length > maximum) return [tooMany(path, 'entries', maximum, value.length)];
  const { element } = schema._zod.def;
  return value.flatMap((each, at) => excessOf(element, each, [...path, String(at)]) ?? []);
}

function ofMap(schema: z.core.$ZodRecord, value: Readonly<Record<string, unknown>>, path: Path): WrongField[] {
  const { maxProperties } = (z.globalRegistry.get(schema) ?? {}) as { readonly maxProperties?: number };
  const entries = Object.entries(value);
  if (maxProperties !== undefined && entries.length > maxProperties)
    return [tooMany(path, 'entries', maxProperties, entries.length)];
  const { valueType } = schema._zod.def;
  return entries.flatMap(([key, each]) => excessOf(valueType, each, [...path, key]) ?? []);
}

/** Bounded by its own fields; some unknown ones beside them are still told one by one. */
function ofObject(shape: z.core.$ZodShape, value: Readonly<Record<string, unknown>>, path: Path): WrongField[] {
  const most = Object.keys(shape).length + MOST_PROBLEMS;
  const count = Object.keys(value).length;
  if (count > most) return [tooMany(path, 'fields', most, count)];
  return Object.entries(shape).flatMap(([key, part]) =>
    Object.hasOwn(value, key) ? (excessOf(part, value[key], [...path, key]) ?? []) : [],
  );
}

function tooMany(path: Path, what: string, most: number, count: number): WrongField {
  return { field: fieldOf(path) || '(whole)', problem: `must have at most ${most} ${what} (it has ${count})` };
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
