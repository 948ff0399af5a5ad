// Programs of the agent that need what its own unit does not give it (docs/hardening.md): the supervisor starts them, each in a
// cgroup of its own beside those of the tenants. They serve one agent: what it leaves behind, the next one ends.
import { mkdir, readdir, rm } from 'node:fs/promises';
import { constants } from 'node:os';
import { join } from 'node:path';
import { SysError } from '../../../linux/errors.js';
import { readPlain } from '../../../linux/plain-file.js';
import { timeLimit } from '../../../linux/timers.js';
import type { HeldProcess } from '../../../systemd/supervisor/protocol.js';
import type { Log } from '../../base/log.js';
import { orAbort } from '../../base/or-abort.js';
import { Serial } from '../../base/serial.js';
import type { ApartEnd, ApartOptions, RunApart } from '../../images/unpacker.js';
import type { CgroupPort } from '../../limits/cgroup-port.js';
import { HELPER_GROUP, helperId, isHelper } from '../../model/helper-program.js';
import { endCgroup } from '../../workload/inside/execution.js';
import type { SupervisorPort } from '../../workload/ports.js';

export interface HelperPorts {
  readonly supervisor: SupervisorPort;
  readonly cgroups: Pick<CgroupPort, 'create' | 'apply' | 'kill' | 'waitEmpty' | 'remove' | 'removeTenant' | 'list'>;
  /** Files that a workload's cgroup has on this host. */
  readonly files: ReadonlySet<string>;
  readonly runtime: string;
  readonly log: Log;
}

/** They yield to whatever the host is for. */
const LIMITS: readonly { readonly file: string; readonly value: string }[] = [
  { file: 'memory.max', value: String(512 * 2 ** 20) },
  { file: 'pids.max', value: '64' },
  { file: 'cpu.weight', value: '10' },
  { file: 'io.weight', value: '10' },
];
const MOST_OUTPUT = 64 << 10;
/** For the news of an end. */
const NEWS_MS = 30_000;

export class HelperPrograms {
  readonly #ports: HelperPorts;
  readonly #directory: string;
  /** Those of this agent, by id. */
  readonly #running = new Map<string, (held: HeldProcess) => void>();
  /** Of the group of all: made with the first, removed with the last. */
  readonly #group = new Serial();
  #count = 0;

  constructor(ports: HelperPorts) {
    this.#ports = ports;
    this.#directory = join(ports.runtime, 'helpers');
  }

  /** Ends what an agent before has left. Before anything is done that such a program could undo. */
  async open(): Promise<void> {
    await mkdir(this.#directory, { recursive: true, mode: 0o700 });
    const { cgroups, log } = this.#ports;
    for (const { tenant, name } of await cgroups.list()) {
      if (tenant !== HELPER_GROUP) continue;
      // One that sleeps in the kernel outlives SIGKILL. The agent has workloads to look after all the same.
      await endCgroup(cgroups, name).catch((err: unknown) =>
        log.warn({ err, helper: name }, 'a program that an agent before has left does not end'),
      );
    }
    await this.#removeGroup();
    for (const name of await readdir(this.#directory))
      await rm(join(this.#directory, name), { recursive: true, force: true }).catch((err: unknown) =>
        log.warn({ err, helper: name }, 'output that an agent before has left is not removed'),
      );
  }

  readonly run: RunApart = async (argv, { deadlineMs, signal }: ApartOptions): Promise<ApartEnd> => {
    const { cgroups, files, supervisor } = this.#ports;
    this.#count += 1;
    const name = `${process.pid}-${this.#count}`;
    const id = helperId(name);
    const cgroup = `${HELPER_GROUP}/${name}`;
    const output = join(this.#directory, name);
    const tooLate = () =>
      new SysError('run', constants.errno.ETIMEDOUT, { path: argv[0] ?? '', note: `killed after ${deadlineMs} ms` });
    const limit = timeLimit(deadlineMs, { within: signal, tooLate });
    let over = false;
    const ended = new Promise<HeldProcess>((resolve) => this.#running.set(id, resolve));
    try {
      limit.signal.throwIfAborted();
      const path = await this.#group.run(() => cgroups.create(cgroup));
      await cgroups.apply(
        cgroup,
        LIMITS.filter(({ file }) => files.has(file)),
      );
      const held = await supervisor.spawn({ id, argv, env: {}, cgroup: path, output }, { signal: limit.signal });
      const { exit } = held.exit === undefined ? await orAbort(ended, limit.signal) : held;
      over = true;
      return { code: exit?.code ?? null, output: (await readPlain(output, MOST_OUTPUT)).toString('utf8') };
    } finally {
      limit.done();
      await this.#clear(id, cgroup, output, over ? undefined : ended);
    }
  };

  /** The supervisor says that a process has ended. */
  ended(held: HeldProcess): void {
    this.#running.get(held.id)?.(held);
  }

  /** What the supervisor still knows of programs of an agent before. */
  async sweep(): Promise<void> {
    const { supervisor, log } = this.#ports;
    try {
      for (const { id, exit } of await supervisor.list())
        if (isHelper(id) && exit !== undefined && !this.#running.has(id)) await supervisor.forget(id);
    } catch (err) {
      log.warn({ err }, 'programs that an agent before has left are not forgotten');
    }
  }

  /** It stays where another program has its cgroup in it. */
  async #removeGroup(): Promise<void> {
    await this.#group.run(() => this.#ports.cgroups.removeTenant(HELPER_GROUP));
  }

  /** `news`: of its end, which is not known yet. */
  async #clear(id: string, cgroup: string, output: string, news: Promise<HeldProcess> | undefined): Promise<void> {
    const { cgroups, supervisor, log } = this.#ports;
    try {
      await endCgroup(cgroups, cgroup);
      await this.#removeGroup();
      // Nothing of it lives, and the supervisor is about to know; a spawn that it refused it does not know at all.
      if (news !== undefined && (await supervisor.list()).some((held) => held.id === id && held.exit === undefined)) {
        const limit = timeLimit(NEWS_MS);
        await orAbort(news, limit.signal).finally(limit.done);
      }
      await supervisor.forget(id);
      await rm(output, { force: true });
    } catch (err) {
      // The supervisor does not answer: the sweep makes up for it.
      log.warn({ err, helper: id }, 'what is left of a program of the agent is not removed');
    } finally {
      this.#running.delete(id);
    }
  }
}
