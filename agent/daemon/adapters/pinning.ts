// The threads of VMs that have cpus to themselves: told where to run once they are there, and again after each change of
// cpuset.cpus. A VMM answers on its monitor a moment after it has started.
import { setTimeout as sleep } from 'node:timers/promises';
import { pinThreads } from '../../placement/vcpus.js';
import type { Manager } from '../../workload/manager.js';
import type { World } from '../../workload/world.js';

const TRIES = 20;
const PAUSE_MS = 250;

export class Pinning {
  readonly #world: World;
  readonly #manager: Manager;
  readonly #ending = new AbortController();
  readonly #running = new Set<string>();

  constructor(world: World, manager: Manager) {
    this.#world = world;
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
        this.#world.log.warn(
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
    const seat = this.#world.placement.assignment.seats.get(id);
    if (record?.process === null || record === undefined || seat?.kind !== 'exclusive') return true;
    const { vm } = this.#world.drivers.of(record.spec.driver);
    if (vm === undefined) return true;
    try {
      const { pid } = record.process;
      pinThreads(pid, await vm.vcpuThreads(record.spec, { ...this.#world.drivers.context(record), pid }), seat);
      return true;
    } catch (error) {
      if (last) throw error;
      return false;
    }
  }
}
