// What other engines run on this host: all of them in one table, found at each look, and by events between two looks.
import { join, relative } from 'node:path';
import { defined } from '../../../linux/defined.js';
import { inSlices } from '../../../linux/sliced.js';
import { inRange } from '../../base/pages.js';
import { Serial } from '../../base/serial.js';
import {
  type AdoptedFilter,
  type AdoptedLimits,
  type AdoptedWorkload,
  type Authority,
  ENGINE_NAMES,
  type EndedWorkload,
  type EngineName,
  type EngineView,
  MOST_ADOPTED,
} from '../../model/adopted.js';
import { adopt, type IsTenant, type Located, saidOf, type TenantRule } from './adoption.js';
import { cgroupOf, isOf, limitsIn } from './cgroup.js';
import type { Ended, Engine, Found } from './engine.js';
import { findNamed, type NamedAll } from './names.js';
import { EngineWatch } from './watch.js';

export interface EngineSettings extends TenantRule {
  readonly authority: Authority;
  /** Empty: the usual place. */
  readonly socket: string;
}

export interface EnginesOptions {
  readonly engines: Readonly<Record<EngineName, Engine>>;
  readonly settings: Readonly<Record<EngineName, EngineSettings>>;
  /** Of cgroup v2; undefined: this host has none. */
  readonly mount: string | undefined;
  /** The cgroup below which berth works. */
  readonly root: string;
  readonly isTenant: IsTenant;
  /** The table is another one. */
  readonly onChange: (workloads: readonly AdoptedWorkload[]) => void;
  /** One has ended. Only engines with a socket tell that. */
  readonly onEnd?: (ended: EndedWorkload) => void;
  readonly proc?: string;
  readonly retryMs?: number;
  /** Of one engine, until the next look. */
  readonly inspectMs?: number;
}

const UNLIMITED: AdoptedLimits = { cpu: null, memory: null, pids: null };
/** Reads of /proc and of cgroups at once. */
const AT_ONCE = 16;

export class Engines {
  readonly #options: EnginesOptions;
  readonly #watches: ReadonlyMap<EngineName, EngineWatch>;
  readonly #turns = new Serial();
  readonly #closing = new AbortController();
  /** By engine and id, as looked at last: of what has not changed nothing is read again for an event. */
  #located = new Map<string, Located>();
  #named: NamedAll = { found: [], dropped: new Map() };
  #adopted: readonly AdoptedWorkload[] = [];
  #again = false;

