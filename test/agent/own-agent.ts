// The whole agent on this machine's kernel, as a person would run it without systemd: its own cgroup, its own supervisor.
import { type ChildProcess, type SpawnOptions, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { GRANTS } from '../../agent/config/drivers.js';
import { findHierarchy } from '../../cgroups/hierarchy.js';
import { openTree } from '../../cgroups/tree.js';

/** With the umask of its unit. */
const AS_UNIT = ['/bin/sh', '-c', 'umask 077; exec "$@"', 'sh'];
const MAIN = fileURLToPath(new URL('../../agent/main.js', import.meta.url));

interface Settings {
  /** For the state, the run directory and the socket. */
  readonly directory: string;
  /** Below the cgroup v2 mount. */
  readonly cgroup: string;
  /** BERTH_* beyond the paths. */
  readonly env: Readonly<Record<string, string>>;
  readonly args?: readonly string[];
  /** Arguments before all commands, and how one is started that runs on, where not on this host (own-host.ts). */
  readonly prefix?: readonly string[];
  readonly start?: (command: readonly string[], options: SpawnOptions) => ChildProcess;
}

export class OwnAgent {
  readonly socket: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly #settings: Settings;
  #process: ChildProcess | undefined;
  #turn: ChildProcess | undefined;
  #log = '';

  constructor(settings: Settings) {
    const { directory, cgroup, env } = settings;
    this.#settings = settings;
    this.socket = join(directory, 'run', 'berth.sock');
    this.env = {
      PATH: process.env.PATH,
      BERTH_PATHS_STATE: join(directory, 'state'),
      BERTH_PATHS_RUNTIME: join(directory, 'run'),
      BERTH_PATHS_CGROUP_ROOT: cgroup,
      // Most tests are about something else than the sandbox, and do not pay for one.
      BERTH_DRIVERS_EXEC_ALLOW: JSON.stringify(Object.keys(GRANTS.exec)),
      BERTH_DRIVERS_OCI_ALLOW: JSON.stringify(Object.keys(GRANTS.oci)),
      ...env,
    };
  }

  /** Resolves once it serves; rejects with its log when it ends before. */
  async start(): Promise<void> {
    if (this.#settings.start === undefined) this.#turn ??= await takeTurn();
    const { args = [], start = ([program = '', ...rest], options) => spawn(program, rest, options) } = this.#settings;
    const options: SpawnOptions = { env: this.env, stdio: ['ignore', 'pipe', 'inherit'] };
    const child = start([...AS_UNIT, process.execPath, MAIN, 'agent', ...args], options);
    this.#process = child;
    await new Promise<void>((resolve, reject) => {
      let ready = '';
      child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
        this.#log += chunk;
        ready += chunk;
        if (ready.includes('berth is ready')) resolve();
      });
      child.stdout?.once('end', () => reject(new Error(`the agent ended:\n${ready}`)));
    });
  }

  /** All that agents of it have logged. */
  get log(): string {
    return this.#log;
  }

  /** Of the agent while it runs. */
  get pid(): number | undefined {
    return this.#process?.pid;
  }

  signal(signal: NodeJS.Signals): void {
    this.#process?.kill(signal);
  }

  /** Resolves once it is gone. */
  async kill(signal: NodeJS.Signals): Promise<void> {
    const child = this.#process;
    // Of one that has ended no exit is told any more.
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    this.signal(signal);
    await ended;
  }

  /** The command as a person types it; `input`: bytes, or a document; `options` as for spawnSync. */
  berth(
    args: readonly string[],
    input?: unknown,
    options: { env?: NodeJS.ProcessEnv; uid?: number; gid?: number; timeout?: number } = {},
  ) {
    const [program = '', ...rest] = [...(this.#settings.prefix ?? []), process.execPath, MAIN, ...args];
    const stdin = input === undefined ? {} : { input: Buffer.isBuffer(input) ? input : JSON.stringify(input) };
    const env = { ...this.env, BERTH_CONNECT: this.socket };
    return spawnSync(program, rest, { env, encoding: 'utf8', ...stdin, ...options });
  }

  /** Stops it and takes away what outlives it on purpose: workloads, the supervisor, the cgroups and the tables. */
  async end(): Promise<void> {
    if (this.#process?.exitCode === null && this.#process.signalCode === null)
      this.berth(['workload', 'delete', '--all', '--now'], undefined, { timeout: 30_000 });
    await this.kill('SIGTERM');
    const table = this.env.BERTH_NETWORK_TABLE;
    if (table !== undefined)
      for (const family of ['inet', 'bridge']) this.#host(['/usr/sbin/nft', 'delete', 'table', family, table]);
    this.#turn?.stdin?.end();
    const mount = findHierarchy()?.mount;
    if (mount === undefined) return;
    const root = join(mount, this.#settings.cgroup);
    const tree = await openTree(root, { from: mount });
    await tree.kill('supervisor');
    await tree.waitEmpty('supervisor', { timeoutMs: 10_000 });
    await tree.remove('supervisor');
    spawnSync('find', [root, '-depth', '-type', 'd', '-exec', 'rmdir', '{}', '+']);
  }

  /** On the host of the agent; what fails there had nothing to do. */
  #host(command: readonly string[]): void {
    const [program = '', ...rest] = [...(this.#settings.prefix ?? []), ...command];
    spawnSync(program, rest);
  }
}

/**
 * A network namespace has one agent. Those of tests that start theirs in the namespace of the runner wait for each other,
 * also across runs on one machine; the turn ends with `end`, or with this process.
 */
async function takeTurn(): Promise<ChildProcess> {
  const file = join(tmpdir(), 'berth-test-agent.lock');
  const turn = spawn('flock', [file, 'sh', '-c', 'echo; exec cat'], { stdio: ['pipe', 'pipe', 'inherit'] });
  await once(turn.stdout, 'data');
  return turn;
}
