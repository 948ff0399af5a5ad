import { type ChildProcess, spawn } from 'node:child_process';
import { once as onceEvent } from 'node:events';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { emulator } from './emulator.js';
import { LabError } from './errors.js';
import type { Image } from './image.js';
import { READY_LINE } from './image-recipe.js';
import { tail } from './process.js';
import { qemuArguments } from './qemu.js';
import { Qmp } from './qmp.js';
import type { RunDirectory } from './rundir.js';
import { poll, scaled } from './timing.js';

export interface StartOptions {
  readonly image: Image;
  readonly run: RunDirectory;
  readonly disk: string;
  readonly memoryMiB: number;
  readonly cpus: number;
  readonly loadSnapshot?: string | undefined;
  /** Outlives this process. */
  readonly keep?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** One QEMU process: started, watched, reset and killed. What runs inside is not known here. */
export class Machine {
  readonly sshPort: number;
  readonly pid: number;
  readonly qmp: Qmp;
  readonly #child: ChildProcess;
  readonly #run: RunDirectory;

  private constructor(child: ChildProcess, pid: number, qmp: Qmp, sshPort: number, run: RunDirectory) {
    this.#child = child;
    this.pid = pid;
    this.qmp = qmp;
    this.sshPort = sshPort;
    this.#run = run;
  }

  static async start(options: StartOptions): Promise<Machine> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await Machine.#attempt(options);
      } catch (error) {
        // Between our look for a free port and QEMU's use of it somebody else may have taken it.
        const raced = error instanceof LabError && error.message.includes('host forwarding');
        if (!raced || attempt === 5) throw error;
      }
    }
  }

  static async #attempt(options: StartOptions): Promise<Machine> {
    const { image, run } = options;
    const sshPort = await freePort();
    const qmpSocket = join(run.sockets, 'qmp');
    const consoleLog = join(run.path, 'console.log');
    const qemu = qemuArguments({ ...image, ...options, sshPort, qmpSocket, consoleLog });
    // The kernel kills QEMU with the thread that started it (prctl(2), PR_SET_PDEATHSIG), however that one dies.
    const command = [await emulator({ signal: options.signal }), ...qemu];
    if (options.keep !== true) command.unshift('setpriv', '--pdeathsig', 'KILL', '--');
    const [program = '', ...args] = command;
    const log = openSync(join(run.path, 'qemu.log'), 'w');
    // Its own process group: a Ctrl-C at the terminal is for us, who then stop it in order.
    const child = spawn(program, args, { detached: true, stdio: ['ignore', log, log] });
    closeSync(log);
    child.unref();
    child.on('error', () => {});
    const { pid } = child;
    if (pid === undefined) throw new LabError('lab_machine_failed', `cannot start ${program}`);
    await run.record({ qemu: pid, sshPort, keep: options.keep === true });
    try {
      const qmp = await poll(
        async () => {
          if (child.exitCode !== null || child.signalCode !== null) throw gone(run, 'QEMU ended at its start');
          return existsSync(qmpSocket) ? await Qmp.connect(qmpSocket).catch(() => undefined) : undefined;
        },
        { what: 'QEMU answers on its monitor', timeoutMs: 60_000, everyMs: 20, signal: options.signal },
      );
      return new Machine(child, pid, qmp, sshPort, run);
    } catch (error) {
      child.kill('SIGKILL');
      throw error;
    }
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  assertRunning(): void {
    if (!this.isRunning) throw gone(this.#run, 'QEMU is not running any more');
  }

  consoleText(): string {
    return consoleText(this.#run);
  }

  consoleTail(lines = 30): string {
    return tail(this.consoleText(), lines);
  }

  /** Waits until the console says, after its first `from` characters, that ssh answers; gives the boot id. */
  async waitReady(from: number, signal?: AbortSignal): Promise<string> {
    const pattern = new RegExp(`${READY_LINE} ([0-9a-f-]{36})`);
    return poll(
      async () => {
        this.assertRunning();
        return pattern.exec(this.consoleText().slice(from))?.[1];
      },
      { what: 'the lab host boots', timeoutMs: 300_000, signal, explain: () => `--- console\n${this.consoleTail()}` },
    );
  }

  /** A power cut and power on: the machine resets, nothing inside is told. */
  async reset(): Promise<void> {
    await this.qmp.execute('system_reset');
  }

  async saveSnapshot(name: string): Promise<void> {
    const said = await this.qmp.monitor(`savevm ${name}`, 300_000);
    if (said.trim() !== '') throw new LabError('lab_machine_failed', `savevm: ${said.trim()}`);
  }

  async stop(): Promise<void> {
    if (this.isRunning) {
      const exited = onceEvent(this.#child, 'exit');
      this.#child.ref();
      const timer = setTimeout(() => this.#child.kill('SIGKILL'), scaled(10_000));
      await this.qmp.execute('quit').catch(() => this.#child.kill('SIGKILL'));
      await exited;
      clearTimeout(timer);
    }
    this.qmp.close();
  }
}

function consoleText(run: RunDirectory): string {
  try {
    return readFileSync(join(run.path, 'console.log'), 'utf8').replaceAll('\r', '');
  } catch {
    return '';
  }
}

function gone(run: RunDirectory, sentence: string): LabError {
  const log = readFileSync(join(run.path, 'qemu.log'), 'utf8');
  return new LabError('lab_machine_failed', `${sentence}\n--- QEMU\n${log}--- console\n${tail(consoleText(run), 30)}`);
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  await new Promise<void>((resolve) => server.close(() => resolve()));
  if (address === null || typeof address === 'string') throw new LabError('lab_machine_failed', 'no free port');
  return address.port;
}
