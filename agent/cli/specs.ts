// Reads specifications from files and standard input, JSON or YAML. What is in them is the agent's to judge; here they only have
// to be objects.
import { createReadStream } from 'node:fs';
import { codeOf } from '../../linux/errors.js';
import { readStream } from '../../linux/plain-file.js';
import { BerthError } from '../../protocol/errors.js';
import { JsonError, parseJson } from '../base/json.js';
import type { Context } from './command.js';

/** Of one `-f`: ten thousand workloads have less. */
export const MOST_BYTES = 16 << 20;

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
    if (file === '-') stdin ??= await readText(context.host.stdin(), place);
    const text = file === '-' ? (stdin ?? '') : await readFileText(file);
    const items = await parseSpecs(text, place);
    if (items.length === 0) throw new BerthError('invalid_spec', `${place}: the array is empty`);
    items.forEach((item, i) => {
      const where = items.length === 1 ? place : `${place}[${i}]`;
      if (typeof item !== 'object' || item === null || Array.isArray(item))
        throw new BerthError('invalid_spec', `${where}: a workload is an object`);
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

/** As text, with the bound of all that is read here. */
export function readFileText(file: string): Promise<string> {
  return readText(createReadStream(file), file);
}

/** A file may be a pipe, as the shell's `<(COMMAND)`, or have no end, as /dev/zero. */
async function readText(stream: AsyncIterable<Buffer>, place: string): Promise<string> {
  try {
    return (await readStream(stream, place, MOST_BYTES)).toString('utf8');
  } catch (error) {
    const code = codeOf(error) ?? String(error);
    const why =
      code === 'ENOENT'
        ? 'there is no such file'
        : code === 'EFBIG'
          ? `has more than ${MOST_BYTES >> 20} MiB, the most that is read`
          : `cannot be read (${code})`;
    const hint =
      code === 'EFBIG'
        ? 'Split it: -f can be given several times.'
        : 'Name a file with a workload, or - for standard input.';
    throw new BerthError('usage', `${place}: ${why}`, { hint });
  }
}

/** JSON begins with a bracket, and everything else is YAML; a file called so is YAML in any case. Each document or array holds workloads. */
export async function parseSpecs(text: string, place: string): Promise<unknown[]> {
  const isJson = /^\s*([[{]|$)/.test(text.replace(/^\uFEFF/, '')) && !/\.ya?ml$/i.test(place);
  if (!isJson) return parseYamlSpecs(text, place);
  try {
    return [parseJson(text)].flat();
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    throw new BerthError('invalid_spec', `${place}:${error.position}: ${error.message}`, { hint: HINT });
  }
}

const HINT = 'Specifications are JSON or YAML, with each key once; `berth help spec` shows one.';

async function parseYamlSpecs(text: string, place: string): Promise<unknown[]> {
  const { parseYaml, YamlError } = await import('./yaml-specs.js');
  try {
    const documents = parseYaml(text);
    if (documents.length === 0) throw new YamlError('', 'has no document');
    return documents.flat();
  } catch (error) {
    if (!(error instanceof YamlError)) throw error;
    const at = error.position === '' ? place : `${place}:${error.position}`;
    throw new BerthError('invalid_spec', `${at}: ${error.message}`, { hint: HINT });
  }
}
