import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { LabError } from './errors.js';
import { scaled } from './timing.js';

export interface Output {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly stdin?: string | Uint8Array | undefined;
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly env?: NodeJS.ProcessEnv | undefined;
  readonly cwd?: string | undefined;
  /** Non-zero exit throws; default true. */
  readonly check?: boolean | undefined;
  /** Called with each line of stderr as it comes, to show that a long command is alive. */
  readonly onLine?: ((line: string) => void) | undefined;
  /** The words for errors when the argument list is noise. */
  readonly label?: string | undefined;
}

/** Runs a program to its end and keeps both outputs. A signal's death is code 128 + 9, as a shell says it. */
export async function run(program: string, args: readonly string[], options: RunOptions = {}): Promise<Output> {
  options.signal?.throwIfAborted();
  const label = options.label ?? [program, ...args].join(' ');
  const child = spawn(program, args, {
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
    env: options.env ?? process.env,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => {
    stderr.push(chunk);
    if (options.onLine === undefined) return;
    for (const line of chunk.toString().split('\n')) if (line.trim() !== '') options.onLine(line.trim());
  });
  // A program that exits without reading its input must not take us down with EPIPE.
  child.stdin.on('error', () => {});
  child.stdin.end(options.stdin ?? '');

  let timedOut = false;
  let stopped = false;
  let kill: NodeJS.Timeout | undefined;
  // Politely first: mmdebstrap has mounts and children of its own to put away. The whole group, because it only
  // waits for its children when it is told alone.
  const stop = () => {
    stopped = true;
    signalGroup(child.pid, 'SIGTERM');
    kill = setTimeout(() => signalGroup(child.pid, 'SIGKILL'), 10_000);
  };
  options.signal?.addEventListener('abort', stop, { once: true });
  const timer =
    options.timeoutMs === undefined
      ? undefined
      : setTimeout(() => {
          timedOut = true;
          stop();
        }, scaled(options.timeoutMs));
  try {
    const code = await new Promise<number>((resolve, reject) => {
      child.on('error', reject);
      // An ssh client hands its pipes to the master connection, which holds them until the remote command ends:
      // after a stop nobody waits for that.
      child.on('exit', (status) => stopped && resolve(status ?? 137));
      child.on('close', (status) => resolve(status ?? 137));
    });
    const output = { code, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() };
    options.signal?.throwIfAborted();
    if (timedOut) throw commandError('lab_timeout', `${label}: no end within ${options.timeoutMs} ms`, output);
    if (code !== 0 && (options.check ?? true)) {
      throw commandError('lab_command_failed', `${label}: exit code ${code}`, output);
    }
    return output;
  } finally {
    clearTimeout(timer);
    clearTimeout(kill);
    options.signal?.removeEventListener('abort', stop);
    child.stdout.destroy();
    child.stderr.destroy();
  }
}

function signalGroup(leader: number | undefined, signal: NodeJS.Signals): void {
  if (leader === undefined) return;
  try {
    process.kill(-leader, signal);
  } catch {
    // Already gone.
  }
}

function commandError(code: 'lab_timeout' | 'lab_command_failed', sentence: string, output: Output): LabError {
  const part = (name: string, text: string) => (text.trim() === '' ? '' : `\n--- ${name}\n${tail(text, 60)}`);
  return new LabError(code, sentence + part('stdout', output.stdout) + part('stderr', output.stderr));
}

export function tail(text: string, lines: number): string {
  return text.trimEnd().split('\n').slice(-lines).join('\n');
}

/** Who a process is, safe against reuse of its number: pid and start time (proc_pid_stat(5), field 22). */
export interface ProcessId {
  readonly pid: number;
  readonly started: string;
}

export function identify(pid: number): ProcessId | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The command name may contain spaces and brackets: fields count from the last bracket.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [state, started] = [fields[0], fields[19]];
    // A zombie has ended, though nobody took its status: in a container there may be no init that does.
    return started === undefined || state === 'Z' ? undefined : { pid, started };
  } catch {
    return undefined;
  }
}

export function isAlive(id: ProcessId): boolean {
  return identify(id.pid)?.started === id.started;
}
