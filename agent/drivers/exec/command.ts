// Finding the program of a command, and, without a sandbox, the setpriv(1) in front of it. setpriv replaces itself with the
// program, so the process the supervisor started is the workload.
import { access, constants } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { BerthError } from '../../../protocol/errors.js';
import { ROOT_CAPABILITIES, setprivSet } from '../capabilities.js';
import { DEFAULT_PATH } from '../environment.js';
import { invalidField, kindOf } from '../files.js';
import type { ExecUser } from './user.js';

/** The absolute path of `program`. Throws `binary_missing`, or `invalid_spec` for a relative path. */
export async function findProgram(program: string, path = DEFAULT_PATH): Promise<string> {
  if (program.includes('/') && !isAbsolute(program))
    throw invalidField('exec.command', 'the program must be an absolute path or a name on PATH');
  const candidates = isAbsolute(program)
    ? [program]
    : path
        .split(':')
        .filter(isAbsolute)
        .map((directory) => join(directory, program));
  let problem = isAbsolute(program) ? 'is not there' : `is not on PATH (${path})`;
  for (const candidate of program === '' ? [] : candidates) {
    const kind = await kindOf(candidate);
    if (kind === undefined) continue;
    if (kind === 'file' && (await isExecutable(candidate))) return candidate;
    problem = kind === 'file' ? 'is not executable' : 'is not a file';
  }
  throw new BerthError('binary_missing', `exec.command: ${program} ${problem}`, { data: { binary: program } });
}

/**
 * The arguments that take privileges away. Root keeps ROOT_CAPABILITIES. Others keep nothing, except that in a network
 * of their own (`ownNetwork`) they may listen below port 1024: the ports there are the workload's. `groups`: all that it has
 * beside its own; undefined: those that this host gives to the user, and root has none.
 */
export function setprivArguments(user: ExecUser, ownNetwork: boolean, groups?: readonly number[]): string[] {
  const supplementary = groups === undefined ? undefined : `--groups=${groups.join(',')}`;
  if (user.uid === 0)
    return [
      '--no-new-privs',
      '--inh-caps=-all',
      `--bounding-set=${setprivSet(ROOT_CAPABILITIES)}`,
      supplementary ?? '--clear-groups',
    ];
  const kept = setprivSet(ownNetwork ? ['NET_BIND_SERVICE'] : []);
  return [
    `--reuid=${user.uid}`,
    `--regid=${user.gid}`,
    supplementary ?? (user.name !== undefined ? '--init-groups' : '--clear-groups'),
    '--no-new-privs',
    `--inh-caps=${kept}`,
    `--ambient-caps=${kept}`,
    `--bounding-set=${kept}`,
  ];
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
