// The API documents of Firecracker (swagger 2.0, as its release has them; Apache-2.0), and what they say against a request. A
// field that a document does not have is wrong: Firecracker refuses it (serde, deny_unknown_fields).
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';

export const VERSIONS = ['1.7', '1.17'] as const;
export type DocumentVersion = (typeof VERSIONS)[number];

interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: unknown;
  readonly items?: Schema;
}

interface Operation {
  readonly parameters?: readonly { readonly in: string; readonly required?: boolean; readonly schema?: Schema }[];
}

interface Swagger {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly definitions: Readonly<Record<string, Schema>>;
}

export interface ApiDocument {
  /** Undefined: no such operation. */
  requestProblems(method: string, path: string, body: unknown): string[] | undefined;
  configProblems(config: Readonly<Record<string, unknown>>): string[];
}

const FOLDER = fileURLToPath(new URL('../../../../../test/agent/drivers/firecracker/api/', import.meta.url));
/** A configuration file must have them (Firecracker, resources.rs). */
const NEEDED = ['boot-source', 'drives'];

export function openDocument(version: DocumentVersion): ApiDocument {
  const { paths, definitions } = parse(readFileSync(`${FOLDER}${version}.yaml`, 'utf8')) as Swagger;
  const problems = (schema: Schema, value: unknown, at: string): string[] => {
    if (schema.$ref !== undefined) return problems(resolve(schema.$ref), value, at);
    if (schema.enum !== undefined && !schema.enum.includes(value))
      return [`${at} is none of ${schema.enum.join(', ')}`];
    if (schema.items !== undefined && Array.isArray(value))
      return value.flatMap((one, index) => problems(schema.items ?? {}, one, `${at}.${index}`));
    if (!hasType(schema.type, value)) return [`${at} is no ${schema.type}`];
    if (typeof value === 'number') return outOfRange(schema, value, at);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? fields(schema, value, at) : [];
  };
  const resolve = (ref: string): Schema => {
    const found = definitions[ref.replace('#/definitions/', '')];
    if (found === undefined) throw new Error(`${version} has no ${ref}`);
    return found;
  };
  const fields = (schema: Schema, value: object, at: string): string[] => {
    const { properties, required = [], additionalProperties = properties === undefined } = schema;
    const missing = required.filter((name) => !(name in value)).map((name) => `${at}.${name} is missing`);
    const found = Object.entries(value).flatMap(([name, inner]) => {
      const known = properties?.[name];
      if (known !== undefined) return problems(known, inner, `${at}.${name}`);
      return additionalProperties ? [] : [`${at}.${name} is unknown`];
    });
    return [...missing, ...found];
  };
  return {
    requestProblems(method, path, body) {
      const [, item] = Object.entries(paths).find(([pattern]) => patternOf(pattern).test(path)) ?? [];
      const operation = item?.[method.toLowerCase()];
      if (operation === undefined) return undefined;
      const parameter = operation.parameters?.find((one) => one.in === 'body');
      if (body === undefined) return parameter?.required === true ? ['the body is missing'] : [];
      return parameter?.schema === undefined ? ['there is a body'] : problems(parameter.schema, body, 'body');
    },
    configProblems(config) {
      const missing = NEEDED.filter((name) => !(name in config)).map((name) => `${name} is missing`);
      // Not in FullVmConfiguration of 1.7, whose program has it (resources.rs).
      const entropy = { entropy: { $ref: '#/definitions/EntropyDevice' } };
      const whole = resolve('#/definitions/FullVmConfiguration');
      return [...missing, ...fields({ ...whole, properties: { ...entropy, ...whole.properties } }, config, 'config')];
    },
  };
}

function patternOf(path: string): RegExp {
  return new RegExp(`^${path.replace(/\{\w+\}/g, '[^/]+')}$`);
}

function hasType(type: string | undefined, value: unknown): boolean {
  if (type === undefined) return true;
  if (type === 'integer') return Number.isInteger(value);
  if (type === 'array') return Array.isArray(value);
  if (type === 'object') return typeof value === 'object' && value !== null && !Array.isArray(value);
  return typeof value === type;
}

function outOfRange({ minimum, maximum }: Schema, value: number, at: string): string[] {
  const small = minimum !== undefined && value < minimum ? [`${at} is below ${minimum}`] : [];
  return maximum !== undefined && value > maximum ? [...small, `${at} is above ${maximum}`] : small;
}
