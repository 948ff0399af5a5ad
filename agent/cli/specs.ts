// Reads specifications from files and standard input. What is in them is the agent's to judge; here they only have to
// be JSON objects.
import { readFile } from 'node:fs/promises';
import { BerthError } from '../errors.js';
import { duplicateKey } from '../json.js';
import type { Context } from './command.js';
import { jsonErrorOffset } from './json-position.js';

export interface SpecSource {
  /** Id when there is one, else place in the file. */
  readonly name: string;
  readonly spec: Record<string, unknown>;
}

/** All specs of all `-f`, in order. Throws `invalid_spec` with file and line, before anything was done. */
export async function readSpecs(context: Context): Promise<SpecSource[]> {
  const specs: SpecSource[] = [];
  let stdin: string | undefined;
  for (const file of context.values('file')) {
    const place = file === '-' ? 'standard input' : file;
    if (file === '-') stdin ??= await context.host.stdin();
    const text = file === '-' ? (stdin ?? '') : await readText(file);
    const value = parseJson(text, place);
    const items: unknown[] = Array.isArray(value) ? value : [value];
    if (items.length === 0) throw new BerthError('invalid_spec', `${place}: the array is empty`);
    items.forEach((item, i) => {
      const where = items.length === 1 ? place : `${place}[${i}]`;
      if (typeof item !== 'object' || item === null || Array.isArray(item))
        throw new BerthError('invalid_spec', `${where}: a workload is a JSON object`);
      const name = 'id' in item && typeof item.id === 'string' ? item.id : where;
      specs.push({ name, spec: item as Record<string, unknown> });
    });
  }
  return specs;
}

/** Exactly one spec, for commands that take no more. */
export async function readSpec(context: Context): Promise<SpecSource> {
  const specs = await readSpecs(context);
  const [first] = specs;
  if (first === undefined || specs.length > 1)
    throw new BerthError('usage', `one workload is needed, the input has ${specs.length}`);
  return first;
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    const why = code === 'ENOENT' ? 'there is no such file' : `cannot be read (${code})`;
    throw new BerthError('usage', `${file}: ${why}`, { hint: 'Name a file with a workload, or - for standard input.' });
  }
}

function parseJson(input: string, place: string): unknown {
  const text = input.replace(/^\uFEFF/, '');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    const offset = jsonErrorOffset(text);
    const rest = text.slice(offset, offset + 12).split('\n')[0] ?? '';
    const what =
      text.trim() === '' ? 'it is empty' : rest === '' ? 'it ends too early' : `unexpected ${JSON.stringify(rest)}`;
    throw new BerthError('invalid_spec', `${place}:${positionOf(text, offset)}: not valid JSON: ${what}`, {
      hint: 'Specifications are JSON; `berth help spec` shows one.',
    });
  }
  const twice = duplicateKey(text);
  if (twice === undefined) return value;
  throw new BerthError(
    'invalid_spec',
    `${place}:${positionOf(text, twice.at)}: duplicate key ${JSON.stringify(twice.key)}: the same object has it already`,
    { hint: 'Remove one of the two.' },
  );
}

/** LINE:COLUMN, both from 1. */
function positionOf(text: string, offset: number): string {
  const before = text.slice(0, offset);
  return `${before.split('\n').length}:${before.length - before.lastIndexOf('\n')}`;
}
