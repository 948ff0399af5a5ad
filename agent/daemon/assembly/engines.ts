// Workloads of other engines on this host.

import type { EnginesConfig } from '../../config/engines.js';
import { engineConditions } from '../../discovery/engines/conditions.js';
import type { EngineSettings } from '../../discovery/engines/engines.js';
import { Engines } from '../../discovery/engines/engines.js';
import { ENGINES } from '../../discovery/engines/index.js';
import { ENGINE_NAMES, type EngineName } from '../../model/adopted.js';
import { tenantName } from '../../model/spec.js';
import type { Ground } from './ground.js';

export function openEngines({ conditions, config, facts, rooms }: Ground): Engines {
  const engines = new Engines({
    ...{ engines: ENGINES, settings: settingsOf(config.engines) },
    ...{ mount: facts.cgroup?.mount, root: rooms.cgroups.root },
    isTenant: (name) => tenantName.safeParse(name).success,
    onChange: () => undefined,
  });
  conditions.add(() => engineConditions(engines.views()));
  return engines;
}

function settingsOf(config: EnginesConfig): Record<EngineName, EngineSettings> {
  const made = ENGINE_NAMES.map((name): [EngineName, EngineSettings] => {
    const given = config[name];
    return [
      name,
      {
        authority: given.authority,
        socket: 'socket' in given ? given.socket : '',
        ...{ tenant: given.tenant, tenantLabel: given.tenant_label },
        tenantNames: Object.entries(given.tenant_names),
      },
    ];
  });
  return Object.fromEntries(made) as Record<EngineName, EngineSettings>;
}
