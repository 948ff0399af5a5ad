// A runtime between berth and the program: one that hangs is not waited for.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import test from 'ava';
import { pino } from 'pino';
import { Execution } from '../../../../agent/workload/inside/execution.js';
import { temporaryDirectory } from '../../../runner/temporary.js';

const PROCESS = { id: 'exec.web.1', pid: 4_000_000, startTime: 1, startedAt: 1 };

function newExecution() {
  const directory = temporaryDirectory('execution');
  const runtime = { log: join(directory, 'runtime.log'), pidFile: join(directory, 'pid') };
  const seen = { kills: 0, cancelled: 0, late: undefined as (() => Promise<void>) | undefined };
  const execution: Execution = new Execution({
    ...{ id: PROCESS.id, cgroup: 'acme/web/exec-1', directory, runtime },
    stdio: {
      ...{ command: (argv) => [...argv], outputs: { stdout: new PassThrough() }, input: undefined },
      ...{ opened: Promise.resolve(), finish: () => undefined, destroy: () => undefined },
    },
    world: {
      cgroups: {
        async kill() {
          seen.kills += 1;
          execution.exited({ ...PROCESS, exit: { code: null, signal: 'SIGKILL', at: 2 } });
        },
        ...{ waitEmpty: async () => undefined, remove: async () => undefined, processes: () => [] },
      },
      ...{ supervisor: { forget: async () => undefined }, log: pino({ level: 'silent' }) },
    },
    limit(late) {
      seen.late = late;
      return {
        cancel: () => {
          seen.cancelled += 1;
        },
      };
    },
  });
  return { execution, seen, runtime };
}

test('a runtime that does not begin the program in time is killed, and the error says so', async (t) => {
  const { execution, seen } = newExecution();
  execution.started(PROCESS);
  await seen.late?.();
  t.like(await execution.ended, {
    exit: null,
    error: { code: 'exec_failed', message: 'the runtime did not begin the program within 30 s' },
  });
  t.is(seen.cancelled, 1);
});

test('a program that has begun may take as long as it likes', async (t) => {
  const { execution, seen, runtime } = newExecution();
  execution.started(PROCESS);
  writeFileSync(runtime.pidFile, '17');
  await seen.late?.();
  t.is(seen.kills, 0);
  execution.exited({ ...PROCESS, exit: { code: 3, signal: null, at: 2 } });
  t.deepEqual(await execution.ended, { exit: { code: 3, signal: null }, error: null });
});

test('of a runtime that has ended before it was known to have started, nothing is waited for', async (t) => {
  const { execution, seen } = newExecution();
  execution.started({ ...PROCESS, exit: { code: 0, signal: null, at: 2 } });
  t.is(seen.late, undefined);
  t.deepEqual(await execution.ended, { exit: { code: 0, signal: null }, error: null });
});
