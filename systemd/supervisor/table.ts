// The processes the supervisor knows, and the one place where their state changes:
//
//   (nothing) --spawn--> starting --in its cgroup--> live --exit written--> ended --forget--> (nothing)
//                        starting --refused--> (nothing)
//
// With `pidFile` the process started is a runtime, and `starting` lasts until it has ended and left the pid of the real
// process. Each edge is on disk before it is announced or answered.

import { rmSync } from 'node:fs';
import { defined } from '../../linux/defined.js';
import { readStat } from '../../linux/proc.js';
import { type ExitedChild, peekExitedChild, reapChild } from '../../linux/wait.js';
import type { Launcher } from './launcher.js';
import { Orphans } from './orphans.js';
import type { Outputs } from './outputs.js';
import type { HeldProcess, SpawnRequest } from './protocol.js';
import type { EndedRecord, HeldRecord, RecordStore } from './records.js';
import { isIn, killLeftovers, readPidFile, runtimeFailure, runtimeResult } from './runtime.js';
import { findSpawned } from './search.js';
import { Unwritten } from './unwritten.js';
import { Watch } from './watch.js';

type Held = Omit<HeldRecord, 'boot'>;
type Ended = Omit<EndedRecord, 'boot'>;
type Outcome = { readonly process: HeldProcess } | { readonly error: Error };

export interface TableOptions {
  readonly store: RecordStore;
  readonly launcher: Launcher;
  readonly outputs: Pick<Outputs, 'recover' | 'end' | 'forget'>;
  /** The supervisor's own cgroup directory, where a process on its way into its cgroup may be found. */
  readonly ownCgroup: string | undefined;
  /** Clock ticks since boot. */
  readonly uptimeTicks: () => number;
  readonly onExit: (process: HeldProcess) => void;
  /** Something a person should know; no workload was lost by it. */
  readonly onProblem: (problem: string) => void;
}

export class ProcessTable {
  readonly #options: TableOptions;
  readonly #starting = new Map<string, Promise<HeldProcess>>();
  readonly #live = new Map<string, Held>();
  readonly #ended = new Map<string, Ended>();
  readonly #onChildExit = new Map<number, (exited: ExitedChild) => void>();
  readonly #orphans = new Orphans();
  readonly #watch = new Watch(() => this.reap());
  readonly #unwritten: Unwritten;

  constructor(options: TableOptions) {
    this.#options = options;
    this.#unwritten = new Unwritten(options.onProblem);
  }

  /** Whether a supervisor that takes over now finds everything on disk. Tries what could not be written before. */
  flush(): boolean {
    return this.#unwritten.flush();
  }

  get liveCount(): number {
    return this.#live.size;
  }

  /** Rejects with SysError or SupervisorFailure, and then nothing runs. */
  async spawn(request: SpawnRequest, token?: string): Promise<HeldProcess> {
    const live = this.#live.get(request.id);
    if (live !== undefined) return heldProcess(live);
    const ended = this.#ended.get(request.id);
    if (ended !== undefined && token !== undefined && ended.token === token) return endedProcess(ended);
    const joined = this.#starting.get(request.id);
    if (joined !== undefined) return joined;
    const started = this.#start(request, token);
    return started instanceof Promise ? this.#track(request.id, started) : started;
  }

