import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { ExecutionContext } from 'ava';
import { cgroup2Mount } from '../../systemd/supervisor/cgroup.js';
import { connectSupervisor } from '../../systemd/supervisor/client.js';
import type { HeldProcess, SpawnRequest, Supervisor } from '../../systemd/supervisor/protocol.js';

const script = fileURLToPath(new URL('../../systemd/supervisor/main.js', import.meta.url));

/** Why the supervisor cannot be tested here, or undefined. */
export function whyNot(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root';
  return cgroup2Mount(readFileSync('/proc/self/mounts', 'utf8')) === undefined ? 'needs cgroup v2' : undefined;
}

/** A supervisor of the test's own, with a directory and a cgroup; all of it, and all it started, ends with the test. */
export interface Bench {
  readonly runtime: string;
  readonly cgroup: string;
  readonly socket: string;
  child: ChildProcess;
  start(): Promise<void>;
  stop(signal: NodeJS.Signals): Promise<void>;
  connect(): Promise<Supervisor>;
  request(id: string, script: string, more?: Partial<SpawnRequest>): SpawnRequest;
  output(id: string): string;
}

export async function startBench(t: ExecutionContext): Promise<Bench> {
  const mount = cgroup2Mount(readFileSync('/proc/self/mounts', 'utf8'));
  if (mount === undefined) throw new Error('no cgroup v2');
  const runtime = mkdtempSync(join(tmpdir(), 'berth-supervisor-'));
  const cgroup = join(mount, `berth-test-${process.pid}-${runtime.slice(-6)}`);
  mkdirSync(join(cgroup, 'w'), { recursive: true });
  const socket = join(runtime, 'supervisor.sock');
  const bench: Bench = {
    runtime,
    cgroup: join(cgroup, 'w'),
    socket,
    child: launch(runtime, cgroup),
    async start() {
      bench.child = launch(runtime, cgroup);
      await ready(bench.child);
    },
    async stop(signal) {
      const gone = new Promise((resolve) => bench.child.once('exit', resolve));
      bench.child.kill(signal);
      await gone;
    },
    async connect() {
      const supervisor = await connectSupervisor(socket, { onLog: (line) => t.log(line), keepOutputsIn: runtime });
      t.teardown(() => supervisor.close());
      return supervisor;
    },
    request: (id, sh, more = {}) => ({
      id,
      argv: ['/bin/sh', '-c', sh],
      env: { PATH: '/usr/bin:/bin' },
      cgroup: bench.cgroup,
      output: join(runtime, `${id}.log`),
      ...more,
    }),
    output: (id) => readFileSync(join(runtime, `${id}.log`), 'utf8'),
  };
  t.teardown(async () => {
    bench.child.kill('SIGKILL');
    for (const name of ['w', 'supervisor', '']) await removeCgroup(join(cgroup, name));
    rmSync(runtime, { recursive: true, force: true });
  });
  await ready(bench.child);
  return bench;
}

/** The first exit of `id` announced from now on. */
export function exitOf(supervisor: Supervisor, id: string): Promise<HeldProcess> {
  return new Promise((resolve) => {
    const off = supervisor.onExit((process) => {
      if (process.id !== id) return;
      off();
      resolve(process);
    });
  });
}

export async function until<T>(what: () => T | undefined | Promise<T | undefined>, ms = 10_000): Promise<T> {
  for (const deadline = Date.now() + ms; Date.now() < deadline; await sleep(20)) {
    const value = await what();
    if (value !== undefined && value !== false) return value;
  }
  throw new Error('timed out');
}

function launch(runtime: string, cgroup: string): ChildProcess {
  return spawn(process.execPath, [script, '--runtime', runtime, '--cgroup', join(cgroup, 'supervisor')], {
    stdio: ['ignore', 'inherit', 'pipe'],
  });
}

function ready(child: ChildProcess): Promise<void> {
  let said = '';
  return new Promise((resolve, reject) => {
    child.stderr?.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      if (said.includes('listening')) resolve();
    });
    child.once('exit', (code) => reject(new Error(`supervisor ended with ${code}: ${said}`)));
  });
}

async function removeCgroup(directory: string): Promise<void> {
  if (!existsSync(directory)) return;
  writeFileSync(join(directory, 'cgroup.kill'), '1');
  await until(() => /^populated 0$/m.test(readFileSync(join(directory, 'cgroup.events'), 'utf8')) || undefined);
  rmdirSync(directory);
}
