// The pre-action hook: a program of the operator's that hears of a freeze or a kill before it happens, to dump what is about
// to be lost or to put it off. It has no power to block: what takes too long is killed, and the action goes on.
import { spawn } from 'node:child_process';
import { dirname } from 'node:path';
import { after } from '../../linux/timers.js';
import { DEFAULT_PATH } from '../drivers/environment.js';

export interface HookOutcome {
  /** `veto`: exit code 75, EX_TEMPFAIL of sysexits.h. */
  readonly verdict: 'go' | 'veto';
  /** How it ended, and what it said on stderr; empty when it simply agreed. */
  readonly detail: string;
}

const EX_TEMPFAIL = 75;
const SAID = 512;
const LAST_WORDS_MS = 100;

/** Runs `path` with `document` as JSON on its stdin. Never rejects; without a program, or with a broken one, the answer is go. */
export function runHook(
  path: string,
  document: unknown,
  options: { readonly timeoutMs: number; readonly signal?: AbortSignal },
): Promise<HookOutcome> {
  return new Promise((resolve) => {
    // A process group of its own, so that what the hook has started dies with it.
    const child = spawn(path, [], {
      ...{ cwd: dirname(path), env: { PATH: DEFAULT_PATH }, detached: true },
      stdio: ['pipe', 'ignore', 'pipe'],
    });
    let said = '';
    let why = '';
    let exited = false;
    let last: NodeJS.Timeout | undefined;
    const end = (reason: string): void => {
      why = reason;
      if (child.pid !== undefined) killGroup(child.pid);
    };
    // A turn later: after a loop that stood still, timers come before the news that the hook ended long ago.
    const timer = after(options.timeoutMs, () =>
      setImmediate(() => exited || end(`killed after ${options.timeoutMs} ms`)),
    );
    const abort = (): void => end('killed because the agent stops');
    options.signal?.addEventListener('abort', abort, { once: true });
    const settle = (verdict: HookOutcome['verdict'], how: string): void => {
      timer.cancel();
      clearTimeout(last);
      options.signal?.removeEventListener('abort', abort);
      child.stderr.destroy();
      resolve({ verdict, detail: [how, said.trim()].filter((part) => part !== '').join(': ') });
    };
    child.once('error', (error) => settle('go', `cannot be run: ${error.message}`));
    const ended = (code: number | null, signal: NodeJS.Signals | null): void => {
      if (why !== '') settle('go', why);
      else if (code === EX_TEMPFAIL) settle('veto', 'put it off');
      else settle('go', code === 0 ? '' : code === null ? `ended by ${signal}` : `exited with code ${code}`);
    };
    child.once('close', ended);
    // `close` waits for stderr, which what the hook has left running may keep open.
    child.once('exit', (code, signal) => {
      exited = true;
      last = setTimeout(() => ended(code, signal), LAST_WORDS_MS);
    });
    child.stderr.on('data', (chunk: Buffer) => {
      said = (said + chunk.toString('utf8')).slice(0, SAID);
    });
    // EPIPE: it does not read what it is told, which is its own business.
    child.stdin.on('error', () => undefined);
    child.stdin.end(`${JSON.stringify(document)}\n`);
    if (options.signal?.aborted === true) abort();
  });
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended meanwhile.
  }
}
