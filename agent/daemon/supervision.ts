// Whether the supervisor of the workloads lives and answers. A dead one is started again where no systemd does
// it; a stopped one is told, and left to whoever has stopped it.
import { isSameProcess, readStat } from '../../linux/proc.js';
import type { HeldProcess, Supervisor } from '../../systemd/supervisor/protocol.js';
import type { Log } from '../base/log.js';
import type { Manager } from '../workload/manager.js';
import type { Conditions } from './conditions.js';

const CODE = 'supervisor_unavailable';
const EVERY_MS = 2000;
const ANSWER_MS = 2000;

export interface SupervisionPorts {
  readonly supervisor: Pick<Supervisor, 'hello'>;
  readonly conditions: Pick<Conditions, 'raise' | 'clear'>;
  readonly log: Log;
  /** Starts one where none listens; undefined: its service manager does. */
  readonly launch: (() => Promise<void>) | undefined;
  /** Of the one that listens, where it has not answered yet. */
  readonly pid?: number;
}

export class Supervision {
  readonly #ports: SupervisionPorts;
  readonly #ending = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #pid: number | undefined;
  #droppedBytes: number | undefined;
  #answered: () => void = () => undefined;
  /** Resolves with its first answer. */
  readonly answering = new Promise<void>((resolve) => {
    this.#answered = resolve;
  });

  constructor(ports: SupervisionPorts) {
    this.#ports = ports;
    this.#pid = ports.pid;
    void this.#watch();
  }

  /** Bytes of output that the supervisor had dropped at its last answer; undefined: it does not count them. */
  get droppedBytes(): number | undefined {
    return this.#droppedBytes;
  }

  close(): void {
    this.#ending.abort();
    clearTimeout(this.#timer);
  }

  /** One question and its consequence. */
  async look(): Promise<void> {
    const { supervisor, conditions, launch, log } = this.#ports;
    try {
      const { pid, droppedBytes } = await supervisor.hello({ deadlineMs: ANSWER_MS, signal: this.#ending.signal });
      this.#pid = pid;
      this.#droppedBytes = droppedBytes;
      conditions.clear(CODE);
      this.#answered();
    } catch {
      if (this.#ending.signal.aborted) return;
      const state = this.#pid === undefined ? undefined : readStat(this.#pid)?.state;
      const dead = state === undefined || state === 'Z';
      conditions.raise({ code: CODE, severity: 'error', blocksReady: true, ...this.#words(dead, state) });
      // One that is there, and only slow or stopped, keeps its socket: no second one is started.
      if (dead) await launch?.().catch((err: unknown) => log.error({ err }, 'the supervisor could not be started'));
    }
  }

  async #watch(): Promise<void> {
    await this.look();
    if (!this.#ending.signal.aborted) this.#timer = setTimeout(() => void this.#watch(), EVERY_MS);
  }

  #words(dead: boolean, state: string | undefined): { title: string; why: string; fix: string } {
    const who = `the supervisor of the workloads (pid ${this.#pid ?? 'unknown'})`;
    const title = 'The supervisor of the workloads does not answer';
    if (dead && this.#ports.launch !== undefined)
      return {
        title,
        why: `${who} has ended`,
        fix: 'berth starts it again; its log is supervisor.log in paths.runtime.',
      };
    if (dead) return { title, why: `${who} has ended`, fix: 'Run `systemctl start berth-workloads`.' };
    if (state === 'T')
      return { title, why: `${who} is stopped by a signal`, fix: `Let it go on: \`kill -CONT ${this.#pid}\`.` };
    const fix = `See what it waits for: \`cat /proc/${this.#pid}/stack\`. Workloads run on meanwhile.`;
    return { title, why: `${who} has not answered for ${ANSWER_MS} ms`, fix };
  }
}

/** Ends a process that a start has given up: no record knows it, and it must not live on. */
export function endLate({ id, pid, startTime, exit }: HeldProcess, manager: Manager, log: Log): void {
  // Of what has no record at all the reaper tells.
  if (exit !== undefined || !manager.has(id)) return;
  const { process: known, state } = manager.actor(id).record;
  const own = known !== null && known.pid === pid && known.startTime === startTime;
  // The answer to a start that is under way may still be on its way.
  if (own || state === 'starting' || !isSameProcess(pid, startTime)) return;
  log.warn({ workload: id, pid }, 'a process that was started too late is ended');
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended in between.
  }
}