  constructor(options: EnginesOptions) {
    this.#options = options;
    const { engines, settings, retryMs, inspectMs } = options;
    this.#watches = new Map(
      ENGINE_NAMES.flatMap((name) => {
        const { open, socket: usual = '' } = engines[name];
        const socket = settings[name].socket || usual;
        if (open === undefined || settings[name].authority === 'off') return [];
        const onChange = (): void => this.#eventually();
        const onEnd = (ended: Ended): void => void this.#ended(name, ended);
        const common = { socket, channel: open(socket), most: MOST_ADOPTED, onChange, onEnd };
        return [[name, new EngineWatch({ ...common, ...defined({ retryMs, inspectMs }) })]];
      }),
    );
  }

  /** Looks at all engines. What is wrong with one of them is in its view; rejects only with the reason of the signal. */
  async look(signal: AbortSignal): Promise<void> {
    const { mount, root } = this.#options;
    if (this.#watching().length === 0) return;
    const watches = [...this.#watches.values()].map((watch) => watch.look(signal));
    const named = mount === undefined ? undefined : findNamed(mount, root, MOST_ADOPTED, signal);
    const [names] = await Promise.allSettled([named, ...watches]);
    if (names.status === 'fulfilled' && names.value !== undefined) this.#named = names.value;
    // Also when the time for this look is over: one engine that is slow hides nothing of the others.
    await this.#turns.run(() => this.#refresh(true, this.#closing.signal));
    signal.throwIfAborted();
  }

  views(): EngineView[] {
    const counts = this.counts();
    return ENGINE_NAMES.map((name) => {
      const { authority, socket } = this.#options.settings[name];
      const watch = this.#watches.get(name);
      const state = authority === 'off' ? 'off' : (watch?.state ?? 'absent');
      const workloads = counts[name] ?? 0;
      return {
        ...{ name, authority, workloads, why: watch?.why ?? null },
        dropped: Math.max(watch?.dropped ?? 0, this.#namesDropped(name)),
        state: state === 'absent' && workloads > 0 ? 'names' : state,
        socket: socket || (this.#options.engines[name].socket ?? null),
      };
    });
  }

  all(): readonly AdoptedWorkload[] {
    return this.#adopted;
  }

  list({ engine, sees, ...range }: AdoptedFilter): AdoptedWorkload[] {
    const of = this.#adopted.filter((one) => one.engine === engine && sees(one.tenant));
    return inRange(of, ({ name }) => name, range);
  }

  /** Number of workloads by engine; engines without any are absent. */
  counts(): Partial<Record<EngineName, number>> {
    const counts: Partial<Record<EngineName, number>> = {};
    for (const { engine } of this.#adopted) counts[engine] = (counts[engine] ?? 0) + 1;
    return counts;
  }

  /** The path of its cgroup; undefined: none is known. */
  directory({ cgroup }: Pick<AdoptedWorkload, 'cgroup'>): string | undefined {
    const { mount } = this.#options;
    return cgroup === null || mount === undefined ? undefined : join(mount, cgroup);
  }

  /** A process of it; undefined: its engine tells none. */
  pid({ engine, id }: Pick<AdoptedWorkload, 'engine' | 'id'>): number | undefined {
    return this.#located.get(`${engine} ${id}`)?.found.pid;
  }

  close(): void {
    this.#closing.abort();
    for (const watch of this.#watches.values()) watch.close();
  }

  #watching(): EngineName[] {
    return ENGINE_NAMES.filter((name) => this.#options.settings[name].authority !== 'off');
  }

  /** Events of several engines and of a burst are one refresh, and one more for what came meanwhile. */
  #eventually(): void {
    if (this.#again || this.#closing.signal.aborted) return;
    this.#again = true;
    void this.#turns
      .run(() => {
        this.#again = false;
        return this.#refresh(false, this.#closing.signal);
      })
      .catch(() => undefined);
  }

  async #refresh(whole: boolean, signal: AbortSignal): Promise<void> {
    const { mount, root, onChange } = this.#options;
    const located = new Map<string, Located>();
    const left: (() => Promise<void>)[] = [];
    for await (const { engine, found } of inSlices(this.#candidates())) {
      const key = `${engine} ${found.id}`;
      const known = this.#located.get(key);
      if (known?.found === found && !whole) located.set(key, known);
      else
        left.push(async () => {
          const one = await this.#locate(engine, found, known);
          if (one !== undefined) located.set(key, one);
        });
    }
    await inTurns(left, signal);
    const rank = new Map(ENGINE_NAMES.map((name, at) => [name, at]));
    const inOrder = [...located.values()].sort((a, b) => (rank.get(a.engine) ?? 0) - (rank.get(b.engine) ?? 0));
    const own = mount === undefined ? '' : relative(mount, root);
    const adopted = await adopt(inOrder, own);
    signal.throwIfAborted();
    this.#located = located;
    this.#adopted = adopted;
    onChange(this.#adopted);
  }

  /** What an engine says itself, and what its cgroups say where it does not. */
  *#candidates(): Generator<{ readonly engine: EngineName; readonly found: Found }> {
    const names = this.#watching();
    const known = new Set<string>();
    for (const engine of names)
      for (const found of this.#watches.get(engine)?.found() ?? []) {
        known.add(`${engine} ${found.id}`);
        yield { engine, found };
      }
    for (const { engine, id, cgroup } of this.#named.found)
      if (names.includes(engine) && !known.has(`${engine} ${id}`) && !this.#isUp(engine))
        yield { engine, found: { id, name: SHORT.test(id) ? id.slice(0, 12) : id, cgroup } };
  }

  async #ended(engine: EngineName, ended: Ended): Promise<void> {
    // Before the wait: the table forgets it meanwhile.
    const end = this.#endOf(engine, ended);
    const asked = await ended.asked;
    if (!this.#closing.signal.aborted) this.#options.onEnd?.({ ...end, asked });
  }

  /** With what was known of it; of one that was born and gone between two looks, what its engine says. */
  #endOf(engine: EngineName, ended: Ended): Omit<EndedWorkload, 'asked'> {
    const { id, code, oom } = ended;
    const known = this.#located.get(`${engine} ${id}`);
    const { settings, isTenant } = this.#options;
    const { name, image, tenant } = known ?? saidOf(ended, settings[engine], isTenant);
    const pid = known?.found.pid ?? null;
    return { engine, id, name, image, tenant, pid, memory: known?.limits.memory ?? null, code, oom };
  }

  /** Where the names of cgroups are what is known of it. */
  #namesDropped(engine: EngineName): number {
    const counts = this.#watching().includes(engine) && !this.#isUp(engine);
    return counts ? (this.#named.dropped.get(engine) ?? 0) : 0;
  }

  /** An engine that answers knows what runs: a cgroup that it does not name is a remnant, or is gone since the walk. */
  #isUp(engine: EngineName): boolean {
    return this.#watches.get(engine)?.state === 'up';
  }

  async #locate(engine: EngineName, found: Found, known: Located | undefined): Promise<Located | undefined> {
    const { proc, settings, isTenant } = this.#options;
    const { pid, id } = found;
    // What an engine that does not answer has said may be long over.
    if (pid !== undefined && !this.#isUp(engine) && !(await isOf(pid, id, proc))) return undefined;
    // A process keeps its cgroup unless somebody moves it.
    const same = known !== undefined && known.found.pid === pid && known.cgroup !== null;
    const cgroup =
      found.cgroup ??
      (same ? known.cgroup : undefined) ??
      (pid === undefined ? undefined : await cgroupOf(pid, id, proc)) ??
      null;
    const directory = this.directory({ cgroup });
    const limits = directory === undefined ? {} : await limitsIn(directory);
    const { name, image, labels, tenant } = known?.found === found ? known : saidOf(found, settings[engine], isTenant);
    return {
      ...{ engine, found, name, image, labels, tenant, cgroup },
      limits: { ...UNLIMITED, ...found.limits, ...limits },
    };
  }
}

/** Hexadecimal ids are shown as every engine shows them, by their first twelve digits. */
const SHORT = /^[0-9a-f]{64}$/;

async function inTurns(work: readonly (() => Promise<void>)[], signal: AbortSignal): Promise<void> {
  const left = work[Symbol.iterator]();
  const one = async (): Promise<void> => {
    for (const run of left) {
      if (signal.aborted) return;
      await run();
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, one));
}
