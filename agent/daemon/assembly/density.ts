// The density room of this host: ledger, start governor, and what is learned of use and of VMMs.
import { defined } from '../../../linux/defined.js';
import { Density } from '../../density/density.js';
import { roomForOutput } from '../../density/disk.js';
import type { Governor } from '../../density/governor/governor.js';
import { openGovernor } from '../../density/governor/open.js';
import { hostFiles } from '../../density/host-files.js';
import type { OverheadService } from '../../density/overhead/overhead.js';
import type { LivePrediction } from '../../density/prediction/live.js';
import { openPrediction } from '../../density/prediction/open.js';
import type { Manager } from '../../workload/manager.js';
import { openOverhead } from '../adapters/overhead.js';
import type { World } from '../world.js';
import { type Ground, tellDamaged } from './ground.js';

/** cpu.weight of a cgroup that was not told any (cgroup-v2.rst). */
const DEFAULT_WEIGHT = 100;

export async function openDensity(ground: Ground): Promise<Density> {
  const { claims, conditions, config, events, facts, log, relief, rooms } = ground;
  const disk = await roomForOutput(config.paths.state);
  const density = new Density({
    config,
    host: {
      ...{ cores: facts.cpusOnline, memoryBytes: facts.memoryBytes },
      ...{ addresses: claims.routable, vsockIds: claims.vsockIds },
      ...defined({ disk }),
    },
    bootId: facts.bootId,
    files: hostFiles({
      cgroup: rooms.cgroups.root,
      supervisor: rooms.supervisorPid,
      bridges: Object.keys(config.network.bridge),
    }),
    onEvent: (event) => events.append(event),
    onDamaged: tellDamaged(ground),
    onError: (error) => log.error({ err: error }, 'licences or their audit not written'),
    relief,
  });
  conditions.add(() => density.audit.conditions());
  return density;
}

export function makeGovernor({ config, events, facts, log, observer, rooms }: Ground, { tenants }: Density): Governor {
  const governor = openGovernor(config.governor, {
    ...{ cores: facts.cpusOnline, events, root: rooms.cgroups.root },
    onError: (error) => log.warn({ err: error }, 'cgroup of a start not readable; its place is free'),
    waited: (seconds) => observer.waited(seconds),
    // Starting is mostly work for a cpu: tenants share the turns as they share the cpus.
    weightOf: (tenant) => (tenants.get(tenant).limits.cpuWeight ?? DEFAULT_WEIGHT) / DEFAULT_WEIGHT,
  });
  observer.onNetwork = (seconds) => governor.networkTook(seconds * 1000);
  rooms.network.refillWhen(() => governor.calm());
  return governor;
}

export function makePrediction(ground: Ground, { density }: World, manager: Manager): LivePrediction {
  const { config, late, log } = ground;
  return openPrediction({
    ...{ state: config.paths.state, ledger: density.ledger },
    workloads: () => manager.records(),
    latest: (id) => late.latest(id),
    onDamaged: tellDamaged(ground),
    onError: (error, message) => log.error({ err: error }, message),
  });
}

export function makeOverhead(ground: Ground, world: World, manager: Manager): OverheadService {
  const overhead = openOverhead(world, manager, tellDamaged(ground));
  world.density.setOverhead(overhead);
  return overhead;
}
