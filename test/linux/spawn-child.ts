// Run by spawn.test.ts in a process of its own: waiting takes any child of the process, and test files that run in one
// process would lose theirs. Prints what happened as JSON.
import { closeSync, openSync, readFileSync } from 'node:fs';
import { codeOf } from '../../linux/errors.js';
import { endedPidfds, openPidfd, signalPidfd } from '../../linux/pidfd.js';
import { readStat } from '../../linux/proc.js';
import { spawnProcess } from '../../linux/spawn.js';
import { type ExitedChild, peekExitedChild, reapChild } from '../../linux/wait.js';

const [file = ''] = process.argv.slice(2);
const out = openSync(file, 'a');
const options = { env: { A: 'b' }, fds: [openSync('/dev/null', 'r'), out, out], cwd: '/usr' };

function start(script: string): number {
  return spawnProcess({ ...options, path: '/bin/sh', argv: ['sh', '-c', script] });
}

function wait(): ExitedChild {
  for (;;) {
    const ended = peekExitedChild();
    if (ended !== undefined) return ended;
  }
}

function refusal(change: { path?: string; cwd?: string }): string | undefined {
  try {
    spawnProcess({ ...options, path: '/bin/sh', argv: ['sh'], ...change });
    return undefined;
  } catch (error) {
    return codeOf(error);
  }
}

const pid = start('echo $A; pwd; exit 3');
const first = wait();
const stateAfterPeek = readStat(pid)?.state;
reapChild(pid);
const isGone = readStat(pid) === undefined;

const sleeper = start('sleep 60');
const pidfd = openPidfd(sleeper) ?? -1;
const endedBefore = endedPidfds([pidfd]).length;
const wasSent = signalPidfd(pidfd, 9);
const second = wait();
const endedAfter = endedPidfds([pidfd]).length;
reapChild(sleeper);

const report = {
  first: { code: first.code, signal: first.signal, isSame: first.pid === pid },
  second: { code: second.code, signal: second.signal, isSame: second.pid === sleeper },
  stateAfterPeek,
  isGone,
  endedBefore,
  wasSent,
  endedAfter,
  isSentLate: signalPidfd(pidfd, 9),
  pidfdOfNobody: openPidfd(sleeper) ?? null,
  lastChild: peekExitedChild() ?? null,
  output: readFileSync(file, 'utf8'),
  refusals: [refusal({ path: '/no/such' }), refusal({ cwd: '/no/such' }), refusal({ path: '/etc/passwd' })],
};
closeSync(out);
process.stdout.write(JSON.stringify(report));
