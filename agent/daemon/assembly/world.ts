// The world of the workload room on this host.
import { join } from 'node:path';
import { parseSize } from '../../base/units.js';
import type { Density } from '../../density/density.js';
import type { Governor } from '../../density/governor/governor.js';
import { createDrivers } from '../../drivers/index.js';
import { Volumes } from '../../drivers/volumes.js';
import { configureKsm, readKsm } from '../../host/ksm.js';
import { readTopology } from '../../host/topology.js';
import { which } from '../../host/which.js';
import { diskOf } from '../../limits/io.js';
import { Layers } from '../../limits/layers.js';
import type { LimitContext } from '../../limits/limits.js';
import { TenantGroups } from '../../limits/tenants.js';
import { coded } from '../../network/coded.js';
import { portsTaken } from '../../network/published.js';
import { timed } from '../../network/timed.js';
import { Placement } from '../../placement/placement.js';
import { Snapshots } from '../../snapshots/store.js';
import { DrainFile } from '../../workload/drain-file.js';
import { DriverSet } from '../../workload/driver-set.js';
import { Journal } from '../../workload/journal.js';
import { OutputStore } from '../../workload/output.js';
import type { World } from '../world.js';
import { type Ground, tellDamaged } from './ground.js';

export async function makeWorld(ground: Ground, density: Density, governor: Governor): Promise<World> {
  const { claims, config, disk, events, facts, images, kernelLog, late, log, observer, relief, rooms } = ground;
  configureKsm(config.cgroups.ksm, log);
  const output = new OutputStore({ ...config.paths, maxBytes: parseSize(config.lifecycle.log_max) ?? 16 << 20 });
  await output.setup();
  const snapshots = new Snapshots(config.paths.state);
  await snapshots.load((path, problem) => log.error({ path, problem }, 'snapshot damaged; it is left in its place'));
  const volumes = new Volumes(config.paths.state);
  await volumes.setup();
  // In the background: what a crash has left may be large.
  volumes
    .sweep((left) => log.warn(left, 'what is left of a deleted volume is not removed'))
    .catch((err: unknown) => log.warn({ err }, 'what is left of deleted volumes is not removed'));
  const { cgroups, cgroupFiles } = rooms;
  const limits: LimitContext = {
    files: cgroupFiles,
    device: (path) => diskOf(path),
    config: config.cgroups,
    defaultCpu: config.density.default_cpu_request,
  };
  const layers = new Layers(join(config.paths.runtime, 'layers'), log);
  const settings = {
    ...config.placement,
    reserved: config.density.reserved_cpu,
    cpuset: cgroups.controllers.includes('cpuset'),
  };
  return {
    config,
    bootId: facts.bootId,
    installation: rooms.installation,
    cgroups,
    limits,
    layers,
    placement: new Placement(readTopology(), settings, layers, { log, written: (id) => late.placed(id) }),
    tenants: new TenantGroups({ cgroups, context: limits, limits: (tenant) => density.tenants.get(tenant).limits }),
    network: timed(coded(rooms.network), observer),
    supervisor: rooms.supervisor,
    claims,
    portsTaken,
    density,
    governor,
    images,
    snapshots,
    journal: new Journal(config.paths.state, { relief, outcome: (error) => disk.outcome(error) }),
    drains: new DrainFile(config.paths.state, { relief, onDamaged: tellDamaged(ground) }),
    output,
    volumes,
    events,
    observer,
    log,
    drivers: new DriverSet({
      drivers: createDrivers(config, process.env.CREDENTIALS_DIRECTORY),
      host: { which, kvmUsable: facts.kvm?.usable ?? false, kvmReason: facts.kvm?.reason },
      ...{ config, volumes, images, log },
      tenant: (name) => density.config.tenant[name],
    }),
    kernelLog,
    history: (id) => late.history(id),
    probeInside: (...asked) => late.probeInside(...asked),
    ksm: () => readKsm(),
  };
}
