// The threads of VMs that have cpus to themselves: told where to run once they are there, and again after each change of
// cpuset.cpus. A VMM answers on its monitor a moment after it has started.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../../base/log.js';
import type { Placement } from '../../placement/placement.js';
import { pinThreads } from '../../placement/vcpus.js';
import type { DriverSet } from '../../workload/driver-set.js';
import type { Manager } from '../../workload/manager.js';

const TRIES = 20;
const PAUSE_MS = 250;

export interface PinPorts {
  readonly drivers: Pick<DriverSet, 'of' | 'context'>;
  readonly placement: Pick<Placement, 'assignment'>;
  readonly log: Pick<Log, 'warn'>;
}

export class Pinning {
  readonly #ports: PinPorts;
  readonly #manager: Pick<Manager, 'actor' | 'has'>;
  readonly #ending = new AbortController();
  readonly #running = new Set<string>();

  constructor(ports: PinPorts, manager: Pick<Manager, 'actor' | 'has'>) {
    this.#ports = ports;
    this.#manager = manager;
  }

  /** Never rejects. Nothing happens for what is no VM, does not run, or shares its cpus. */
  async pin(id: string): Promise<void> {
    if (this.#running.has(id)) return;
    this.#running.add(id);
    try {
      for (let tried = 1; !(await this.#try(id, tried === TRIES)) && tried < TRIES; tried++)
        await sleep(PAUSE_MS, undefined, { signal: this.#ending.signal });
    } catch (error) {
      if (!this.#ending.signal.aborted)
        this.#ports.log.warn(
          { workload: id, err: error },
          'vCPUs could not be given a cpu each; they share those of the VM',
        );
    } finally {
      this.#running.delete(id);
    }
  }

  close(): void {
    this.#ending.abort();
  }

  /** True: done, or there is nothing to do. Of the last try the error counts. */
  async #try(id: string, last: boolean): Promise<boolean> {
    const record = this.#manager.has(id) ? this.#manager.actor(id).record : undefined;
    const seat = this.#ports.placement.assignment.seats.get(id);
    if (record?.process === null || record === undefined || seat?.kind !== 'exclusive') return true;
    const { vm } = this.#ports.drivers.of(record.spec.driver);
    if (vm === undefined) return true;
    try {
      const { pid } = record.process;
      pinThreads(pid, await vm.vcpuThreads(record.spec, { ...this.#ports.drivers.context(record), pid }), seat);
      return true;
    } catch (error) {
      if (last) throw error;
      return false;
    }
  }
}
