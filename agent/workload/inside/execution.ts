// One program inside a workload, from the first byte to the last. It has a cgroup of its own below that of the workload: the
// limits of the workload hold for it, and whatever it starts ends with it.
import { access, rm } from 'node:fs/promises';
import { constants } from 'node:os';
import type { Readable, Writable } from 'node:stream';
import { signalProcess } from '../../../linux/pidfd.js';
import { readPlain } from '../../../linux/plain-file.js';
import { readStat } from '../../../linux/proc.js';
import { resizeTerminalsOf, type WindowSize } from '../../../linux/pty.js';
import { after, type Timer } from '../../../linux/timers.js';
import { BerthError } from '../../../protocol/errors.js';
import type { HeldProcess } from '../../../systemd/supervisor/protocol.js';
import { reportOf } from '../../base/errors.js';
import type { Log } from '../../base/log.js';
import type { Entry } from '../../drivers/driver.js';
import type { CgroupPort } from '../../limits/cgroup-port.js';
import type { StreamEnd } from '../../model/execution.js';
import type { SupervisorPort } from '../ports.js';
import type { Stdio } from './stdio.js';

/** Between SIGHUP and SIGKILL, when nobody listens any more. */
const GRACE_MS = 3000;
const KILL_MS = 30_000;
/** For a runtime to begin the program. */
const BEGIN_MS = 30_000;
const MOST_LOG_BYTES = 64 << 10;

export interface ExecutionParts {
  readonly id: string;
  readonly cgroup: string;
  readonly directory: string;
  readonly stdio: Stdio;
  readonly runtime: Entry['runtime'] | undefined;
  readonly world: {
    readonly cgroups: Pick<CgroupPort, 'kill' | 'waitEmpty' | 'remove' | 'processes'>;
    readonly supervisor: Pick<SupervisorPort, 'forget'>;
    readonly log: Log;
  };
  /** Calls `late` unless it is cancelled before; default: after 30 s. */
  readonly limit?: (late: () => Promise<void>) => Pick<Timer, 'cancel'>;
}

export class Execution {
  readonly id: string;
  /** Resolves when nothing of it is left but what is still to be read from the outputs. Never rejects. */
  readonly ended: Promise<StreamEnd>;
  readonly #parts: ExecutionParts;
  #process: HeldProcess | undefined;
  #exited: (held: HeldProcess) => void = () => undefined;
  #grace: NodeJS.Timeout | undefined;
  #limit: Pick<Timer, 'cancel'> | undefined;
  #killed = false;
  #late = false;

  constructor(parts: ExecutionParts) {
    this.#parts = parts;
    this.id = parts.id;
    this.ended = new Promise<HeldProcess>((resolve) => {
      this.#exited = resolve;
    }).then((held) => this.#finish(held));
  }

  get outputs(): { readonly stdout: Readable; readonly stderr?: Readable } {
    return this.#parts.stdio.outputs;
  }

  get input(): Writable | undefined {
    return this.#parts.stdio.input;
  }

  started(held: HeldProcess): void {
    this.#process = held;
    if (held.exit !== undefined) {
      this.#exited(held);
      return;
    }
    const { runtime, limit = (late) => after(BEGIN_MS, () => void late()) } = this.#parts;
    if (runtime !== undefined) this.#limit = limit(() => this.#requireBegun(runtime.pidFile));
  }

  /** A runtime that hangs would look like a program that says nothing. */
  async #requireBegun(pidFile: string): Promise<void> {
    const begun = await access(pidFile).then(
      () => true,
      () => false,
    );
    if (begun) return;
    this.#late = true;
    await this.kill();
  }

  /** The supervisor says so. */
  exited(held: HeldProcess): void {
    this.#exited(held);
  }