  list(): HeldProcess[] {
    return [...[...this.#live.values()].map(heldProcess), ...[...this.#ended.values()].map(endedProcess)];
  }

  forget(id: string): void {
    this.#unwritten.drop(id);
    this.#options.store.removeExit(id);
    this.#ended.delete(id);
    this.#options.outputs.forget(id);
  }

  /** Takes in every child that has ended. To be called on SIGCHLD, which does not count: one may stand for many. */
  reap(): void {
    for (let child = peekExitedChild(); child !== undefined; child = peekExitedChild()) {
      const onExit = this.#onChildExit.get(child.pid);
      this.#onChildExit.delete(child.pid);
      if (onExit === undefined) this.#orphans.add(child, this.#options.uptimeTicks());
      else onExit(child);
      reapChild(child.pid);
    }
  }

  /** Takes over what a former supervisor left on disk. To be called once, before anything else. */
  recover(): void {
    const { held, ended, damaged } = this.#options.store.load();
    for (const problem of damaged) this.#options.onProblem(problem);
    this.#options.outputs.recover(held, ended);
    for (const record of ended) this.#ended.set(record.id, record);
    for (const record of held.filter(({ phase }) => phase === 'live')) this.#recoverLive(record);
    for (const record of held.filter(({ phase }) => phase === 'intent')) this.#recoverIntent(record);
  }

  #start(request: SpawnRequest, token: string | undefined): Promise<HeldProcess> | HeldProcess {
    const { store, launcher, outputs, uptimeTicks } = this.#options;
    const { id, cgroup, pidFile, output, outputLimit } = request;
    const intent: Held = {
      id,
      cgroup,
      phase: 'intent',
      pid: 0,
      startTime: 0,
      startedAt: Date.now(),
      uptimeTicks: uptimeTicks(),
      ...defined({ token, pidFile }),
      ...(outputLimit === undefined ? {} : { output: { path: output, limit: outputLimit } }),
    };
    if (pidFile !== undefined) rmSync(pidFile, { force: true });
    store.writeHeld(intent);
    try {
      const { pid, entered } = launcher.launch(request);
      if (pidFile !== undefined) return this.#startRuntime(request, intent, pidFile, pid, entered);
      const held = { ...intent, pid, startTime: startTimeOf(pid) };
      return entered === undefined ? this.#hold(held) : this.#holdOnce(held, entered);
    } catch (error) {
      store.removeHeld(id);
      outputs.end(id);
      throw error;
    }
  }

  /** Shares a start that takes time with later spawns of the same id. */
  async #track(id: string, start: Promise<HeldProcess>): Promise<HeldProcess> {
    this.#starting.set(id, start);
    try {
      return await start;
    } finally {
      this.#starting.delete(id);
    }
  }

