import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** The compiled test file that `name` means: a path of a source or of a compiled file, or a part that only one path has. */
export function watchedFile(name: string, files: readonly string[]): string {
  const path = name
    .replace(/^\.\//, '')
    .replace(/^(?=test\/)/, 'dist/')
    .replace(/\.ts$/, '.js');
  if (files.includes(path)) return path;
  const found = files.filter((file) => file.includes(path.replace(/^dist\//, '')));
  const [only] = found;
  if (only !== undefined && found.length === 1) return only;
  if (only === undefined) throw new Error(`no test file is ${name}, or has it in its path`);
  throw new Error(`--watch takes one test file, and ${found.length} have ${name} in their path, such as ${only}`);
}

/** As tsc writes it in watch mode, with colours or without. */
const COMPILED = /\bFound 0 errors\b/;

export interface Watched {
  /** Of the checkout: its tsconfig.json and node_modules are there. */
  readonly root: string;
  /** Compiled, relative to `root`. */
  readonly file: string;
  readonly timeoutMinutes: number;
}

/**
 * Runs the file after each compile without errors. A run that is under way comes to its end first: what it made in the kernel goes then.
 * Ends with SIGINT and SIGTERM; resolves with 0 then, and with 1 when the compiler ends by itself.
 */
export async function watch({ root, file, timeoutMinutes }: Watched): Promise<number> {
  const program = (...path: string[]): string => join(root, 'node_modules', ...path);
  const tsc = [program('typescript', 'bin', 'tsc'), '--watch', '--preserveWatchOutput', '-p', root];
  // The compiler is a child of its script, and a signal to the script does not reach it: they have a process group of their own.
  const compiler = spawn(process.execPath, tsc, { stdio: ['ignore', 'pipe', 'inherit'], detached: true });
  const ended = once(compiler, 'exit');
  let running: ChildProcess | undefined;
  let isChanged = false;
  let isStopped = false;
  const stop = (): void => {
    // It writes first what it is compiling, but at the second signal.
    const signal = isStopped ? 'SIGKILL' : 'SIGTERM';
    if (compiler.pid !== undefined && compiler.exitCode === null) process.kill(-compiler.pid, signal);
    isStopped = true;
    running?.kill('SIGINT');
  };
  const run = (): void => {
    isChanged = running !== undefined;
    if (isChanged || isStopped) return;
    const ava = [program('ava', 'entrypoints', 'cli.mjs'), `--timeout=${timeoutMinutes}m`, file];
    running = spawn(process.execPath, ava, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
    running.once('exit', () => {
      running = undefined;
      if (isChanged) run();
    });
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, stop);
  for await (const line of createInterface({ input: compiler.stdout })) {
    if (line !== '') process.stdout.write(`${line}\n`);
    if (COMPILED.test(line)) run();
  }
  await ended;
  if (running !== undefined) await once(running, 'exit');
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, stop);
  return isStopped ? 0 : 1;
}
