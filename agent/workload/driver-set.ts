// The drivers of this agent, and what each of them is told of a workload beside its spec.
import { join } from 'node:path';
import { BerthError } from '../../protocol/errors.js';
import type { Log } from '../base/log.js';
import { namesOfReal } from '../base/real-directory.js';
import type { Config } from '../config/schema.js';
import type { Driver, DriverContext } from '../drivers/driver.js';
import type { Volumes } from '../drivers/volumes.js';
import type { WorkloadRecord } from '../model/record.js';
import type { DriverName } from '../model/spec.js';
import type { ImagePort } from './ports.js';

/** What a driver looks at on this host. */
export type DriverHost = Pick<DriverContext, 'which' | 'kvmUsable' | 'kvmReason'>;

/** What a tenant may use beyond what the node allows every tenant. */
type Allowed = Pick<Config['tenant'][string], 'mounts' | 'capabilities'>;

export interface DriverSetParts {
  readonly drivers: ReadonlyMap<DriverName, Driver>;
  readonly host: DriverHost;
  readonly config: Pick<Config, 'drivers' | 'paths'>;
  /** As of the last reload. */
  readonly tenant: (name: string) => Allowed | undefined;
  readonly volumes: Pick<Volumes, 'make' | 'of'>;
  readonly images: Pick<ImagePort, 'root'> | undefined;
  readonly log: Pick<Log, 'warn'>;
}

export class DriverSet {
  readonly host: DriverHost;
  readonly #parts: DriverSetParts;

  constructor(parts: DriverSetParts) {
    this.#parts = parts;
    this.host = parts.host;
  }

  /** Throws `unknown_driver`. */
  of(name: DriverName): Driver {
    const driver = this.find(name);
    if (!driver) throw new BerthError('unknown_driver', `there is no driver "${name}" in this agent`);
    return driver;
  }

  find(name: DriverName): Driver | undefined {
    return this.#parts.drivers.get(name);
  }

  /** See Driver; `records`: ids that have one. What has a run directory may live on, although its record is lost. Never rejects. */
  async sweep(records: Iterable<string>): Promise<void> {
    const { config, drivers, log } = this.#parts;
    let running: string[];
    try {
      running = await namesOfReal(join(config.paths.runtime, 'workloads'));
    } catch (err) {
      log.warn({ err }, 'what drivers kept of workloads that are gone stays: it cannot be told which live on');
      return;
    }
    const known = new Set([...records, ...running]);
    for (const { name, sweep } of drivers.values())
      await sweep?.(known).catch((err: unknown) =>
        log.warn({ driver: name, err }, 'what a driver kept of workloads that are gone is not removed'),
      );
  }

  context(record: WorkloadRecord): DriverContext {
    const { config, images, log, volumes } = this.#parts;
    return {
      directory: join(config.paths.runtime, 'workloads', record.id),
      sandbox: record.sandbox,
      mountRoots: this.mountRoots(record.spec.tenant),
      volumes,
      image: record.image && images?.root(record.id, record.image.digest),
      warn: (message) => log.warn({ workload: record.id }, message),
      ...this.host,
    };
  }

  /** Trees that workloads of this tenant may mount. */
  mountRoots(tenant: string): string[] {
    return [...this.#parts.config.drivers.mounts, ...(this.#parts.tenant(tenant)?.mounts ?? [])];
  }

  /** Capabilities that containers of this tenant may add. */
  capabilities(tenant: string): Config['drivers']['capabilities'] {
    return [...this.#parts.config.drivers.capabilities, ...(this.#parts.tenant(tenant)?.capabilities ?? [])];
  }
}
