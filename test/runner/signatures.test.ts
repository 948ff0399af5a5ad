import { execFileSync } from 'node:child_process';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { temporaryDirectory } from './temporary.js';

const script = fileURLToPath(new URL('../../../.ci/signatures', import.meta.url));
const { dependencies } = JSON.parse(
  readFileSync(fileURLToPath(new URL('../../../package.json', import.meta.url)), 'utf8'),
) as { readonly dependencies: Readonly<Record<string, string>> };

/** Runs the step with an npm that answers `view` and `audit` by these lines of shell. */
function run(view: string, audit: string): { readonly status: number; readonly output: string } {
  const directory = temporaryDirectory('signatures');
  const npm = join(directory, 'npm');
  writeFileSync(npm, `#!/bin/sh\ncase "$1" in view) ${view};; audit) ${audit};; *) exit 9;; esac\n`);
  chmodSync(npm, 0o755);
  const env = { ...process.env, PATH: `${directory}:${process.env.PATH}` };
  try {
    return { status: 0, output: execFileSync(script, { env, encoding: 'utf8', stdio: 'pipe' }) };
  } catch (error) {
    const { status, stdout } = error as { status: number; stdout: string };
    return { status, output: stdout };
  }
}

const SIGNED = `echo '[{"keyid":"x","sig":"y"}]'`;

test('a registry that signs nothing is said, and is no failure', (t) => {
  const { status, output } = run('exit 0', 'echo audited; exit 0');
  t.is(status, 0);
  t.is(
    output,
    `not verified: the registry has no signature of any of ${Object.keys(dependencies).length} packages (dist.signatures is absent)\n`,
  );
});

test('where the registry signs one package, npm verifies all, and its word counts', (t) => {
  const one = `case "$2" in ws@*) ${SIGNED};; esac`;
  t.deepEqual(run(one, 'echo audited; exit 0'), { status: 0, output: 'audited\n' });
  t.deepEqual(run(one, 'echo missing; exit 1'), { status: 1, output: 'missing\n' });
});

test('a registry that cannot be asked is a failure', (t) => {
  t.is(run('exit 1', 'exit 0').status, 1);
  t.is(run(`case "$2" in zod@*) exit 1;; esac`, 'exit 0').status, 1);
});
