// What a driver is told of a workload beside its spec.
import { join } from 'node:path';
import type { DriverContext } from '../drivers/driver.js';
import type { WorkloadRecord } from '../model/record.js';
import { mountRootsOf, type World } from './world.js';

export function contextOf(record: WorkloadRecord, world: World): DriverContext {
  return {
    directory: join(world.config.paths.runtime, 'workloads', record.id),
    sandbox: record.sandbox,
    which: world.which,
    kvmUsable: world.kvmUsable,
    mountRoots: mountRootsOf(record.spec, world),
    volumes: world.volumes,
    kvmReason: world.kvmReason,
    image: record.image && world.images?.root(record.id, record.image.digest),
    warn: (message) => world.log.warn({ workload: record.id }, message),
  };
}
