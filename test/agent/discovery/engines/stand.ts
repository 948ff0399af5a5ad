// An engine that a test commands, real or not, and berth's table of what runs there.
import { type EngineSettings, Engines } from '../../../../agent/discovery/engines/engines.js';
import { ENGINES } from '../../../../agent/discovery/engines/index.js';
import {
  type AdoptedWorkload,
  type Authority,
  ENGINE_NAMES,
  type EndedWorkload,
  type EngineName,
  type EngineView,
} from '../../../../agent/model/adopted.js';
import { defined } from '../../../../linux/defined.js';

export interface Started {
  readonly memory?: number;
  readonly pids?: number;
  /** Of the real ones; default: it sleeps. */
  readonly command?: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
}

export interface Stand {
  readonly socket: string;
  /** Where its processes are found. */
  readonly proc: string;
  readonly image: string;
  up(): Promise<void>;
  down(): Promise<void>;
  /** It accepts connections and does not answer. */
  hang(): Promise<void>;
  goOn(): void;
  /** Resolves with the id. Half a core in any case. */
  start(name: string, started?: Started): Promise<string>;
  setMemory(id: string, bytes: number): Promise<void>;
  /** By SIGKILL, through the engine. */
  stop(id: string): Promise<void>;
  /** As `docker stop` and `podman stop` do: the signal of the image, and SIGKILL a second later. */
  stopInTime(id: string): Promise<void>;
  /** By SIGKILL from elsewhere. */
  kill(id: string): Promise<void>;
  end(): Promise<void>;
}

export const TENANT_LABEL = 'com.example.tenant';

export interface WatchedOptions {
  readonly engine: EngineName;
  readonly socket: string;
  readonly proc?: string;
  readonly authority?: Authority;
  readonly deadlineMs?: number;
  readonly mostBytes?: number;
  readonly mount?: string;
  readonly root?: string;
  readonly inspectMs?: number;
  /** Engines without a socket that are looked for as well. */
  readonly beside?: readonly EngineName[];
}

/** Nothing of the other engines of this machine. */
export class Watched {
  readonly engines: Engines;
  readonly ended: EndedWorkload[] = [];
  readonly #engine: EngineName;
  readonly #waiting = new Set<() => void>();
  readonly #signal = new AbortController().signal;

  constructor({ engine, socket, authority = 'observe', deadlineMs, mostBytes, beside = [], ...place }: WatchedOptions) {
    this.#engine = engine;
    const settings = (name: EngineName): EngineSettings => ({
      ...{
        authority: name === engine ? authority : beside.includes(name) ? 'observe' : 'off',
        socket,
        tenant: 'others',
      },
      ...{ tenantLabel: TENANT_LABEL, tenantNames: [['ci-*', 'ci']] },
    });
    const { open, ...rest } = ENGINES[engine];
    const own =
      open === undefined ? rest : { ...rest, open: (path: string) => open(path, defined({ deadlineMs, mostBytes })) };
    this.engines = new Engines({
      engines: { ...ENGINES, [engine]: own },
      settings: Object.fromEntries(ENGINE_NAMES.map((name) => [name, settings(name)])) as Record<
        EngineName,
        EngineSettings
      >,
      ...{ mount: undefined, root: '/sys/fs/cgroup/berth', retryMs: 20 },
      ...place,
      isTenant: (name) => /^[a-z]+$/.test(name),
      onEnd: (ended) => {
        this.ended.push(ended);
        this.#changed();
      },
      onChange: () => this.#changed(),
    });
  }

  look(): Promise<void> {
    return this.engines.look(this.#signal);
  }

  get view(): EngineView | undefined {
    return this.engines.views().find(({ name }) => name === this.#engine);
  }

  named(name: string): AdoptedWorkload | undefined {
    return this.engines.all().find((one) => one.name === name);
  }

  #changed(): void {
    for (const look of this.#waiting) look();
  }

  /** Resolves when the table or the ends say so, by events alone: nobody looks. */
  until(is: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (!is()) return;
        this.#waiting.delete(look);
        resolve();
      };
      this.#waiting.add(look);
      look();
    });
  }
}
