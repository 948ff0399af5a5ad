// What a configuration refers to, and what its keys must be to each other, beside networks and quotas.
import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from '../../linux/errors.js';
import { isReadable, MOST_SOCKET_PATH } from '../values/places.js';
import type { Config } from './schema.js';

export interface ReferenceProblem {
  readonly path: readonly string[];
  readonly problem: string;
}

type Checked = Pick<Config, 'control' | 'paths'>;

/** What is wrong whatever lies on the disk. */
export function controlProblems({ control, paths }: Checked): ReferenceProblem[] {
  const found: ReferenceProblem[] = [];
  const length = Buffer.byteLength(join(paths.runtime, 'berth.sock'));
  if (length > MOST_SOCKET_PATH)
    found.push({
      path: ['paths', 'runtime'],
      problem: `is too long: a socket below it, berth.sock, would have ${length} bytes, and the kernel takes ${MOST_SOCKET_PATH}`,
    });
  for (const [at, { url, token_file, insecure }] of control.scheduler.entries()) {
    if (!isReadable(url)) continue;
    const problem =
      token_file !== undefined
        ? 'would send the token where others can read it: use wss://, or a loopback address'
        : 'is not encrypted: whoever is on the way could command this node. Use wss://, a loopback address, or insecure = true';
    if (token_file !== undefined || !insecure)
      found.push({ path: ['control', 'scheduler', String(at), 'url'], problem });
  }
  return found;
}

/** Files that a key names and nobody can read; for `berth config check`. The agent reads them anew for each connection. */
export async function missingFiles({ control }: Checked): Promise<ReferenceProblem[]> {
  const found: ReferenceProblem[] = [];
  for (const [at, scheduler] of control.scheduler.entries())
    for (const key of ['token_file', 'ca_file', 'cert_file', 'key_file'] as const) {
      const file = scheduler[key];
      const problem = file === undefined ? undefined : await problemOf(file);
      if (problem !== undefined)
        found.push({ path: ['control', 'scheduler', String(at), key], problem: `${file}: ${problem}` });
    }
  return found;
}

async function problemOf(file: string): Promise<string | undefined> {
  try {
    if (!(await stat(file)).isFile()) return 'is not a file';
    await access(file, constants.R_OK);
    return undefined;
  } catch (error) {
    const code = codeOf(error);
    return code === 'ENOENT' ? 'there is no such file' : `cannot be read (${code})`;
  }
}
