// All that can be known of a spec on this host without changing anything: what the host, the node and the tenant do not allow.
import type { Config } from '../config/schema.js';
import type { Density } from '../density/density.js';
import { requireCapabilities } from '../drivers/container.js';
import { overheadOf } from '../drivers/driver.js';
import { requireNodeGrants } from '../drivers/grants.js';
import { requireMountRoots } from '../drivers/mounts.js';
import { ownFiles, requireApart } from '../drivers/own-files.js';
import { type KsmState, requireKsm } from '../host/ksm.js';
import type { CgroupPort } from '../limits/cgroup-port.js';
import { requireDevices } from '../limits/io.js';
import { type LimitContext, limitsOf } from '../limits/limits.js';
import type { WorkloadSpec } from '../model/spec.js';
import { requireNetwork, requireRates } from '../network/attachment.js';
import { requireTemplate, type TemplatePorts } from './cloning.js';
import type { DriverSet } from './driver-set.js';
import { requireControllers, requireFiles } from './plan.js';
import type { ImagePort } from './ports.js';
import { requireSuspension } from './saving.js';

export interface SpecCheckPorts extends TemplatePorts {
  readonly cgroups: Pick<CgroupPort, 'controllers'>;
  readonly config: Config;
  readonly density: { readonly licences: Pick<Density['licences'], 'definition'> };
  readonly drivers: Pick<DriverSet, 'capabilities' | 'host' | 'mountRoots' | 'of'>;
  readonly images?: Pick<ImagePort, 'check'> | undefined;
  readonly ksm: () => KsmState;
  readonly limits: LimitContext;
}

/** Throws what is not a question of room. `live`: it runs, and holds what it asks for. */
export async function checkSpec(spec: WorkloadSpec, live: boolean, ports: SpecCheckPorts): Promise<void> {
  const { cgroups, config, drivers, limits } = ports;
  const driver = ports.drivers.of(spec.driver);
  const mountRoots = ports.drivers.mountRoots(spec.tenant);
  if (!live) {
    requireNodeGrants(await driver.grants(spec), config.drivers);
    requireMountRoots(spec, mountRoots);
    await requireApart(spec, mountRoots, ownFiles(config));
    requireCapabilities(spec, ports.drivers.capabilities(spec.tenant));
  }
  const asked = limitsOf(spec, overheadOf(driver, spec), limits);
  requireControllers(asked, new Set(cgroups.controllers));
  requireFiles(asked, limits.files);
  requireNetwork(spec.network, config.network);
  requireRates(spec.network, config.network);
  requireKsm(spec, ports.ksm());
  requireDevices(spec, limits.device);
  for (const name of Object.keys(spec.resources.licences ?? {})) ports.density.licences.definition(name);
  if (!live && spec.image !== undefined) ports.images?.check(spec.image, spec.pull ?? 'missing');
  await driver.check(spec, { ...drivers.host, mountRoots, live });
  if (!live) await requireTemplate(spec, ports);
  requireSuspension(spec, ports);
}
