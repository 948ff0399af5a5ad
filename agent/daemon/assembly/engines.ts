// Workloads of other engines on this host.

import type { EnginesConfig } from '../../config/engines.js';
import { AdoptedHolds } from '../../density/adopted.js';
import type { Density } from '../../density/density.js';
import { perWorkload } from '../../density/policy.js';
import { type Advised, adviceOf, type Measured } from '../../discovery/engines/advice.js';
import { engineConditions } from '../../discovery/engines/conditions.js';
import { fixOf } from '../../discovery/engines/engine.js';
import type { EngineSettings } from '../../discovery/engines/engines.js';
import { Engines } from '../../discovery/engines/engines.js';
import { ENGINES } from '../../discovery/engines/index.js';
import type { AdoptedUse, AdoptedWorkload } from '../../model/adopted.js';
import { ENGINE_NAMES, type EngineName } from '../../model/adopted.js';
import type { Condition } from '../../model/condition.js';
import { tenantName } from '../../model/spec.js';
import { AdoptedEnds } from '../adapters/adopted-ends.js';
import { joinedSandboxes, type Sandboxed } from '../adapters/joined-sandboxes.js';
import type { AgentParts } from '../agent-parts.js';
import type { Ground } from './ground.js';

export interface OtherEngines {
  readonly engines: Engines;
  readonly ends: AdoptedEnds;
  /** With what each workload uses. */
  readonly shown: AgentParts['engines'];
}

export function openEngines(ground: Ground, density: Density): OtherEngines {
  const { conditions, config, events, facts, kernelLog, late, log, rooms } = ground;
  let advice: readonly Condition[] = [];
  let latest: readonly AdoptedWorkload[] = [];
  const holds = new AdoptedHolds(density.ledger);
  const use = (workload: AdoptedWorkload): Measured => late.adopted?.use(workload) ?? {};
  function* advised(workloads: readonly AdoptedWorkload[]): Generator<Advised> {
    for (const workload of workloads)
      if (config.engines[workload.engine].authority === 'advise') yield { workload, measured: use(workload) };
  }
  const advise = async (workloads: readonly AdoptedWorkload[]): Promise<void> => {
    const made = await adviceOf(advised(workloads), (workload, change) =>
      fixOf(ENGINES[workload.engine], named(workload), change),
    );
    // Of two at once the later list holds.
    if (latest === workloads) advice = made;
  };
  const count = async (workloads: readonly AdoptedWorkload[]): Promise<void> => {
    const records = (): Iterable<Sandboxed> => late.records?.() ?? [];
    const sandboxes = await joinedSandboxes(workloads, { records, pid: (workload) => engines.pid(workload) });
    if (latest === workloads) await holds.set(workloads, use, perWorkload(density.config), sandboxes);
  };
  const ends = new AdoptedEnds({
    ...{ kernelLog, events },
    onError: (err) => log.error({ err }, 'the end of a workload of another engine is not told'),
  });
  const engines = new Engines({
    ...{ engines: ENGINES, settings: settingsOf(config.engines) },
    ...{ mount: facts.cgroup?.mount, root: rooms.cgroups.root },
    isTenant: (name) => tenantName.safeParse(name).success,
    onEnd: (ended) => void ends.ended(ended),
    onChange: (workloads) => {
      latest = workloads;
      late.adopted?.set(workloads);
      void count(workloads);
      void advise(workloads);
    },
  });
  conditions.add(() => [...engineConditions(engines.views()), ...advice]);
  const shown: OtherEngines['shown'] = {
    views: () => engines.views(),
    counts: () => engines.counts(),
    list: (filter) => engines.list(filter).map((workload) => ({ ...workload, use: useOf(use(workload)) })),
  };
  return { engines, ends, shown };
}

function useOf({ cpu, memory, pids }: Measured): AdoptedUse {
  return { cpu: cpu ?? null, memory: memory ?? null, pids: pids ?? null };
}

/** By its id where its name is one that berth has changed: cut, cleaned, or made to differ from others. */
function named({ id, name }: AdoptedWorkload): { readonly id: string; readonly name: string } {
  return { id, name: /^[A-Za-z0-9][A-Za-z0-9_.-]*$/.test(name) ? name : id };
}

function settingsOf(config: EnginesConfig): Record<EngineName, EngineSettings> {
  const made = ENGINE_NAMES.map((name): [EngineName, EngineSettings] => {
    const given = config[name];
    return [
      name,
      {
        authority: given.authority,
        ...('socket' in given
          ? { socket: given.socket, tenantLabel: given.tenant_label }
          : { socket: '', tenantLabel: '' }),
        tenant: given.tenant,
        tenantNames: Object.entries(given.tenant_names),
      },
    ];
  });
  return Object.fromEntries(made) as Record<EngineName, EngineSettings>;
}
