// Programs that people, or health probes, run inside workloads. They belong to the session that asked: what an agent leaves behind when it is
// killed, the next one ends.
import { randomBytes } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { defined } from '../../../linux/defined.js';
import { codeOf, messageOf } from '../../../linux/errors.js';
import { timeLimit } from '../../../linux/timers.js';
import { BerthError } from '../../../protocol/errors.js';
import type { HeldProcess } from '../../../systemd/supervisor/protocol.js';
import type { Log } from '../../base/log.js';
import type { Driver, Entry, EntryContext } from '../../drivers/driver.js';
import type { CgroupPort } from '../../limits/cgroup-port.js';
import type { Layers } from '../../limits/layers.js';
import type { EventActor } from '../../model/event.js';
import {
  type CopyRequest,
  type ExecutionRequest,
  executionDirectory,
  executionId,
  parseExecutionId,
} from '../../model/execution.js';
import type { WorkloadRecord } from '../../model/record.js';
import type { DriverSet } from '../driver-set.js';
import type { Manager } from '../manager.js';
import type { SupervisorPort } from '../ports.js';
import { copyEntry } from './copying.js';
import { Execution, endCgroup } from './execution.js';
import { frozen, requireRunning } from './running.js';
import { openNothing, openPipes, openTerminal, type Stdio } from './stdio.js';

/** Of one agent, and of one workload. */
const MOST = 128;
const MOST_OF_ONE = 16;
/** A shell that has opened its streams: what takes longer holds up the life of the workload. */
const SPAWN_MS = 10_000;
/** For a step of the workload's life that is under way. */
const TURN_MS = 10_000;
/** Of a command in an event. */
const MOST_NAME = 256;

type Actors = Pick<Manager, 'actor' | 'has'>;
type Turns = Pick<ReturnType<Manager['actor']>, 'exclusive'>;

/** What begins, and with which streams. Only of a driver that has `enter`. */
interface Begin {
  readonly entry: (driver: Enterable, record: WorkloadRecord, context: EntryContext) => Promise<Entry>;
  readonly stdio: (into: string) => Stdio;
}

type Enterable = Driver & Required<Pick<Driver, 'enter'>>;

export interface ExecutionPorts {
  readonly cgroups: Pick<CgroupPort, 'createInside' | 'kill' | 'path' | 'processes' | 'remove' | 'waitEmpty'>;
  readonly drivers: Pick<DriverSet, 'of' | 'context'>;
  readonly layers: Pick<Layers, 'of'>;
  readonly supervisor: SupervisorPort;
  readonly log: Log;
}

export class Executions {
  readonly #ports: ExecutionPorts;
  readonly #actors: Actors;
  readonly #running = new Map<string, Execution>();
  /** Of these, those that nobody has asked for. */
  readonly #probes = new Set<Execution>();
  /** Workloads of starts under way. */
  readonly #starting: string[] = [];

  constructor(ports: ExecutionPorts, actors: Actors) {
    this.#ports = ports;
    this.#actors = actors;
  }

  /** Resolves when the program has its streams. Throws BerthError, and then nothing runs. */
  async open(workload: string, request: ExecutionRequest, by?: EventActor): Promise<Execution> {
    const begun: Begin = {
      entry: (driver, { spec }, context) => driver.enter(spec, request, context),
      stdio: (into) =>
        request.tty === undefined ? openPipes(into, request.stdin === true) : openTerminal(request.tty),
    };
    const told = { command: (request.command[0] ?? '').slice(0, MOST_NAME), tty: request.tty !== undefined };
    return this.#open(workload, begun, (actor) => actor.event('workload.exec', told, by));
  }

  /** As `open`, a program that copies files. */
  async copy(workload: string, request: CopyRequest, by?: EventActor): Promise<Execution> {
    const begun: Begin = {
      entry: async (_driver, record, { which }) => copyEntry(record, request, which),
      stdio: (into) => openPipes(into, request.direction === 'to'),
    };
    const told = { direction: request.direction, path: request.path.slice(0, MOST_NAME) };
    return this.#open(workload, begun, (actor) => actor.event('workload.copy', told, by));
  }

