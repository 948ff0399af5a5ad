// Ends of workloads of other engines: joined with the kernel's log, told as events, and counted.
import type { EventLog } from '../../control/event-log.js';
import { describeAdoptedEnd } from '../../ends/adopted.js';
import type { KernelLog } from '../../ends/kernel-log.js';
import type { AdoptedEndCount, EndedWorkload, EngineName } from '../../model/adopted.js';
import type { EndCause } from '../../model/record.js';
import { EndBudget } from './end-budget.js';

export interface AdoptedEndsOptions {
  readonly kernelLog: KernelLog;
  readonly events: Pick<EventLog, 'append'>;
  readonly onError: (error: unknown) => void;
}

/** Containers of which it is known up to where the kernel's log was read. */
const MOST_READ = 1000;

export class AdoptedEnds {
  readonly #options: AdoptedEndsOptions;
  readonly #counts = new Map<EngineName, Map<EndCause, number>>();
  /** By id: kills before that are of an earlier run of the same container. */
  readonly #readUpTo = new Map<string, number>();
  /** What the log held when the agent began. */
  readonly #opened: Promise<number | null>;
  readonly #budget = new EndBudget();

  constructor(options: AdoptedEndsOptions) {
    this.#options = options;
    this.#opened = options.kernelLog.position().catch(() => null);
  }

  /** Never rejects. */
  async ended(one: EndedWorkload): Promise<void> {
    const { onError } = this.#options;
    try {
      const { cause, ...end } = describeAdoptedEnd(one, await this.#kills(one.id));
      const counts = this.#counts.get(one.engine) ?? new Map<EndCause, number>();
      this.#counts.set(one.engine, counts.set(cause, (counts.get(cause) ?? 0) + 1));
      const { engine, id, name, image, tenant } = one;
      this.#tell(tenant, { engine, id, name, image, cause, ...end });
    } catch (error) {
      onError(error);
    }
  }

  counts(): AdoptedEndCount[] {
    return [...this.#counts].flatMap(([engine, causes]) =>
      [...causes].map(([cause, count]) => ({ engine, cause, count })),
    );
  }

  async #kills(id: string): ReturnType<KernelLog['killsSince']> {
    const { kernelLog } = this.#options;
    const since = this.#readUpTo.get(id) ?? (await this.#opened);
    if (since === null) return null;
    const kills = await kernelLog.killsSince(since);
    const last = kills?.at(-1);
    if (last === undefined) return kills;
    // Anew at the end of the map: the oldest goes first.
    this.#readUpTo.delete(id);
    this.#readUpTo.set(id, last.sequence);
    for (const oldest of this.#readUpTo.keys()) {
      if (this.#readUpTo.size <= MOST_READ) break;
      this.#readUpTo.delete(oldest);
    }
    return kills;
  }

  #tell(tenant: string, data: Readonly<Record<string, unknown>>): void {
    const untold = this.#budget.take(tenant, data.actor === 'kernel', performance.now());
    if (untold === undefined) return;
    this.#options.events.append({
      ...{ type: 'engine.workload_ended', tenant },
      data: { ...data, ...(untold === 0 ? {} : { untold }) },
    });
  }
}
