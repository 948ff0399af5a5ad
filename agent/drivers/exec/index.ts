// A plain process of the host, with fewer privileges.
import type { Driver } from '../driver.js';
import { workloadEnvironment } from '../environment.js';
import { invalidField, kindOf, requireBinary, sectionOf } from '../files.js';
import { findProgram, setprivArguments } from './command.js';
import { findUser } from './user.js';

export interface ExecOptions {
  /** Default: /etc/passwd. */
  readonly passwdFile?: string;
}

export function execDriver(options: ExecOptions = {}): Driver {
  return {
    name: 'exec',
    async check(spec, { which }) {
      const exec = sectionOf(spec, 'exec');
      requireBinary('setpriv', which, 'takes privileges away (package util-linux)');
      await findProgram(exec.command[0] ?? '', exec.env.PATH);
      await findUser(exec.user, options.passwdFile);
      if ((await kindOf(exec.cwd)) !== 'directory') throw invalidField('exec.cwd', `${exec.cwd} is not a directory`);
    },
    overhead: () => 0,
    confined: () => true,
    tap: () => null,
    async prepare(spec, { sandbox, which }) {
      const exec = sectionOf(spec, 'exec');
      const setpriv = requireBinary('setpriv', which, 'takes privileges away (package util-linux)');
      const [program = '', ...rest] = exec.command;
      const user = await findUser(exec.user, options.passwdFile);
      return {
        argv: [
          setpriv,
          ...setprivArguments(user, sandbox.netns !== null),
          '--',
          await findProgram(program, exec.env.PATH),
          ...rest,
        ],
        env: workloadEnvironment(spec, sandbox, exec.env, user.home),
        cwd: exec.cwd,
        joinNetns: sandbox.netns !== null,
      };
    },
    // Everything a process leaves is in its cgroup and its network namespace, which are not the driver's.
    async cleanup() {},
  };
}
