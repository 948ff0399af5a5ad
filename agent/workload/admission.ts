// Whether a workload may be here, decided before anything is made: what the host lacks, what the ledger and the network
// have no room for, and for whom room is set aside. A dry run and the real thing ask the same functions.

import { BerthError, type ErrorCode } from '../../protocol/errors.js';
import { amountOf, type Demand } from '../density/demand.js';
import type { Density } from '../density/density.js';
import type { GovernorPort } from '../density/governor/types.js';
import type { Hold } from '../density/ledger.js';
import { refusalOf } from '../density/refusal.js';
import { overheadOf } from '../drivers/driver.js';
import type { Refusal, Room } from '../model/capacity.js';
import type { Claimant, Reach } from '../model/claimant.js';
import type { EventPort } from '../model/event.js';
import type { FitsAnswer, PreemptionPlan } from '../model/preemption.js';
import { NEVER_RUN, type Preemption, type Sandbox, type WorkloadRecord, waitsForRoom } from '../model/record.js';
import type { Saved } from '../model/snapshot.js';
import type { WorkloadSpec } from '../model/spec.js';
import type { Addresses, Claims } from '../network/claims.js';
import { portRefusal } from '../network/claims.js';
import type { portsTaken } from '../network/published.js';
import { keyOf } from '../network/published.js';
import type { Placement } from '../placement/placement.js';
import { seatRequest } from '../placement/request.js';
import type { PlacementRequest } from '../placement/types.js';
import type { Decision } from './decision.js';
import type { DriverSet } from './driver-set.js';
import { Eviction, whyNot } from './eviction.js';
import type { Observer } from './ports.js';
import { NOT_TRIED } from './restart.js';

/** Refusals with a code of their own. */
const CODES: Readonly<Partial<Record<Refusal['dimension'], ErrorCode>>> = {
  addresses: 'address_pool_exhausted',
  ports: 'port_in_use',
};

/** What stays of a record, or is there from the beginning. */
export type Kept = Pick<WorkloadRecord, 'createdAt' | 'generation' | 'restarts'> &
  Partial<Pick<WorkloadRecord, 'desired'>>;

/** Room that was given. */
interface Granted extends Pick<Decision, 'downgraded'> {
  /** Null: there was room. */
  readonly preemption: Preemption | null;
}

export interface AdmissionPorts {
  readonly bootId: string;
  readonly claims: Pick<Claims, 'claim' | 'pools' | 'portsOf' | 'refusals' | 'release'>;
  readonly density: Density;
  readonly drivers: Pick<DriverSet, 'of'>;
  readonly events: EventPort;
  /** Without one every start begins at once. */
  readonly governor?: Pick<GovernorPort, 'requireRoom'> | undefined;
  readonly observer: Pick<Observer, 'admission'>;
  readonly placement: Pick<Placement, 'add' | 'admit' | 'promise' | 'remove'>;
  /** Those of some ports that a process of the host has. */
  readonly portsTaken: typeof portsTaken;
  /** See spec-check.ts. */
  readonly check: (spec: WorkloadSpec, live: boolean) => Promise<void>;
  /** Addresses and names, as the record has them; see naming.ts. */
  readonly sandbox: (spec: WorkloadSpec, addresses: Addresses | undefined) => Sandbox;
}

export class Admission {
  readonly #ports: AdmissionPorts;
  readonly #eviction: Eviction;
  cordoned = false;

  /** `recordOf`: the workload of this id. */
  constructor(ports: AdmissionPorts, recordOf: (id: string) => WorkloadRecord | undefined) {
    this.#ports = ports;
    this.#eviction = new Eviction(ports.density, recordOf);
  }

