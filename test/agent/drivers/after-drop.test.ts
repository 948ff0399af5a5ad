// A program without a sandbox is given exactly the environment and arguments of its spec, whatever a shell makes of them.

import { spawnSync } from 'node:child_process';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { launchAfterDrop } from '../../../agent/drivers/exec/after-drop.js';
import { fc } from '../../runner/property.js';
import { temporary } from './fixture.js';

const user = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
const SCRIPT = 'process.stdout.write(JSON.stringify([process.env, process.argv.slice(1), process.cwd()]))';

/** What a program finds that is started in this way; env(1) is what drops nothing. */
async function found(t: ExecutionContext, variables: Readonly<Record<string, string>>, args: readonly string[] = []) {
  const directory = await temporary(t);
  const launch = await launchAfterDrop({
    ...{
      sh: '/bin/sh',
      env: '/usr/bin/env',
      unshare: undefined,
      drop: ['/usr/bin/env'],
      directory,
      user,
      cwd: '/usr',
      variables,
    },
    argv: [process.execPath, '-e', SCRIPT, '--', ...args],
  });
  const [program = '', ...rest] = launch.argv;
  const { stdout, stderr } = spawnSync(program, rest, { env: launch.env, cwd: launch.cwd, encoding: 'utf8' });
  if (stdout === '') throw new Error(stderr);
  return { told: JSON.parse(stdout) as [Record<string, string>, string[], string], launch, directory };
}

const name = fc.stringMatching(/^[A-Z_][A-Z0-9_]{0,8}$/);
const text = fc
  .oneof(
    fc.string({ maxLength: 40, unit: 'binary' }),
    fc.constantFrom(
      '',
      "'",
      `'\\''`,
      '$(id)',
      '`id`',
      '\\',
      'a\nb',
      '\n',
      '"',
      ' -n ',
      '\u0081\u0088ü',
      '~',
      '*',
      'a=b',
    ),
  )
  .filter((value) => !value.includes('\0'));
const variable = fc.oneof(
  name,
  fc.constantFrom(
    ...['OPTIND', 'UID', 'EUID', 'PPID', 'IFS', 'PS4', 'ENV', 'PWD', 'OLDPWD', 'SHLVL', '_', 'LINENO', 'CDPATH'],
  ),
);

test('any environment and any argument arrives as it is', async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.dictionary(variable, text, { maxKeys: 8 }),
      fc.array(text, { maxLength: 4 }),
      async (env, args) => {
        // Node reads these itself.
        const variables = {
          PATH: '/bin',
          ...Object.fromEntries(Object.entries(env).filter(([key]) => !/^NODE/.test(key))),
        };
        const { told } = await found(t, variables, args);
        t.deepEqual(told, [variables, args, '/usr']);
      },
    ),
    { numRuns: 15 },
  );
});

test('the variables are in a file of the user alone, and in no command line or environment before', async (t) => {
  const { launch, directory } = await found(t, { PATH: '/bin', PASSWORD: 'hunter2' });
  t.notRegex(JSON.stringify(launch), /hunter2/);
  t.deepEqual(Object.keys(launch.env), ['PATH']);
  const file = join(directory, 'environment');
  t.regex(await readFile(file, 'utf8'), /^export PASSWORD='hunter2'$/m);
  const { mode, uid } = await stat(file);
  t.deepEqual([mode & 0o777, uid], [0o400, user.uid]);
});
