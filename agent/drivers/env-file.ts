// The environment that a spec gives, of three places. envFile is read at each start: its values are in no journal, event or answer.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from '../../linux/errors.js';
import { readPlain } from '../../linux/plain-file.js';
import { whyNotSearched } from '../model/process-spec.js';
import type { WorkloadSpec } from '../model/spec.js';
import { invalidField } from './files.js';
import { openSource } from './mounts.js';

type Asked = Pick<WorkloadSpec, 'env' | 'envFile' | 'exec' | 'oci'>;
export type Variables = Readonly<Record<string, string>>;

const FIELD = 'envFile';
const MOST_BYTES = 64 << 10;
/** The file, and what a specification of a mebibyte has besides; JSON writes some characters with six. */
const MOST_KEPT_BYTES = 6 * (MOST_BYTES + (1 << 20));
const LINE = /^([A-Za-z_][A-Za-z0-9_]{0,255})=([^\0]*)$/;

/** envFile, over it the `env` of the driver's section, over it `env`. Throws `image_missing` and `invalid_spec`. */
export async function givenEnvironment(spec: Asked, mountRoots: readonly string[]): Promise<Variables> {
  return over(spec, spec.envFile === undefined ? {} : await readEnvFile(spec.envFile, mountRoots));
}

/** For programs that join the workload later: they find what the file said when the workload was started. */
export async function keepGiven(directory: string, given: Variables): Promise<void> {
  await writeFile(keptIn(directory), JSON.stringify(given), { mode: 0o600 });
}

/** As `givenEnvironment` at the start of the workload in `directory`. */
export async function keptGiven(spec: Asked, directory: string): Promise<Variables> {
  if (spec.envFile === undefined) return over(spec, {});
  return JSON.parse((await readPlain(keptIn(directory), MOST_KEPT_BYTES)).toString('utf8'));
}

function over({ env, exec, oci }: Asked, file: Variables): Variables {
  return { ...file, ...(exec ?? oci)?.env, ...env };
}

async function readEnvFile(path: string, roots: readonly string[]): Promise<Variables> {
  const { handle, kind } = await openSource(path, roots, FIELD);
  try {
    if (kind !== 'file') throw invalidField(FIELD, `${path} must be a regular file`);
    const text = (await readPlain(`/proc/self/fd/${handle.fd}`, MOST_BYTES)).toString('utf8');
    const variables = parseEnvFile(text, path);
    const unsearched = whyNotSearched(variables);
    if (unsearched !== undefined) throw invalidField(FIELD, `${path}: PATH ${unsearched}`);
    return variables;
  } catch (error) {
    if (codeOf(error) !== 'EFBIG') throw error;
    throw invalidField(FIELD, `${path} must have at most ${MOST_BYTES} bytes`);
  } finally {
    await handle.close();
  }
}

/** As `docker run --env-file` reads it: NAME=VALUE lines, the value as it stands; empty lines and lines with # are left out. */
export function parseEnvFile(text: string, path: string): Variables {
  const variables = new Map<string, string>();
  for (const [at, whole] of text.split('\n').entries()) {
    const line = whole.trimStart().replace(/\r$/, '');
    if (line === '' || line.startsWith('#')) continue;
    const [, name, value] = LINE.exec(line) ?? [];
    if (name === undefined || value === undefined)
      throw invalidField(FIELD, `${path}:${at + 1} must be NAME=VALUE, with a name of letters, digits and "_"`);
    variables.set(name, value);
  }
  return Object.fromEntries(variables);
}

function keptIn(directory: string): string {
  return join(directory, 'given.json');
}
