// Whether the node takes workloads, and whether it is drained: what of the two is durable before what.
import { Serial } from '../base/serial.js';
import type { DrainRequest, DrainStep, DrainView } from '../model/drain.js';
import { actorField, type EventActor, type EventPort } from '../model/event.js';
import type { Manager } from '../workload/manager.js';
import type { Cordon } from './cordon.js';

export interface MaintenanceParts {
  readonly manager: Pick<Manager, 'cordoned' | 'setCordoned' | 'draining'>;
  readonly cordon: Pick<Cordon, 'set'>;
  readonly world: { readonly events: EventPort };
}

export class Maintenance {
  readonly #parts: MaintenanceParts;
  readonly #turns = new Serial();

  constructor(parts: MaintenanceParts) {
    this.#parts = parts;
  }

  /** See AgentService. */
  setCordoned(cordoned: boolean, by?: EventActor): Promise<number> {
    const { draining } = this.#parts.manager;
    return this.#turns.run(async () => {
      // Durable before the node is open: an open node is never drained.
      const resumed = cordoned ? 0 : await draining.lift();
      await this.#cordon(cordoned, by);
      if (!cordoned) await draining.opened();
      draining.changed();
      return resumed;
    });
  }

  /** See AgentService. */
  async drain(request: DrainRequest, by?: EventActor): Promise<DrainView | null> {
    const { draining } = this.#parts.manager;
    // What is wrong with it is said before anything changes.
    draining.plan(request);
    return this.#turns.run(async () => {
      await this.#cordon(true, by);
      await draining.begin(request, by);
      return draining.view();
    });
  }

  plan(request: DrainRequest): readonly DrainStep[] {
    return this.#parts.manager.draining.plan(request);
  }

  /** At a start of the agent: opens the node where the last one has died between the two steps of an uncordon. */
  async resume(): Promise<void> {
    if (this.#parts.manager.draining.mustOpen) await this.setCordoned(false);
  }

  async #cordon(cordoned: boolean, by?: EventActor): Promise<void> {
    const { manager, cordon, world } = this.#parts;
    if (manager.cordoned === cordoned) return;
    await cordon.set(cordoned);
    manager.setCordoned(cordoned);
    world.events.append({ type: cordoned ? 'node.cordoned' : 'node.uncordoned', data: {}, ...actorField(by) });
  }
}
