// A program that does everything wrong: the call ends with a code, and nothing of the program lives on.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { SysError } from '../../linux/errors.js';
import { readStat } from '../../linux/proc.js';
import { runProgram } from '../../linux/run-program.js';
import { temporaryDirectory } from '../runner/temporary.js';

const LATE = 300;
const NEVER = 600_000;

/** What follows has left its process and that of its child in the file $0. */
const FAULTS: Readonly<
  Record<string, { readonly script: string; readonly deadlineMs: number; readonly code: string }>
> = {
  'hangs before it says anything': { script: 'sleep 1000 & echo $! >>"$0"; wait', deadlineMs: LATE, code: 'ETIMEDOUT' },
  'hangs in the middle of a word': {
    script: 'printf ha; sleep 1000 & echo $! >>"$0"; wait',
    deadlineMs: LATE,
    code: 'ETIMEDOUT',
  },
  'is stopped': { script: 'kill -STOP $$', deadlineMs: LATE, code: 'ETIMEDOUT' },
  'ignores SIGTERM': { script: "trap '' TERM; while :; do :; done", deadlineMs: LATE, code: 'ETIMEDOUT' },
  'floods stdout': { script: 'yes', deadlineMs: NEVER, code: 'EMSGSIZE' },
  'floods stderr': { script: 'yes >&2', deadlineMs: NEVER, code: 'EMSGSIZE' },
};

async function gone(file: string): Promise<void> {
  // Killed before it could write its number, there is nothing to wait for.
  if (!hasPid(file)) return;
  for (const pid of readFileSync(file, 'utf8').trim().split('\n').map(Number))
    for (let state = readStat(pid)?.state; state !== undefined && state !== 'Z'; state = readStat(pid)?.state)
      await new Promise(setImmediate);
}

function sh(script: string, t: ExecutionContext): { readonly args: string[]; readonly file: string } {
  const file = join(temporaryDirectory('run-program'), `${t.title.replaceAll(/\W/g, '-')}.pids`);
  return { args: ['-c', `echo $$ >"$0"; ${script}`, file], file };
}

for (const [title, { script, deadlineMs, code }] of Object.entries(FAULTS))
  test(`one that ${title} ends with ${code}, with all that it has started`, async (t) => {
    const { args, file } = sh(script, t);
    const error = await t.throwsAsync(runProgram('/bin/sh', args, { deadlineMs }), { instanceOf: SysError });
    t.like(error, { op: 'run', path: '/bin/sh', errnoName: code });
    await gone(file);
  });

test('a signal ends it with its reason, before the start and after it', async (t) => {
  const stop = new AbortController();
  const { args, file } = sh('echo begun; sleep 1000', t);
  const running = runProgram('/bin/sh', args, { deadlineMs: NEVER, signal: stop.signal });
  while (!hasPid(file)) await new Promise(setImmediate);
  stop.abort(new Error('enough'));
  await t.throwsAsync(running, { message: 'enough' });
  await gone(file);
  await t.throwsAsync(runProgram('/bin/sh', args, { deadlineMs: NEVER, signal: stop.signal }), { message: 'enough' });
});

test('what it leaves running does not keep the caller, and lives', async (t) => {
  const { args, file } = sh('echo said; sleep 1000 & echo $! >>"$0"; exit 3', t);
  t.deepEqual(await runProgram('/bin/sh', args, { deadlineMs: NEVER }), { code: 3, stdout: 'said\n', stderr: '' });
  const [, left] = readFileSync(file, 'utf8').split('\n').map(Number);
  t.not(readStat(left ?? 0), undefined);
  process.kill(left ?? 0, 'SIGKILL');
});

test('the code, both outputs and the environment are kept apart', async (t) => {
  const args = ['-c', 'echo "$WORD"; echo problem >&2; exit 7'];
  t.deepEqual(await runProgram('/bin/sh', args, { deadlineMs: NEVER, env: { WORD: 'word' } }), {
    ...{ code: 7, stdout: 'word\n', stderr: 'problem\n' },
  });
  t.is((await runProgram('/bin/sh', ['-c', 'kill -9 $$'], { deadlineMs: NEVER })).code, null);
});

test('one that is not there is ENOENT', async (t) => {
  await t.throwsAsync(runProgram('/nonexistent/program', [], { deadlineMs: NEVER }), { message: /ENOENT/ });
});

function hasPid(file: string): boolean {
  try {
    return readFileSync(file, 'utf8') !== '';
  } catch {
    return false;
  }
}