  async #open(workload: string, begin: Begin, tell: (actor: ReturnType<Actors['actor']>) => void): Promise<Execution> {
    const actor = this.#actors.actor(workload);
    requireRunning(actor.record);
    if (this.#running.size - this.#probes.size + this.#starting.length >= MOST)
      throw new BerthError('too_many_streams', `${MOST} programs run inside workloads of this node already`);
    const own = [...this.#running].filter(
      ([id, one]) => parseExecutionId(id)?.workload === workload && !this.#probes.has(one),
    ).length;
    const about = this.#starting.filter((id) => id === workload).length;
    if (own + about >= MOST_OF_ONE)
      throw new BerthError('too_many_streams', `${MOST_OF_ONE} programs run inside workload "${workload}" already`);
    this.#starting.push(workload);
    const turn = timeLimit(TURN_MS, { tooLate: () => busy(workload) });
    try {
      // Between two steps of its life: a start or an end cannot come in between.
      const { execution, opened } = await inTurn(actor, turn.signal, () => this.#start(actor.record, begin));
      tell(actor);
      await Promise.race([opened, execution.ended]);
      return execution;
    } finally {
      turn.done();
      this.#starting.splice(this.#starting.indexOf(workload), 1);
    }
  }

  /** A program of berth's own, whose output nobody reads and which is no event. Throws BerthError, and then nothing runs. */
  async probe(workload: string, command: readonly string[], signal: AbortSignal): Promise<Execution> {
    const actor = this.#actors.actor(workload);
    requireRunning(actor.record);
    const begun: Begin = {
      entry: (driver, { spec }, context) => driver.enter(spec, { command, env: {} }, context),
      stdio: openNothing,
    };
    const { execution } = await inTurn(actor, signal, () => this.#start(actor.record, begun));
    this.#probes.add(execution);
    void execution.ended.then(() => this.#probes.delete(execution));
    return execution;
  }

  /** The supervisor says that a process has ended. */
  ended(held: HeldProcess): void {
    this.#running.get(held.id)?.exited(held);
  }

  /** Ends what a former agent has left behind. To be called when the workloads have their actors. */
  async sweep(): Promise<void> {
    const all = await this.#ports.supervisor.list().catch((err: unknown) => {
      this.#ports.log.warn({ err }, 'programs that an agent before has left inside workloads are not known yet');
      return [];
    });
    for (const held of all) {
      const found = parseExecutionId(held.id);
      if (found === undefined || this.#running.has(held.id)) continue;
      await this.#sweepOne(held.id, found).catch((err: unknown) =>
        this.#ports.log.warn({ err, execution: held.id }, 'a program that an agent before has left is not ended'),
      );
    }
  }

  /** Kills all of them; resolves when they are gone. */
  async close(): Promise<void> {
    await Promise.all([...this.#running.values()].map((execution) => execution.kill()));
  }

  async #start(record: WorkloadRecord, begin: Begin) {
    requireRunning(record);
    const { cgroups, layers, supervisor } = this.#ports;
    // By the pressure ladder, which leaves its state as it is: a process that is born there does not run either.
    if (layers.of(record.id, 'freeze').length > 0) throw frozen(record);
    const driver: Driver = this.#ports.drivers.of(record.spec.driver);
    requireEntrance(driver, record);
    const name = randomBytes(6).toString('hex');
    const id = executionId(record.id, name);
    const context = this.#ports.drivers.context(record);
    const into = join(context.directory, executionDirectory(name));
    const cgroup = `${record.sandbox.cgroup}/${executionDirectory(name)}`;
    const undo: (() => unknown)[] = [];
    try {
      await mkdir(into, { mode: 0o700 });
      undo.push(() => rm(into, { recursive: true, force: true }));
      const entry = await begin.entry(driver, record, { ...context, into });
      const stdio = begin.stdio(into);
      undo.push(() => stdio.destroy());
      const path = await cgroups.createInside(cgroup);
      undo.push(() => endCgroup(cgroups, cgroup));
      const execution = new Execution({
        id,
        cgroup,
        directory: into,
        stdio,
        runtime: entry.runtime,
        world: this.#ports,
      });
      this.#running.set(id, execution);
      undo.push(() => this.#running.delete(id));
      const netns =
        entry.joinNetns && record.sandbox.netns !== null ? join('/run/netns', record.sandbox.netns) : undefined;
      undo.push(() => supervisor.forget(id));
      const asked = {
        ...{ id, argv: stdio.command(entry.argv), env: entry.env, cgroup: path, output: join(into, 'output') },
        ...defined({ cwd: entry.cwd, netns }),
      };
      const held = await supervisor.spawn(asked, { signal: AbortSignal.timeout(SPAWN_MS) });
      execution.started(held);
      void execution.ended.then(() => this.#running.delete(id));
      return { execution, opened: stdio.opened };
    } catch (error) {
      for (const step of undo.reverse()) await Promise.resolve(step()).catch(() => undefined);
      if (error instanceof BerthError) throw error;
      throw new BerthError(
        'exec_failed',
        `workload ${record.id}: the program could not be started: ${messageOf(error)}`,
        {
          cause: error,
          data: { errno: codeOf(error) ?? null },
        },
      );
    }
  }

  async #sweepOne(id: string, { workload, name }: { workload: string; name: string }): Promise<void> {
    const { cgroups, supervisor } = this.#ports;
    if (this.#actors.has(workload)) {
      const { record } = this.#actors.actor(workload);
      const directory = executionDirectory(name);
      await endCgroup(cgroups, `${record.sandbox.cgroup}/${directory}`);
      await rm(join(this.#ports.drivers.context(record).directory, directory), { recursive: true, force: true });
    }
    await supervisor.forget(id);
  }
}

function busy(id: string): BerthError {
  return new BerthError(
    'workload_ending',
    `workload "${id}" is between two steps of its life for more than ${TURN_MS / 1000} s`,
    {
      data: { id },
    },
  );
}

/** As `work`, when it is its turn between two steps of the workload's life. A turn that has not come when `signal` aborts does nothing. */
function inTurn<T>(actor: Turns, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const giveUp = (): void => reject(signal.reason);
    if (signal.aborted) return giveUp();
    signal.addEventListener('abort', giveUp, { once: true });
    actor
      .exclusive(async () => {
        if (signal.aborted) return;
        signal.removeEventListener('abort', giveUp);
        resolve(await work());
      })
      .catch(reject);
  });
}

/** Throws `exec_unsupported`. */
function requireEntrance(driver: Driver, { id }: WorkloadRecord): asserts driver is Enterable {
  if (driver.enter !== undefined) return;
  const hint =
    driver.vm === undefined
      ? 'Its processes are those of another program: use the command of that program.'
      : 'berth does not look into a guest: log in over its network.';
  throw new BerthError(
    'exec_unsupported',
    `driver "${driver.name}" runs no program inside workload "${id}", and copies no files`,
    {
      hint,
      data: { id, driver: driver.name },
    },
  );
}
