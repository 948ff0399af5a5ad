// Whom admission would have evicted: the node's rule (density.preemption), the reach of whoever asks, and the ledger. Decides;
// preempting.ts carries it out.
import type { Density } from '../density/density.js';
import { refusalOf, type Shortage } from '../density/refusal.js';
import { type Candidate, type MadeRoom, makeRoom, shareOf, type Yielding, yieldsTo } from '../density/victims.js';
import type { Refusal } from '../model/capacity.js';
import type { Reach } from '../model/claimant.js';
import { type DimensionName, shown } from '../model/dimensions.js';
import { isLeaving } from '../model/lifecycle.js';
import type { FitsAnswer, PlannedVictim, PreemptionPlan, Victim } from '../model/preemption.js';
import type { Preemption, WorkloadRecord } from '../model/record.js';
import type { WorkloadSpec } from '../model/spec.js';
import type { Decision } from './decision.js';

const ANYBODY: Reach = { tenants: null };

export class Eviction {
  readonly #density: Density;
  readonly #recordOf: (id: string) => WorkloadRecord | undefined;

  constructor(density: Density, recordOf: (id: string) => WorkloadRecord | undefined) {
    this.#density = density;
    this.#recordOf = recordOf;
  }

  /** What the node does when `spec` asks for preemption. */
  plan(spec: WorkloadSpec, decision: Decision, reach: Reach): PreemptionPlan {
    const { refusals, short } = decision;
    const mode = this.#density.config.density.preemption;
    if (mode === 'off') return { mode, victims: [], left: refusals };
    // The address goes with the admission, before anybody has gone. Ports and cpus of one workload alone are not the ledger's.
    const fixed = [...short.filter(isAddress).map(refusalOf), ...refusals.slice(short.length)];
    const { victims, left } = this.#makeRoom(spec, decision, mode, reach);
    const all = [...left.map(refusalOf), ...fixed];
    if (all.length > 0) return { mode, victims: [], left: all };
    return { mode, victims: victims.map((victim) => plannedOf(victim, short)), left: [] };
  }

  /** As the record of the one that comes has it. */
  begin({ victims }: PreemptionPlan, short: readonly Shortage[]): Preemption {
    const why = short.map(
      ({ scope, dimension, short: by }) => `${dimension} of ${scope} short by ${shown(dimension, by)}`,
    );
    return {
      at: Date.now(),
      victims: victims.map(victimOf),
      why: why.join(', '),
      waitingFor: victims.map(({ id }) => id),
    };
  }

  /** Without whom it would fit, whatever the node does about it; null: there is no such set. */
  wouldGo(spec: WorkloadSpec, decision: Decision): FitsAnswer['wouldGo'] {
    // Ports and addresses of bridges are not the ledger's, and nothing is gained by making room for the rest.
    if (decision.short.length < decision.refusals.length) return null;
    const { victims, left } = this.#makeRoom(spec, decision, 'priority', ANYBODY);
    return left.length > 0 ? null : victims.map(victimOf);
  }

  #makeRoom(spec: WorkloadSpec, { demand }: Decision, mode: Yielding, { tenants }: Reach): MadeRoom {
    const { ledger } = this.#density;
    const candidates = [...ledger.holds()].flatMap(([id, hold]): Candidate[] => {
      const { tenant, class: of, priority } = hold.demand;
      const record = this.#recordOf(id);
      if (record === undefined || id === spec.id || !yieldsTo({ class: of, priority }, spec, mode)) return [];
      if (tenants !== null && !tenants.has(tenant)) return [];
      const excess = this.#density.excess(id);
      const found = { id, tenant, class: of, priority, hold, leaving: isLeaving(record) };
      return [excess === undefined ? found : { ...found, excess }];
    });
    return makeRoom(ledger, spec.tenant, candidates, () =>
      ledger.shortages(spec.id, demand).filter((one) => !isAddress(one)),
    );
  }
}

/** The end of the hint of a refusal. */
export function whyNot({ mode }: PreemptionPlan): string {
  return mode === 'off'
    ? 'Preemption was asked for, and density.preemption of this node is "off".'
    : `Preemption would not do: \`berth fits --preempt\` says what it could not free (density.preemption is "${mode}").`;
}

function isAddress({ dimension }: Pick<Refusal, 'dimension'>): boolean {
  return dimension === 'addresses';
}

function victimOf({ id, tenant, class: of, priority }: Victim): Victim {
  return { id, tenant, class: of, priority };
}

function plannedOf(victim: Candidate, short: readonly Shortage[]): PlannedVictim {
  const frees = short.flatMap(({ scope, dimension }) => {
    const amount = shareOf(victim.hold, { scope, dimension });
    return amount > 0 ? [{ scope, dimension, amount: shown(dimension as DimensionName, amount) }] : [];
  });
  return { ...victimOf(victim), excess: victim.excess ?? null, leaving: victim.leaving ?? false, frees };
}
