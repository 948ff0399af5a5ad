import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { abortWith } from '../../linux/signals.js';
import { clearFile } from './odd.js';

// A young generation of 1 MiB instead of up to 16: the supervisor makes little garbage and should stay small.
const NODE_OPTIONS = ['--max-semi-space-size=1'];
const POLL_MS = 25;
const DEADLINE_MS = 15_000;

export interface LaunchOptions {
  /** Directory of the socket, the records and the log, e.g. `/run/berth`. */
  readonly runtime: string;
  /** Default: `RUNTIME/supervisor.sock`. */
  readonly socket?: string;
  /** The cgroup directory the supervisor is to live in; made when it is not there. */
  readonly cgroup?: string;
  /** Default: the supervisor beside this file. */
  readonly script?: string;
  /** More arguments for the supervisor. */
  readonly args?: readonly string[];
  readonly signal?: AbortSignal;
}

/**
 * Starts a supervisor that outlives this process, for hosts without systemd, and resolves when it listens: with its pid, or
 * undefined when one was listening already. Rejects with the end of its log when it ends, or after 15 s (TimeoutError).
 */
export async function launchSupervisor(options: LaunchOptions): Promise<number | undefined> {
  const { runtime, signal } = options;
  const socket = options.socket ?? join(runtime, 'supervisor.sock');
  if (await isListening(socket)) return undefined;
  mkdirSync(runtime, { recursive: true, mode: 0o755 });
  const logFile = join(runtime, 'supervisor.log');
  clearFile(logFile);
  const log = openSync(logFile, 'a', 0o600);
  const args = ['--runtime', runtime, '--socket', socket, ...(options.args ?? [])];
  if (options.cgroup !== undefined) args.push('--cgroup', options.cgroup);
  // The service manager's variables name the agent, not this process.
  const { NOTIFY_SOCKET: _, WATCHDOG_USEC: __, WATCHDOG_PID: ___, ...env } = process.env;
  const child = spawn(process.execPath, [...NODE_OPTIONS, options.script ?? supervisorScript(), ...args], {
    cwd: '/',
    detached: true,
    env,
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  child.unref();
  const ended = new AbortController();
  child.once('error', (error) => ended.abort(error));
  child.once('exit', (code, by) => ended.abort(new Error(`the supervisor ended (${code ?? by}): ${tailOf(logFile)}`)));
  const stop = new AbortController();
  const letGo = abortWith(stop, ended.signal, AbortSignal.timeout(DEADLINE_MS), signal);
  try {
    while (!(await isListening(socket))) {
      // The reason itself: a timer would wrap it in an AbortError.
      await sleep(POLL_MS);
      stop.signal.throwIfAborted();
    }
  } finally {
    letGo();
  }
  // Another one, started at the same time, may have been first.
  return ended.signal.aborted ? undefined : child.pid;
}

/** Whether somebody accepts connections on a unix socket. */
export function isListening(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const attempt = connect(socket);
    attempt.once('connect', () => {
      attempt.destroy();
      resolve(true);
    });
    attempt.once('error', () => resolve(false));
  });
}

// Compiled file by file the supervisor is main.js in this directory; in the package it is supervisor.js beside the agent.
function supervisorScript(): string {
  const unbundled = fileURLToPath(new URL('./main.js', import.meta.url));
  return import.meta.url.endsWith('/supervisor/launch.js') && existsSync(unbundled)
    ? unbundled
    : fileURLToPath(new URL('./supervisor.js', import.meta.url));
}

function tailOf(file: string): string {
  try {
    return readFileSync(file, 'utf8').slice(-2048).trim();
  } catch {
    return '';
  }
}
