// What the kernel should hold by the records of all workloads: for audits and sweeps of the host. Of each record it is made
// once, in slices; what is made of all of them is put together in one turn, so that nothing is missing that came meanwhile.
import { sliced } from '../../linux/sliced.js';
import type { SandboxNetwork } from '../../netns/types.js';
import { isSettled } from '../model/lifecycle.js';
import type { WorkloadRecord } from '../model/record.js';
import type { Target } from '../network/drift.js';
import type { DriverSet } from './driver-set.js';
import { networkFor, type Planner } from './plan.js';

/** What belongs to a workload. */
export interface Known {
  readonly ids: ReadonlySet<string>;
  readonly addresses: ReadonlySet<string>;
  readonly links: ReadonlySet<string>;
  readonly netns: ReadonlySet<string>;
}

export interface InKernelPorts extends Planner {
  readonly drivers: Pick<DriverSet, 'of'>;
}

export class InKernel {
  readonly #ports: InKernelPorts;
  readonly #records: () => readonly WorkloadRecord[];
  readonly #networks = new WeakMap<WorkloadRecord, SandboxNetwork | null>();

  constructor(ports: InKernelPorts, records: () => readonly WorkloadRecord[]) {
    this.#ports = ports;
    this.#records = records;
  }

  /** Of the records of now. To be asked after the objects were listed: what has come since is in no list. */
  async known(): Promise<Known> {
    const known = {
      ids: new Set<string>(),
      addresses: new Set<string>(),
      links: new Set<string>(),
      netns: new Set<string>(),
    };
    for await (const { id, sandbox } of sliced(this.#records())) {
      const { address, address6, hostLink, netns } = sandbox;
      known.ids.add(id);
      for (const one of [address, address6]) if (one !== null) known.addresses.add(one);
      if (hostLink !== null) known.links.add(hostLink);
      if (netns !== null) known.netns.add(netns);
    }
    return known;
  }

  /** This very moment. */
  holdsNetns(name: string): boolean {
    return this.#records().some(({ sandbox }) => sandbox.netns === name);
  }

  /** Networks of all workloads that hold anything: what is in the firewall and not of them is nobody's. */
  async networks(): Promise<SandboxNetwork[]> {
    await this.#make();
    const held = this.#records().filter(({ state }) => !isSettled(state));
    return held.flatMap((record) => this.of(record) ?? []);
  }

  /** Those that should be in the kernel right now. */
  async targets(): Promise<Target[]> {
    await this.#make();
    const running = this.#records().filter(({ state }) => state === 'running' || state === 'frozen');
    return running.flatMap((record) => {
      const network = this.of(record);
      const { id, spec, process } = record;
      return network === null ? [] : [{ id, tenant: spec.tenant, network, process, version: record }];
    });
  }

  /** Null: it has none. */
  of(record: WorkloadRecord): SandboxNetwork | null {
    const { spec, sandbox } = record;
    let network = this.#networks.get(record);
    if (network === undefined) {
      network = networkFor(spec, sandbox, this.#ports.drivers.of(spec.driver), this.#ports);
      this.#networks.set(record, network);
    }
    return network;
  }

  async #make(): Promise<void> {
    for await (const record of sliced(this.#records())) this.of(record);
  }
}
