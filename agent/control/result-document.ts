// Answers as documents, made from the schemas of protocol/. Pure.
import * as z from 'zod';
import { RESULTS, TYPES } from '../../protocol/results.js';
import type { MethodName } from './methods.js';

type Json = Readonly<Record<string, unknown>>;
type Ref = (name: string) => Json;

const NAMES = Object.keys(TYPES) as readonly (keyof typeof TYPES)[];

/** JSON Schema of every named type, and of every result as `METHOD.result`. What is not described may come with any version. */
export function resultSchemas(ref: Ref): Record<string, unknown> {
  const named = z.registry<{ readonly id: string }>();
  for (const name of NAMES) named.add(TYPES[name], { id: name });
  const results = new Map(Object.entries(RESULTS).map(([method, schema]) => [`${method}.result`, schema]));
  const known = new Map<z.ZodType, string>(NAMES.map((name) => [TYPES[name], name]));
  for (const [name, schema] of results) if (!known.has(schema)) named.add(schema, { id: name });
  const { schemas } = z.toJSONSchema(named, { uri: (id) => String(ref(id).$ref) });
  const parts = Object.fromEntries(Object.entries(schemas).map(([name, schema]) => [name, opened(schema)]));
  for (const [name, schema] of results) {
    const type = known.get(schema);
    if (type !== undefined) parts[name] = ref(type);
  }
  return parts;
}

/** Without what is of a document alone, without the bounds of every integer, and open for fields of later versions. */
function opened(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(opened);
  if (typeof value !== 'object' || value === null) return value;
  const { $schema: _dialect, $id: _name, additionalProperties, ...rest } = value as Json;
  return {
    ...Object.fromEntries(
      Object.entries(rest)
        .filter(([, part]) => Math.abs(Number(part)) !== Number.MAX_SAFE_INTEGER)
        .map(([key, part]) => [key, opened(part)]),
    ),
    ...(additionalProperties === undefined || additionalProperties === false
      ? {}
      : { additionalProperties: opened(additionalProperties) }),
  };
}

/** The result of a method in a line: `{ workloads: WorkloadView[], next? }`. */
export function resultLine(method: MethodName): string {
  const schema: z.ZodType = RESULTS[method];
  const whole = nameOf(schema);
  if (whole !== undefined) return whole;
  const shape = shapeOf(schema) ?? {};
  const base = NAMES.find((name) => {
    const part = shapeOf(TYPES[name]);
    return part !== undefined && Object.entries(part).every(([key, field]) => shape[key] === field);
  });
  if (base === undefined) return objectLine(shape);
  const own = shapeOf(TYPES[base]) ?? {};
  return `${base} & ${objectLine(Object.fromEntries(Object.entries(shape).filter(([key]) => !Object.hasOwn(own, key))))}`;
}

/** Every named type as a table of its fields. */
export function typesSection(): string {
  const parts = NAMES.map((name) => {
    const rows = fieldsOf(TYPES[name]).map(([field, type, meaning]) => `| \`${field}\` | ${type} | ${meaning} |`);
    return `### \`${name}\`\n\n| field | type | meaning |\n|---|---|---|\n${rows.join('\n')}\n`;
  });
  return `## Types

What answers are made of. Later versions may add fields, and words to a list of words: a client ignores what it does not know. A field with \`?\`
may be absent. Times are Unix milliseconds, amounts bytes, cores or pieces.

${parts.join('\n')}`;
}

type Shape = Readonly<Record<string, z.ZodType>>;

function shapeOf(schema: z.ZodType): Shape | undefined {
  return schema instanceof z.ZodObject ? (schema.shape as Shape) : undefined;
}

/** Its own, or that of the type that it describes further. */
function nameOf(schema: z.ZodType): string | undefined {
  for (let one: z.ZodType | undefined = schema; one !== undefined; one = one._zod.parent as z.ZodType | undefined) {
    const found = NAMES.find((name) => TYPES[name] === one);
    if (found !== undefined) return found;
  }
  return undefined;
}

function objectLine(shape: Shape): string {
  const fields = Object.entries(shape).map(([key, field]) => {
    const { schema, optional } = unwrapped(field);
    const type = typeLine(schema);
    return `${key}${optional ? '?' : ''}${PLAIN.has(type) ? '' : `: ${type}`}`;
  });
  return `{ ${fields.join(', ')} }`;
}