  async #holdOnce(held: Held, entered: Promise<void>): Promise<HeldProcess> {
    let exited: ExitedChild | undefined;
    this.#onChildExit.set(held.pid, (child) => {
      exited = child;
    });
    try {
      await entered;
    } catch (error) {
      this.#options.store.removeHeld(held.id);
      this.#options.outputs.end(held.id);
      throw error;
    }
    return exited === undefined ? this.#hold(held) : this.#end(this.#register(held), exited);
  }

  async #startRuntime(
    request: SpawnRequest,
    intent: Held,
    pidFile: string,
    pid: number,
    entered: Promise<void> | undefined,
  ): Promise<HeldProcess> {
    const outcome = new Promise<Outcome>((resolve) => {
      this.#onChildExit.set(pid, (exited) => resolve(this.#runtimeEnded(intent, pidFile, exited, request)));
    });
    const settled = await Promise.all([outcome, entered]).then(
      ([result]) => result,
      (error: Error) => ({ error }),
    );
    if ('process' in settled) return settled.process;
    this.#options.store.removeHeld(intent.id);
    this.#options.outputs.end(intent.id);
    throw settled.error;
  }

  // Synchronous, and called while the runtime is still a zombie: its orphans are ours by now, none of them reaped
  // without having been put on record.
  #runtimeEnded(intent: Held, pidFile: string, exited: ExitedChild, request: SpawnRequest): Outcome {
    const failed = exited.signal !== null || (exited.code !== null && exited.code !== 0);
    const result = failed ? undefined : runtimeResult(pidFile, intent.cgroup, this.#orphans, intent.uptimeTicks);
    if (result === undefined || result.kind === 'failed') {
      killLeftovers(exited.pid, pidFile);
      this.#options.outputs.end(intent.id);
      return { error: runtimeFailure(request, exited) };
    }
    const { pid } = result;
    if (result.kind === 'running') return { process: this.#hold({ ...intent, pid, startTime: result.startTime }) };
    const ended = result.exit ?? { pid, code: null, signal: null };
    return { process: this.#end(this.#register({ ...intent, pid }), ended) };
  }

  #register(held: Held): Held {
    const live: Held = { ...held, phase: 'live' };
    // It runs: what cannot be written of it must not make the caller believe that it does not. The intent is on disk.
    this.#unwritten.write(`process of ${held.id}`, held.id, () => this.#options.store.writeHeld(live));
    this.#live.set(held.id, live);
    this.#ended.delete(held.id);
    this.#options.store.removeExit(held.id);
    return live;
  }

  /** From here on the end of the process is noticed, whoever's child it is. */
  #hold(held: Held): HeldProcess {
    const live = this.#register(held);
    const { pid, startTime } = live;
    const lost = { pid, code: null, signal: null };
    this.#onChildExit.set(pid, (exited) => this.#end(live, exited));
    const isOwn = readStat(pid)?.ppid === process.pid;
    if (!isOwn && !this.#watch.add(pid, startTime, () => this.#end(live, lost))) return this.#end(live, lost);
    return heldProcess(live);
  }

  #end(live: Held, { code, signal }: ExitedChild): HeldProcess {
    const { id, pid, startTime, startedAt, token, output } = live;
    const ended: Ended = {
      ...{ id, pid, startTime, startedAt },
      exit: { code, signal, at: Date.now(), uptimeTicks: this.#options.uptimeTicks() },
      ...defined({ token, output }),
    };
    // First: after the exit record nobody looks for what is still in the pipe.
    this.#options.outputs.end(id);
    // A full /run must not keep the exit from the agents that are connected.
    this.#unwritten.write(`exit of ${id}`, id, () => {
      this.#options.store.writeExit(ended);
      this.#options.store.removeHeld(id);
    });
    this.#live.delete(id);
    this.#onChildExit.delete(pid);
    this.#watch.remove(pid);
    this.#ended.set(id, ended);
    const process = endedProcess(ended);
    this.#options.onExit(process);
    return process;
  }

  #recoverLive(record: HeldRecord): void {
    const ended = this.#ended.get(record.id);
    if (ended !== undefined && ended.pid === record.pid && ended.startTime === record.startTime) {
      // Killed between the two files of one exit.
      this.#options.store.removeHeld(record.id);
      this.#options.outputs.end(record.id);
      return;
    }
    const stat = readStat(record.pid);
    const isSame = stat !== undefined && stat.startTime === record.startTime;
    // Another parent's zombie has ended; our own (the supervisor has replaced its program) still has a status to give.
    const isLive = isSame && (stat.state !== 'Z' || stat.ppid === process.pid);
    if (isLive) this.#hold(record);
    else this.#end(this.#register(record), { pid: record.pid, code: null, signal: null });
  }

  #recoverIntent(record: HeldRecord): void {
    const { id, cgroup, pidFile } = record;
    const main = pidFile === undefined ? undefined : readPidFile(pidFile);
    const stat = main === undefined ? undefined : readStat(main);
    if (main !== undefined && stat !== undefined && stat.startTime >= record.uptimeTicks && isIn(main, cgroup)) {
      this.#hold({ ...record, pid: main, startTime: stat.startTime });
      return;
    }
    const found = findSpawned(record, this.#options.ownCgroup, (pid) => this.#onChildExit.has(pid));
    if (found === undefined) {
      this.#options.store.removeHeld(id);
      this.#options.outputs.end(id);
    } else if (pidFile === undefined) this.#hold({ ...record, ...found });
    else this.#recoverRuntime(record, pidFile, found.pid, found.startTime);
  }

  #recoverRuntime(record: HeldRecord, pidFile: string, pid: number, startTime: number): void {
    const { id, cgroup } = record;
    const request = { id, cgroup, pidFile, argv: ['runtime'], env: {}, output: '/dev/null' };
    const outcome = this.#startRuntime(request, record, pidFile, pid, undefined);
    const onEnd = () => {
      const onExit = this.#onChildExit.get(pid);
      this.#onChildExit.delete(pid);
      onExit?.({ pid, code: null, signal: null });
    };
    if (readStat(pid)?.ppid !== process.pid && !this.#watch.add(pid, startTime, onEnd)) onEnd();
    this.#track(id, outcome).catch((error: unknown) => this.#options.onProblem(`runtime of ${id}: ${String(error)}`));
  }
}

function heldProcess({ id, pid, startTime, startedAt }: Held): HeldProcess {
  return { id, pid, startTime, startedAt };
}

function endedProcess({ exit, ...held }: Ended): HeldProcess {
  const { id, pid, startTime, startedAt } = held;
  return exit === undefined ? { id, pid, startTime, startedAt } : { id, pid, startTime, startedAt, exit };
}

// Of a child that was not reaped: it has an entry even when it has already ended.
function startTimeOf(pid: number): number {
  return readStat(pid)?.startTime ?? 0;
}
