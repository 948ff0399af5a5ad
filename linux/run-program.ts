// A program of somebody else, run to its end: with a deadline, a signal and a bound for what it says. It has a process group
// of its own, so that what it has started dies with it. One that even SIGKILL does not end (it sleeps in the kernel) is not
// waited for.

import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { defined } from './defined.js';
import { SysError } from './errors.js';
import { after } from './timers.js';

export interface RunOptions {
  readonly deadlineMs: number;
  /** Kills it, and rejects with its reason. */
  readonly signal?: AbortSignal | undefined;
  /** Default: that of this process. */
  readonly env?: Readonly<Record<string, string>>;
  /** Of stdout and stderr together. */
  readonly outputBytes?: number;
}

export interface ProgramEnd {
  /** Null: a signal has ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const OUTPUT_BYTES = 64 * 1024;
/** For what is still in the pipes after the end, which others may keep open. */
const LAST_WORDS_MS = 100;
const { EMSGSIZE, ENOENT, ETIMEDOUT } = constants.errno;

/** Rejects with SysError: ETIMEDOUT, EMSGSIZE when it says too much, and that of exec; and with the reason of the signal. */
export function runProgram(program: string, args: readonly string[], options: RunOptions): Promise<ProgramEnd> {
  const { deadlineMs, signal, env, outputBytes = OUTPUT_BYTES } = options;
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) return reject(signal.reason);
    const child = spawn(program, args, {
      ...{ detached: true, stdio: ['ignore', 'pipe', 'pipe'] },
      ...defined({ env }),
    });
    const said = { stdout: '', stderr: '' };
    let left = outputBytes;
    let last: NodeJS.Timeout | undefined;
    const settle = (finish: () => void): void => {
      timer.cancel();
      clearTimeout(last);
      signal?.removeEventListener('abort', abort);
      child.stdout.destroy();
      child.stderr.destroy();
      // Whatever becomes of one that was given up, it does not keep this process.
      child.unref();
      finish();
    };
    const giveUp = (reason: unknown): void => {
      if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) killGroup(child.pid);
      settle(() => reject(reason));
    };
    const fail = (errno: number, note: string): void => giveUp(new SysError('run', errno, { path: program, note }));
    const timer = after(deadlineMs, () => fail(ETIMEDOUT, `killed after ${deadlineMs} ms`));
    const abort = (): void => giveUp(signal?.reason);
    signal?.addEventListener('abort', abort, { once: true });
    for (const stream of ['stdout', 'stderr'] as const)
      child[stream].setEncoding('utf8').on('data', (text: string) => {
        left -= text.length;
        if (left < 0) fail(EMSGSIZE, `killed after ${outputBytes} bytes of output`);
        else said[stream] += text;
      });
    const ended = (code: number | null): void => settle(() => resolve({ code, ...said }));
    child.once('error', (error: NodeJS.ErrnoException) => {
      if (child.pid === undefined) fail(Math.abs(error.errno ?? ENOENT), 'it could not be started');
    });
    child.once('close', ended);
    child.once('exit', (code) => {
      last = setTimeout(() => ended(code), LAST_WORDS_MS);
    });
  });
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended meanwhile.
  }
}
