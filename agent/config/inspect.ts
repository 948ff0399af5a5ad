// The only file that looks inside zod schemas: turns one into a plain tree that flags, environment names, help and
// documents are made from. Everything else in the project uses zod through its public parse functions.
import type * as z from 'zod';

interface Common {
  readonly description: string;
  /** Value when the key is absent; undefined when there is none. */
  readonly fallback: unknown;
  /** May be left out, whether or not something fills it in. */
  readonly optional: boolean;
}

export interface TableShape extends Common {
  readonly kind: 'table';
  readonly keys: ReadonlyMap<string, Shape>;
}
export interface MapShape extends Common {
  readonly kind: 'map';
  readonly value: Shape;
}
export interface ListShape extends Common {
  readonly kind: 'list';
  readonly item: Shape;
}
export interface ScalarShape extends Common {
  readonly kind: 'text' | 'number' | 'boolean';
  /** Allowed values, or none when any is allowed. */
  readonly choices: readonly (string | number)[];
}
export type Shape = TableShape | MapShape | ListShape | ScalarShape;

interface Def {
  readonly type: string;
  readonly innerType?: z.ZodType;
  readonly defaultValue?: unknown;
  readonly shape?: Readonly<Record<string, z.ZodType>>;
  readonly valueType?: z.ZodType;
  readonly element?: z.ZodType;
  readonly entries?: Readonly<Record<string, string | number>>;
  readonly values?: readonly (string | number)[];
  readonly options?: readonly z.ZodType[];
  readonly in?: z.ZodType;
}

/** Throws when the schema uses a zod type this file does not know: a defect, found by the tests. */
export function shapeOf(schema: z.ZodType): Shape {
  return walk(schema, { description: '', fallback: undefined, optional: false });
}

function walk(schema: z.ZodType, seen: Common): Shape {
  const def = schema.def as unknown as Def;
  const common: Common = { ...seen, description: seen.description || (schema.description ?? '') };
  const inner = def.innerType;
  if (inner !== undefined) {
    if (def.type === 'default')
      return walk(inner, { ...common, optional: true, fallback: common.fallback ?? def.defaultValue });
    // A prefault goes through the parser, so its value is not a default anyone should read.
    if (def.type === 'prefault' || def.type === 'optional') return walk(inner, { ...common, optional: true });
  }
  if (def.type === 'object' && def.shape !== undefined) {
    const keys = new Map(Object.entries(def.shape).map(([name, value]) => [name, shapeOf(value)]));
    return { ...common, kind: 'table', keys };
  }
  if (def.type === 'record' && def.valueType !== undefined)
    return { ...common, kind: 'map', value: shapeOf(def.valueType) };
  if (def.type === 'array' && def.element !== undefined) return { ...common, kind: 'list', item: shapeOf(def.element) };
  if (def.type === 'pipe' && def.in !== undefined) return walk(def.in, common);
  // A union in berth's schemas is always "text or number"; the text form is the one people write.
  if (def.type === 'union' && def.options?.[0] !== undefined) return walk(def.options[0], common);
  // Any JSON: only workloads have it, and no flag sets it.
  if (def.type === 'string' || def.type === 'unknown') return { ...common, kind: 'text', choices: [] };
  if (def.type === 'number') return { ...common, kind: 'number', choices: [] };
  if (def.type === 'boolean') return { ...common, kind: 'boolean', choices: [] };
  const choices = def.entries === undefined ? def.values : Object.values(def.entries);
  if (choices !== undefined) return { ...common, kind: typeof choices[0] === 'number' ? 'number' : 'text', choices };
  throw new Error(`config/inspect.ts does not know the zod type ${def.type}`);
}

/** The shape at a path, descending through maps by any name; undefined when there is none. */
export function shapeAt(root: Shape, path: readonly (string | number)[]): Shape | undefined {
  let at: Shape | undefined = root;
  for (const part of path) {
    if (at?.kind === 'table') at = at.keys.get(String(part));
    else if (at?.kind === 'map') at = at.value;
    else if (at?.kind === 'list') at = at.item;
    else return undefined;
  }
  return at;
}

/** One word for the type column of help and documents. */
export function typeName(shape: Shape): string {
  if (shape.kind === 'list') return `list of ${typeName(shape.item)}`;
  if (shape.kind === 'map') return shape.value.kind === 'table' ? 'tables' : `map of ${typeName(shape.value)}`;
  if (shape.kind === 'table') return 'table';
  return shape.choices.length > 0 ? shape.choices.map(String).join(' | ') : shape.kind;
}