/** What a name alone tells well enough. */
const PLAIN: ReadonlySet<string> = new Set(['string', 'number', 'boolean']);

function unwrapped(schema: z.ZodType): { readonly schema: z.ZodType; readonly optional: boolean } {
  return schema instanceof z.ZodOptional
    ? { schema: schema.unwrap() as z.ZodType, optional: true }
    : { schema, optional: false };
}

function typeLine(schema: z.ZodType): string {
  const name = nameOf(schema);
  if (name !== undefined) return name;
  if (schema instanceof z.ZodNullable) return `${typeLine(schema.unwrap() as z.ZodType)} | null`;
  if (schema instanceof z.ZodArray) return listOf(schema.element as z.ZodType);
  if (schema instanceof z.ZodObject) return objectLine(schema.shape as Shape);
  return wordOf(schema);
}

function listOf(element: z.ZodType): string {
  const one = typeLine(element);
  return one.includes(' | ') ? `(${one})[]` : `${one}[]`;
}

/** Of what has no parts that are shown. */
function wordOf(schema: z.ZodType): string {
  if (schema instanceof z.ZodString) return 'string';
  if (schema instanceof z.ZodNumber) return 'number';
  if (schema instanceof z.ZodBoolean) return 'boolean';
  if (schema instanceof z.ZodLiteral) return [...schema.values].map((value) => JSON.stringify(value)).join(' | ');
  if (schema instanceof z.ZodEnum) return schema.options.map((word) => JSON.stringify(word)).join(' | ');
  if (schema instanceof z.ZodUnion) return (schema.options as readonly z.ZodType[]).map(typeLine).join(' | ');
  if (schema instanceof z.ZodRecord) return `map of ${typeLine(schema.valueType as z.ZodType)}`;
  if (schema instanceof z.ZodUnknown) return 'any';
  throw new Error(`the documents have no word for ${schema.constructor.name}`);
}

type Field = readonly [field: string, type: string, meaning: string];

/** `restart.attempts`, `left[].id`: fields of what has no name of its own stand in the table of what it is in. */
function fieldsOf(schema: z.ZodType, path = ''): Field[] {
  return Object.entries(shapeOf(schema) ?? {}).flatMap(([key, given]) => {
    const { schema: field, optional } = unwrapped(given);
    const at = `${path}${key}`;
    const meaning = meaningOf(given, field);
    const { inner, list, nullable } = anonymousIn(field);
    const type = wordsIn(field) === undefined ? typeLine(field) : `string${nullable ? ' | null' : ''}`;
    if (inner === undefined) return [[`${at}${optional ? '?' : ''}`, escaped(type), meaning] as const];
    const kind = escaped(`${list ? 'list of objects' : 'object'}${nullable ? ' | null' : ''}`);
    return [[`${at}${optional ? '?' : ''}`, kind, meaning] as const, ...fieldsOf(inner, `${at}${list ? '[]' : ''}.`)];
  });
}

/** The words that it may be, and what it is. */
function meaningOf(given: z.ZodType, field: z.ZodType): string {
  const meaning = given.description ?? field.description ?? '';
  const words = wordsIn(field);
  return escaped([...(words === undefined ? [] : [words.join(', ')]), ...(meaning === '' ? [] : [meaning])].join('; '));
}

function wordsIn(field: z.ZodType): readonly string[] | undefined {
  const bare = field instanceof z.ZodNullable ? field.unwrap() : field;
  return bare instanceof z.ZodEnum ? bare.options.map((word) => `\`${word}\``) : undefined;
}

/** The object without a name that a field, or each entry of it, is. */
function anonymousIn(field: z.ZodType): {
  readonly inner: z.ZodType | undefined;
  readonly list: boolean;
  readonly nullable: boolean;
} {
  const nullable = field instanceof z.ZodNullable;
  const bare = nullable ? (field.unwrap() as z.ZodType) : field;
  const list = bare instanceof z.ZodArray;
  const one = list ? (bare.element as z.ZodType) : bare;
  const inner = one instanceof z.ZodObject && nameOf(one) === undefined ? one : undefined;
  return { inner, list, nullable };
}

function escaped(text: string): string {
  return text.replaceAll('|', '\\|');
}