  get #density(): Density {
    return this.#ports.density;
  }

  /**
   * All that can be known of a spec on this host without changing anything. Throws what is not a question of room.
   * `live`: it runs, and holds what it asks for.
   */
  async check(spec: WorkloadSpec, live = false): Promise<void> {
    await this.#ports.check(spec, live);
  }

  /** `counted`: see Density.demand. */
  demand(spec: WorkloadSpec, downgraded: readonly string[] = [], counted?: number): Demand {
    const driver = this.#ports.drivers.of(spec.driver);
    const facts = { overhead: overheadOf(driver, spec), tap: driver.tap(spec) !== null };
    return this.#density.demand(spec, facts, downgraded, counted);
  }

  /** Where it may sit; of memory, what the ledger counts for it. */
  seat(spec: WorkloadSpec): PlacementRequest {
    return seatRequest(spec, amountOf(this.demand(spec), 'memory'));
  }

  /** Ports asked for, and not held already, that a process of this host listens on. */
  #occupiedPorts({ id, network }: WorkloadSpec): readonly Refusal[] {
    const { claims, portsTaken } = this.#ports;
    const held = new Set(claims.portsOf(id).map(keyOf));
    const asked = network.ports.filter((port) => !held.has(keyOf(port)));
    return portsTaken(asked).map((port) => portRefusal(port, null));
  }

  decide(spec: WorkloadSpec): Decision {
    const occupied = this.#occupiedPorts(spec);
    this.#density.upToDate();
    const { ledger } = this.#density;
    const whole = this.demand(spec);
    const short = ledger.shortages(spec.id, whole);
    const downgraded = Object.keys(spec.resources.licences ?? {}).filter(
      (name) => this.#mayGoWithout(name) && short.some(({ scope }) => scope.endsWith(`licence/${name}`)),
    );
    const demand = downgraded.length === 0 ? whole : this.demand(spec, downgraded);
    const left = downgraded.length === 0 ? short : ledger.shortages(spec.id, demand);
    const { claims, placement } = this.#ports;
    const seat = placement.admit(seatRequest(spec, amountOf(demand, 'memory')));
    return {
      demand,
      downgraded,
      short: left,
      refusals: [...left.map(refusalOf), ...claims.refusals(spec), ...occupied, ...(seat === undefined ? [] : [seat])],
    };
  }

  /** The dry run of `grant`. */
  async fits(spec: WorkloadSpec, reach?: Reach): Promise<FitsAnswer> {
    await this.check(spec);
    const decision = this.decide(spec);
    const { demand, refusals, downgraded } = decision;
    const room = this.#room(spec, demand, refusals);
    return {
      fits: refusals.length === 0,
      refusals,
      more: room[0]?.more ?? null,
      room,
      wouldGo: refusals.length === 0 ? null : this.#eviction.wouldGo(spec, decision),
      preemption: this.#planOf(spec, decision, reach),
      downgraded,
    };
  }

  /**
   * Grants room, addresses, ports and names, in memory; admitting.ts makes it durable. Throws cordoned, admission_refused,
   * address_pool_exhausted, port_in_use, start_queue_full, and leaves everything as it was.
   */
  admit(spec: WorkloadSpec, kept: Kept, { reach }: Pick<Claimant, 'reach'>, begins?: Saved): WorkloadRecord {
    const begun = performance.now();
    this.requireOpen();
    this.#ports.governor?.requireRoom(spec);
    const before = this.#density.ledger.hold(spec.id);
    const { downgraded, preemption } = this.#grant(spec, begun, reach);
    const sandbox = this.#sandbox(spec, before, addressesOf(spec.id, begins));
    return {
      id: spec.id,
      spec,
      desired: 'running',
      state: 'pending',
      since: Date.now(),
      bootId: this.#ports.bootId,
      sandbox,
      ...NEVER_RUN,
      restartRequested: false,
      restart: NOT_TRIED,
      end: null,
      error: null,
      ...{ downgraded, preemption, evicted: null },
      overhead: this.#density.ledger.hold(spec.id)?.demand.overhead ?? 0,
      ...kept,
    };
  }

  /** Throws `cordoned`. */
  requireOpen(): void {
    if (this.cordoned) throw new BerthError('cordoned', 'this node is cordoned and takes no new workloads');
  }

  /** Room, addresses, ports and a seat for a workload to come. Throws as `admit` does, and leaves everything as it was then. */
  setAside(spec: WorkloadSpec): Demand {
    const { demand, refusals } = this.decide(spec);
    const [first, ...others] = refusals;
    if (first !== undefined) throw this.#refused(spec, first, others);
    // The claim may still fail, and is the only thing here that can.
    this.#ports.claims.claim(spec);
    this.#density.ledger.reserve(spec.id, demand);
    this.#ports.placement.promise(this.seat(spec));
    return demand;
  }

  /** Room alone, for a workload that is there; the licences that it goes without. `waits`: see waitsForRoom. */
  grant(spec: WorkloadSpec, waits: boolean): readonly string[] {
    return this.#grant(spec, performance.now(), undefined, waits).downgraded;
  }

  #grant(spec: WorkloadSpec, begun: number, reach?: Reach, waits = false): Granted {
    const decision = this.decide(spec);
    const { demand, refusals, downgraded, short } = decision;
    const plan = this.#planOf(spec, decision, reach);
    const [first, ...others] = refusals;
    const { observer } = this.#ports;
    const seconds = (performance.now() - begun) / 1000;
    if (first !== undefined && (plan === null || plan.left.length > 0)) {
      observer.admission('refused', first.dimension, seconds);
      throw this.#refused(spec, first, others, plan);
    }
    // What is to be freed is in use yet: the room is kept from others, and is not its own before that is over.
    if (plan === null && !waits) this.#density.commit(spec.id, demand);
    else this.#density.ledger.reserve(spec.id, demand);
    this.#ports.placement.add(this.seat(spec));
    observer.admission('admitted', 'none', seconds);
    for (const licence of downgraded) this.#tellDowngrade(spec, licence);
    return { downgraded, preemption: plan === null ? null : this.#eviction.begin(plan, short) };
  }

  /** The dry run of `grant`; undefined: there is room. */
  refusal(spec: WorkloadSpec): BerthError | undefined {
    const [first, ...others] = this.decide(spec).refusals;
    return first === undefined ? undefined : refusalError(spec, first, others);
  }

  #planOf(spec: WorkloadSpec, decision: Decision, reach: Reach | undefined): PreemptionPlan | null {
    return reach === undefined || decision.refusals.length === 0 ? null : this.#eviction.plan(spec, decision, reach);
  }

  #setAside(spec: WorkloadSpec, downgraded: readonly string[]): void {
    this.#density.ledger.reserve(spec.id, this.demand(spec, downgraded));
  }

  /** What runs already is counted, whatever the limits are now; what waits for its room has it set aside. */
  adopt(record: WorkloadRecord): void {
    const { id, spec, downgraded = [], overhead } = record;
    const counted = overhead ?? overheadOf(this.#ports.drivers.of(spec.driver), spec);
    const demand = this.demand(spec, downgraded, counted);
    if (waitsForRoom(record)) this.#density.ledger.reserve(id, demand);
    else this.#density.adopt(id, demand);
  }

  /** As before an update that did not come about. */
  restore(record: WorkloadRecord): void {
    const { id, spec, downgraded = [] } = record;
    if (waitsForRoom(record)) this.#setAside(spec, downgraded);
    else this.#density.commit(id, this.demand(spec, downgraded));
    this.#ports.placement.add(this.seat(spec));
  }

  release(id: string): void {
    this.#density.release(id);
    this.#ports.placement.remove(id);
    this.#ports.claims.release(id);
  }

  #refused(
    spec: WorkloadSpec,
    first: Refusal,
    others: readonly Refusal[],
    preemption: PreemptionPlan | null = null,
  ): BerthError {
    this.#ports.events.append({
      ...{ type: 'admission.refused', workload: spec.id, tenant: spec.tenant },
      data: { ...first },
    });
    return refusalError(spec, first, others, preemption);
  }

  /** `before`: what was set aside for it, and is again when this fails. */
  #sandbox(spec: WorkloadSpec, before: Hold | undefined, addresses: Addresses | undefined): Sandbox {
    try {
      return this.#ports.sandbox(spec, addresses);
    } catch (error) {
      this.#density.release(spec.id);
      this.#ports.placement.remove(spec.id);
      // Of a reservation the claim stays as well.
      if (before?.phase === 'reserved') {
        this.#density.ledger.reserve(spec.id, before.demand);
        this.#ports.placement.promise(this.seat(spec));
      } else this.#ports.claims.release(spec.id);
      throw error;
    }
  }

  #mayGoWithout(licence: string): boolean {
    return this.#density.licences.definition(licence).on_exhausted === 'downgrade';
  }

  #tellDowngrade({ id, tenant }: WorkloadSpec, licence: string): void {
    this.#ports.events.append({ type: 'licence.downgraded', workload: id, tenant, data: { licence } });
    const at = this.#density.clock.wall();
    this.#density.audit.append({ at, type: 'downgrade', licence, count: 0, workload: id, tenant });
  }

  /** The scarcest first. */
  #room(spec: WorkloadSpec, demand: Demand, refusals: readonly Refusal[]): Room[] {
    const { mode, bridge, ports } = spec.network;
    const room: Room[] = [...this.#density.ledger.room(demand)];
    if (mode === 'bridge') {
      const pool = this.#ports.claims.pools().find((usage) => usage.pool === `network.bridge.${bridge}.pool`);
      if (pool !== undefined)
        room.push({ scope: `bridge/${bridge}`, dimension: 'addresses', more: Math.max(0, pool.total - pool.leased) });
    }
    // One more of the very same shape would want the very same ports.
    const refused = refusals.some(({ dimension }) => dimension === 'ports');
    if (ports.length > 0) room.push({ scope: 'host', dimension: 'ports', more: refused ? 0 : 1 });
    return room.sort((a, b) => a.more - b.more);
  }
}

/** What its guest takes for its own. */
function addressesOf(id: string, saved: Saved | undefined): Addresses | undefined {
  return saved && saved.of === id ? { address: saved.address, address6: saved.address6 } : undefined;
}

function refusalError(
  spec: WorkloadSpec,
  first: Refusal,
  others: readonly Refusal[],
  preemption: PreemptionPlan | null = null,
): BerthError {
  const why =
    first.dimension === 'ports'
      ? `port ${first.scope} is in use`
      : `${first.scope} has ${first.used} of ${first.limit} ${first.dimension} in use, ${first.requested} asked for, short by ${first.shortBy}`;
  const code = CODES[first.dimension] ?? 'admission_refused';
  return new BerthError(code, `"${spec.id}" does not fit: ${why}`, {
    hint: preemption === null ? first.hint : `${first.hint} ${whyNot(preemption)}`,
    data: { ...first, others, ...(preemption === null ? {} : { preemption }) },
  });
}