  resize(size: WindowSize): void {
    const { runtime, stdio } = this.#parts;
    if (stdio.resize === undefined) return;
    stdio.resize(size);
    // crun 1.8 does not pass it on.
    if (runtime !== undefined && this.#process !== undefined) resizeTerminalsOf(this.#process.pid, size);
  }

  /** To the program, or to the runtime that passes it on. */
  signal(name: NodeJS.Signals): void {
    if (this.#process !== undefined) signalProcess(this.#process, constants.signals[name]);
  }

  /** Nobody listens any more: all of it is asked to end, and killed after a grace. */
  hangUp(): void {
    if (this.#grace !== undefined) return;
    const { cgroups } = this.#parts.world;
    this.#grace = setTimeout(() => void this.kill(), GRACE_MS);
    this.#parts.stdio.destroy();
    try {
      for (const pid of cgroups.processes(this.#parts.cgroup)) {
        const found = readStat(pid);
        if (found !== undefined) signalProcess(found, constants.signals.SIGHUP);
      }
    } catch (err) {
      // Nobody is left to be told; the kill does not depend on it.
      this.#parts.world.log.warn({ err, execution: this.id }, 'a program inside a workload is not asked to end');
    }
  }

  /** Whether berth has ended it. */
  get killed(): boolean {
    return this.#killed;
  }

  /** Resolves when nothing of it is left. */
  async kill(): Promise<void> {
    this.#killed = true;
    const { cgroup, stdio, world } = this.#parts;
    stdio.destroy();
    await world.cgroups
      .kill(cgroup)
      .catch((err: unknown) =>
        world.log.warn({ err, execution: this.id }, 'a program inside a workload is not killed'),
      );
    await this.ended;
  }

  async #finish(held: HeldProcess): Promise<StreamEnd> {
    clearTimeout(this.#grace);
    this.#limit?.cancel();
    const { cgroup, directory, stdio, world } = this.#parts;
    const failure = held.exit?.code === 0 ? undefined : await this.#failure();
    try {
      // What it has left behind, and what would go on to write.
      await endCgroup(world.cgroups, cgroup);
      await world.supervisor.forget(this.id);
      await rm(directory, { recursive: true, force: true });
    } catch (err) {
      // The next start of the agent, or the end of the workload, takes it away.
      world.log.warn({ err, execution: this.id }, 'what is left of a program inside a workload is not removed');
    }
    stdio.finish();
    return failure ?? endOf(held);
  }

  /** What the runtime said of a program that it could not start. */
  async #failure(): Promise<StreamEnd | undefined> {
    const { runtime } = this.#parts;
    if (runtime === undefined) return undefined;
    if (this.#late) {
      const why = `the runtime did not begin the program within ${BEGIN_MS / 1000} s`;
      return { exit: null, error: reportOf(new BerthError('exec_failed', why)) };
    }
    const text = (await readPlain(runtime.log, MOST_LOG_BYTES).catch(() => '')).toString();
    return text === '' ? undefined : notBegun(text);
  }
}

/** Idempotent. Rejects with SysError when something lives on. */
export async function endCgroup(
  cgroups: Pick<CgroupPort, 'kill' | 'waitEmpty' | 'remove'>,
  name: string,
): Promise<void> {
  await cgroups.kill(name);
  await cgroups.waitEmpty(name, { timeoutMs: KILL_MS });
  await cgroups.remove(name);
}

function endOf({ exit }: HeldProcess): StreamEnd {
  if (exit === undefined || (exit.code === null && exit.signal === null))
    return { exit: null, error: reportOf(new BerthError('internal', 'how the program ended is not known')) };
  return { exit: { code: exit.code, signal: exit.signal }, error: null };
}

/** Pure. As a shell: 127 for a program that is not there, 126 for one that cannot be run. `log`: JSON lines of crun. */
export function notBegun(log: string): StreamEnd {
  const [line = ''] = log.trim().split('\n').slice(-1);
  const message = messageOf(line);
  const error = reportOf(new BerthError('exec_failed', `the program could not be started: ${message}`));
  if (/not found|No such file or directory/.test(message)) return { exit: { code: 127, signal: null }, error };
  const found = /executable|exec/.test(message);
  return { exit: found ? { code: 126, signal: null } : null, error };
}

function messageOf(line: string): string {
  try {
    const parsed: unknown = JSON.parse(line);
    if (typeof parsed === 'object' && parsed !== null && 'msg' in parsed) return String(parsed.msg);
  } catch {
    // Another runtime writes text.
  }
  return line.slice(0, 1000);
}
