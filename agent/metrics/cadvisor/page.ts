// The body of /metrics/cadvisor: the figures of the samples that are taken for /metrics, by the names of cAdvisor. As with
// cAdvisor, a workload has series while its cgroup is there.
import type { Lease } from '../block.js';
import { Page } from '../page.js';
import type { WorkloadSample } from '../workload-families.js';
import { CADVISOR_FAMILIES, type CadvisorSample } from './families.js';
import type { CadvisorNames } from './names.js';

export interface CadvisorOptions {
  readonly maxSeries: () => number;
  /** Unix milliseconds. */
  readonly now: () => number;
}

export class CadvisorPage {
  readonly #page: Page<CadvisorSample>;
  readonly #now: () => number;
  /** By which labels each was put last. */
  readonly #known = new Map<string, string>();

  constructor({ maxSeries, now }: CadvisorOptions) {
    this.#page = new Page<CadvisorSample>(CADVISOR_FAMILIES, { maxSeries });
    this.#now = now;
  }

  get series(): number {
    return this.#page.series;
  }

  get dropped(): number {
    return this.#page.dropped;
  }

  /** A sample of what has a cgroup. `key`: of all workloads no other has it. */
  put(key: string, { labels, quota }: CadvisorNames, latest: WorkloadSample): void {
    const sample = { ...latest, quota, seenAt: Math.floor(this.#now() / 1000) };
    // A limit that is lifted takes its series with it.
    const shape = JSON.stringify([labels, quota === null]);
    const before = this.#known.get(key);
    this.#known.set(key, shape);
    if (before === shape && this.#page.has(key)) this.#page.update(key, sample);
    else this.#page.add(key, { common: labels }, sample, before === undefined);
  }

  /** An unknown key is fine. */
  forget(key: string): void {
    this.#known.delete(key);
    this.#page.remove(key);
  }

  leases(): Iterable<Lease> {
    return this.#page.leases();
  }
}
