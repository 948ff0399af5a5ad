// The facts of the host as they are when somebody asks, at most some seconds old: whoever holds this object never answers from
// a picture of the start. What cannot change while the agent runs, or costs a guest to find out (KVM), stays as it was probed.
import { defined } from '../../linux/defined.js';
import { locateBinaries } from './binaries.js';
import { type HostFacts, readFacts, searchPath } from './facts.js';
import { missingModules } from './modules.js';

/** Milliseconds. The list of modules is a file of half a megabyte. */
const FRESH_MS = 2000;
const MODULES_FRESH_MS = 60_000;

export interface LiveFactsOptions {
  readonly now?: () => number;
  readonly read?: typeof readFacts;
  readonly path?: string;
}

export interface LiveFacts {
  readonly facts: HostFacts;
  /** The host is known to have changed: the next property is read anew. */
  forget(): void;
}

/** `start`: as probed. Each property is read anew, about 1 ms, when what is known is older than 2 s; nothing is started. */
export function liveFacts(start: HostFacts, options: LiveFactsOptions = {}): LiveFacts {
  const { now = () => performance.now(), read = readFacts, path = searchPath() } = options;
  let at = now();
  let modulesAt = at;
  let last = start;
  const current = (): HostFacts => {
    if (now() - at < FRESH_MS) return last;
    at = now();
    const modules = at - modulesAt < MODULES_FRESH_MS ? last.modulesMissing : missingModules();
    if (at - modulesAt >= MODULES_FRESH_MS) modulesAt = at;
    last = {
      ...read(),
      binaries: locateBinaries(path, start.binaries),
      ...defined({ modulesMissing: modules, kvm: start.kvm }),
    };
    return last;
  };
  const facts = new Proxy(start, {
    get: (_, key) => Reflect.get(current(), key),
    has: (_, key) => Reflect.has(current(), key),
    ownKeys: () => Reflect.ownKeys(current()),
    getOwnPropertyDescriptor: (_, key) => {
      const found = Reflect.getOwnPropertyDescriptor(current(), key);
      return found === undefined ? undefined : { ...found, configurable: true };
    },
  });
  return {
    facts,
    forget: () => {
      at = Number.NEGATIVE_INFINITY;
    },
  };
}
