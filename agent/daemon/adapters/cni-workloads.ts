// The workloads of the node as the CNI room sees them.
import { sliced } from '../../../linux/sliced.js';
import type { Finding, SandboxNetwork } from '../../../netns/types.js';
import type { Log } from '../../base/log.js';
import { isAttachment, LABELS } from '../../cni/attachment.js';
import type { CniHost } from '../../cni/cni.js';
import type { Condition } from '../../model/condition.js';
import type { EventActor } from '../../model/event.js';
import type { FitsAnswer } from '../../model/preemption.js';
import type { WorkloadView } from '../../model/record.js';
import type { WorkloadSpec } from '../../model/spec.js';
import type { NetworkPort } from '../../network/network-port.js';
import type { DriverSet } from '../../workload/driver-set.js';
import type { Manager } from '../../workload/manager.js';
import { networkFor, type Planner } from '../../workload/plan.js';

export interface CniPorts extends Planner {
  readonly drivers: Pick<DriverSet, 'of'>;
  readonly network: NetworkPort;
  readonly log: Log;
}

export interface CniParts {
  readonly world: CniPorts;
  readonly manager: Manager;
  /** Calls with each event of the node; returns the way to stop it. */
  readonly onEvent: (listener: (event: { readonly workload?: string }) => void) => () => void;
  readonly audit: (networks: readonly SandboxNetwork[]) => Promise<readonly Finding[]>;
  readonly conditions: () => readonly Condition[];
}

export class CniWorkloads implements CniHost {
  readonly #parts: CniParts;

  constructor(parts: CniParts) {
    this.#parts = parts;
  }

  create(spec: WorkloadSpec, by: EventActor): Promise<WorkloadView> {
    return this.#parts.manager.create(spec, { scheduler: null, by });
  }

  find(id: string): WorkloadView | undefined {
    const { manager } = this.#parts;
    return manager.has(id) ? manager.view(manager.actor(id).record) : undefined;
  }

  async remove(id: string, by: EventActor): Promise<void> {
    await this.#parts.manager.wish(id, 'delete', { now: true, by });
  }

  until(
    id: string,
    is: (view: WorkloadView | undefined) => boolean,
    signal: AbortSignal,
  ): Promise<WorkloadView | undefined> {
    return new Promise((resolve, reject) => {
      const stop = (): void => {
        unsubscribe();
        signal.removeEventListener('abort', giveUp);
      };
      const giveUp = (): void => {
        stop();
        reject(signal.reason);
      };
      const look = (): void => {
        const view = this.find(id);
        if (!is(view)) return;
        stop();
        resolve(view);
      };
      const unsubscribe = this.#parts.onEvent(({ workload }) => {
        if (workload === id) look();
      });
      signal.addEventListener('abort', giveUp, { once: true });
      if (signal.aborted) giveUp();
      else look();
    });
  }

  async attachments(network: string): Promise<readonly string[]> {
    const found: string[] = [];
    for await (const { id, spec } of sliced(this.#parts.manager.records()))
      if (isAttachment(id) && spec.labels[LABELS.network] === network) found.push(id);
    return found;
  }

  fits(spec: WorkloadSpec): Promise<FitsAnswer> {
    return this.#parts.manager.fits(spec);
  }

  async audit(id: string): Promise<readonly string[]> {
    const { world, manager, audit } = this.#parts;
    const { spec, sandbox } = manager.actor(id).record;
    const network = networkFor(spec, sandbox, world.drivers.of(spec.driver), world);
    const findings = network === null ? [] : await audit([network]);
    return findings.map(({ detail }) => detail);
  }

  async inUse(ids: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const { world, manager } = this.#parts;
    const states = await world.network.held(
      ids.map((id) => ({ netns: manager.actor(id).record.sandbox.netns, hostLink: null })),
    );
    return new Map(
      ids.flatMap((id, at) => {
        const heldBy = states[at]?.heldBy ?? null;
        return heldBy === null ? [] : [[id, heldBy] as const];
      }),
    );
  }

  conditions(): readonly Condition[] {
    return this.#parts.conditions();
  }

  cordoned(): boolean {
    return this.#parts.manager.cordoned;
  }

  warn(fields: object, message: string): void {
    this.#parts.world.log.warn(fields, message);
  }
}
