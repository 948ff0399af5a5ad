// Finds ends that nobody told of: records that say "running" against the kernel (pid and start time) and the supervisor. To be
// asked once a minute; whatever was lost on the way, by a full disk, a cut connection or a defect, is found by it.
import { isSameProcess } from '../../linux/proc.js';
import { sliced } from '../../linux/sliced.js';
import type { HeldProcess } from '../../systemd/supervisor/protocol.js';
import type { WorkloadRecord } from '../model/record.js';
import type { SupervisorPort } from './ports.js';

export interface Watched {
  readonly record: WorkloadRecord;
  /** The end of what runs is known, and being dealt with. */
  readonly hasEnded: boolean;
  ended(held: HeldProcess): void;
}

export interface MissedEndsPorts {
  readonly supervisor: Pick<SupervisorPort, 'list'>;
  readonly actors: () => Iterable<Watched>;
  /** For tests. Default: /proc. */
  readonly isAlive?: (pid: number, startTime: number) => boolean;
}

export class MissedEnds {
  readonly #ports: MissedEndsPorts;
  /** Dead at the last look, and alive by the supervisor's word: it may not have reaped them yet. */
  #doubtful = new Set<string>();

  constructor(ports: MissedEndsPorts) {
    this.#ports = ports;
  }

  /** Tells their actors; resolves with their ids. */
  async look(): Promise<string[]> {
    const { supervisor, actors, isAlive = isSameProcess } = this.#ports;
    // Before the supervisor is asked: an end in between is told by its event, with the exit status.
    const dead: { readonly actor: Watched; readonly process: NonNullable<WorkloadRecord['process']> }[] = [];
    for await (const actor of sliced(actors())) {
      const { process } = actor.record;
      if (process !== null && !actor.hasEnded && !isAlive(process.pid, process.startTime))
        dead.push({ actor, process });
    }
    if (dead.length === 0) {
      this.#doubtful.clear();
      return [];
    }
    const held = new Map((await supervisor.list()).map((one) => [one.id, one]));
    const doubtful = new Set<string>();
    const missed: string[] = [];
    for await (const { actor, process } of sliced(dead)) {
      const { id, process: now } = actor.record;
      const { pid, startTime } = process;
      // Meanwhile it was told, or another run has begun.
      if (actor.hasEnded || now?.pid !== pid || now.startTime !== startTime) continue;
      const found = held.get(id);
      const same = found !== undefined && found.pid === pid && found.startTime === startTime;
      const key = `${id} ${pid} ${startTime}`;
      if (same && found.exit === undefined && !this.#doubtful.has(key)) {
        doubtful.add(key);
        continue;
      }
      const lost = { code: null, signal: null, at: Date.now() };
      actor.ended(same && found.exit !== undefined ? found : { id, ...process, exit: lost });
      missed.push(id);
    }
    this.#doubtful = doubtful;
    return missed;
  }
}
