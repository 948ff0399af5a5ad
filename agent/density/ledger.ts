// The one admission ledger: who holds what, what may still be promised, and why not. Pure bookkeeping in memory,
// rebuilt from the journal and the reservations at every start; a promise becomes durable with the journal entry of its
// workload, before anybody is told. There is one writer, the main loop, so check-then-commit needs no lock. Every sum is
// kept up to date as workloads come and go: a decision looks at each dimension once, however many workloads there are.
import type { CapacityRow, Refusal } from '../model/capacity.js';
import { COUNT, DIMENSION_NAMES, indexOf, type Vector } from '../model/dimensions.js';
import { Account, type PoolSum, type TenantAccount } from './account.js';
import type { Demand, Extra } from './demand.js';
import type { Factor, Limits, TenantLimits } from './limits.js';
import { UNLIMITED } from './limits.js';
import { refusalOf, type Shortage } from './refusal.js';
import { ledgerRows, rowsOfTenants, type Sums, sharedRows, tenantsOf, type Used } from './rows.js';

export type Phase = 'committed' | 'reserved';

export interface Hold {
  readonly demand: Demand;
  readonly phase: Phase;
  /** What it counts for the host: its demand, weighed by the overcommit of its class and kind. */
  readonly charge: Vector;
}

/** Holds as they are in the ledger, taken out of its sums and put back. */
export interface Stage {
  out(hold: Hold): void;
  back(hold: Hold): void;
}

const CLASSES: readonly Demand['class'][] = ['guaranteed', 'burstable', 'besteffort'];
const CPU = indexOf('cpu');
const MEMORY = indexOf('memory');
/** By the overcommit of a class or a kind. */
const WEIGHED = [CPU, MEMORY];

export class Ledger {
  #limits: Limits;
  readonly #holds = new Map<string, Hold>();
  /** Weighed by overcommit. */
  readonly #host = new Account();
  /** As asked for. */
  readonly #asked = new Account();
  readonly #kinds = new Map<Demand['kind'], Account>();
  readonly #tenantAccounts = new Map<string, TenantAccount>();
  readonly #pools = new Map<string, PoolSum>();
  /** Of all tenants: what is kept free for them, and not yet used by them. */
  readonly #unmet: Vector = new Float64Array(COUNT);

  constructor(limits: Limits) {
    this.#limits = limits;
    this.setLimits(limits);
  }

  get limits(): Limits {
    return this.#limits;
  }

  /**
   * From now on; what is committed stays, also where it is more than the new limits allow. Looks at each tenant, and at each
   * workload only where the overcommit of a class or a kind has changed.
   */
  setLimits(limits: Limits): void {
    const before = this.#limits;
    this.#limits = limits;
    for (const tenant of limits.tenants.keys()) this.#tenantAccount(tenant);
    for (const [tenant, ward] of this.#tenantAccounts) {
      if (ward.account.empty && !limits.tenants.has(tenant)) this.#tenantAccounts.delete(tenant);
      else ward.limits = this.#limitsOf(tenant);
    }
    if (this.#weighsOtherwise(before)) this.#reweigh();
    this.#unmet.fill(0);
    for (const { limits: of, charged } of this.#tenantAccounts.values())
      for (let at = 0; at < COUNT; at++)
        this.#unmet[at] = (this.#unmet[at] ?? 0) + lacking(of.guaranteed[at] ?? 0, charged[at] ?? 0);
  }

  #weighsOtherwise(before: Limits): boolean {
    const pairs = [...this.#kinds.keys()].flatMap((driver) => CLASSES.map((of) => ({ class: of, driver })));
    return pairs.some((pair) => {
      const [then, now] = [before.factor(pair), this.#limits.factor(pair)];
      return then.cpu !== now.cpu || then.memory !== now.memory;
    });
  }

  /** Every reason against granting `demand` to `id`; none: it fits. What `id` holds already is not counted twice. */
  check(id: string, demand: Demand): Refusal[] {
    return this.shortages(id, demand).map(refusalOf);
  }

  /** The same as figures, in the order of the table: host, kind, tenant, pools. */
  shortages(id: string, demand: Demand): Shortage[] {
    const found: Shortage[] = [];
    const own = this.#holds.get(id);
    const charge = this.#chargeOf(demand);
    const ward = this.#tenantAccounts.get(demand.tenant);
    const { quota } = this.#limitsOf(demand.tenant);
    const kind = this.#kinds.get(demand.kind);
    const most = this.#limits.kinds.get(demand.kind) ?? UNLIMITED;
    for (let at = 0; at < COUNT; at++) {
      const asked = demand.amounts[at] ?? 0;
      if (asked === 0) continue;
      const had = own?.demand.amounts[at] ?? 0;
      this.#hostShortage(found, at, charge[at] ?? 0, own, demand.tenant);
      // What was set aside for a tenant or a kind may be committed by another one, who has nothing of it.
      const ofKind = own?.demand.kind === demand.kind ? had : 0;
      const ofTenant = own?.demand.tenant === demand.tenant ? had : 0;
      if (asked > ofKind) short(found, 'kind', demand.kind, at, most[at], (kind?.held(at) ?? 0) - ofKind, asked);
      if (asked > ofTenant)
        short(found, 'tenant', demand.tenant, at, quota[at], (ward?.account.held(at) ?? 0) - ofTenant, asked);
    }
    for (const extra of demand.extras) this.#poolShortage(found, extra, own);
    return found;
  }

  /** Grants without checking: what is running already is counted even when a limit was lowered under it. */
  commit(id: string, demand: Demand): void {
    this.#put(id, demand, 'committed');
  }

  /** Sets it aside for `id`, without checking. */
  reserve(id: string, demand: Demand): void {
    this.#put(id, demand, 'reserved');
  }

  release(id: string): void {
    const hold = this.#holds.get(id);
    if (hold === undefined) return;
    this.#move(hold, -1);
    this.#holds.delete(id);
  }

  hold(id: string): Hold | undefined {
    return this.#holds.get(id);
  }

  holds(): IterableIterator<[string, Hold]> {
    return this.#holds.entries();
  }

  /** What `work` finds while it takes holds out of the sums and puts them back; all is as it was when it returns. */
  rehearse<T>(work: (stage: Stage) => T): T {
    const gone = new Set<Hold>();
    const move = (hold: Hold, sign: 1 | -1): void => {
      if (sign === 1 ? !gone.delete(hold) : gone.has(hold)) return;
      if (sign === -1) gone.add(hold);
      this.#move(hold, sign);
    };
    try {
      return work({ out: (hold) => move(hold, -1), back: (hold) => move(hold, 1) });
    } finally {
      for (const hold of [...gone]) move(hold, 1);
    }
  }

  /** Whether what this tenant has is covered by what is kept free for it. */
  withinShare(tenant: string, at: number): boolean {
    const promise = this.#limitsOf(tenant).guaranteed[at] ?? 0;
    return promise > 0 && (this.#tenantAccounts.get(tenant)?.charged[at] ?? 0) <= promise;
  }

  /** How many more of this shape there is room for, by scope and dimension; absent: no limit. */
  room(demand: Demand): { readonly scope: string; readonly dimension: Shortage['dimension']; readonly more: number }[] {
    const found: { scope: string; dimension: Shortage['dimension']; more: number }[] = [];
    const add = (scope: string, dimension: Shortage['dimension'], free: number, each: number): void => {
      if (each > 0 && Number.isFinite(free))
        found.push({ scope, dimension, more: Math.max(0, Math.floor((free + 1e-6) / each)) });
    };
    const charge = this.#chargeOf(demand);
    const { quota } = this.#limitsOf(demand.tenant);
    const most = this.#limits.kinds.get(demand.kind) ?? UNLIMITED;
    for (const [at, name] of DIMENSION_NAMES.entries()) {
      const asked = demand.amounts[at] ?? 0;
      add('host', name, this.#freeFor(demand.tenant, at), charge[at] ?? 0);
      add(`kind/${demand.kind}`, name, (most[at] ?? 0) - (this.#kinds.get(demand.kind)?.held(at) ?? 0), asked);
      const ward = this.#tenantAccounts.get(demand.tenant);
      add(`tenant/${demand.tenant}`, name, (quota[at] ?? 0) - (ward?.account.held(at) ?? 0), asked);
    }
    for (const { scope, dimension, amount } of demand.extras) {
      const limit = this.#limits.pools.get(scope)?.allocatable ?? Number.POSITIVE_INFINITY;
      add(scope, dimension, limit - this.#heldOf(scope), amount);
    }
    return found;
  }

  rows(used?: Used): CapacityRow[] {
    return ledgerRows(this.#sums, used);
  }

  sharedRows(used?: Used): CapacityRow[] {
    return sharedRows(this.#sums, used);
  }

  /** Tenants that have rows, by name. */
  tenants(): string[] {
    return tenantsOf(this.#sums);
  }

  /** Of these alone: there may be thousands. */
  rowsOfTenants(names: readonly string[], used?: Used): Map<string, CapacityRow[]> {
    return rowsOfTenants(this.#sums, names, used);
  }

  /** Whether anybody of this tenant holds anything. */
  tenantInUse(tenant: string): boolean {
    return this.#tenantAccounts.get(tenant)?.account.empty === false;
  }

  /** What all workloads have been promised, before overcommit. */
  committed(): Vector {
    return this.#asked.committed.slice();
  }

  tenantAccount(tenant: string): TenantAccount | undefined {
    return this.#tenantAccounts.get(tenant);
  }

  pool(scope: string): Readonly<PoolSum> {
    return this.#pools.get(scope) ?? { committed: 0, reserved: 0 };
  }

  #put(id: string, demand: Demand, phase: Phase): void {
    this.release(id);
    const hold: Hold = { demand, phase, charge: this.#chargeOf(demand) };
    this.#holds.set(id, hold);
    this.#move(hold, 1);
  }

  /** What all holds count for the host, anew: one step for each of them, as there are thousands. */
  #reweigh(): void {
    for (const at of WEIGHED) {
      this.#host.committed[at] = 0;
      this.#host.reserved[at] = 0;
      for (const { charged } of this.#tenantAccounts.values()) charged[at] = 0;
    }
    for (const [id, { demand, phase }] of this.#holds) {
      const charge = this.#chargeOf(demand);
      this.#holds.set(id, { demand, phase, charge });
      const { charged } = this.#tenantAccount(demand.tenant);
      for (const at of WEIGHED) {
        const amount = charge[at] ?? 0;
        this.#host[phase][at] = (this.#host[phase][at] ?? 0) + amount;
        charged[at] = (charged[at] ?? 0) + amount;
      }
    }
  }

  #move({ demand, phase, charge }: Hold, sign: 1 | -1): void {
    this.#host.move(charge, phase, sign);
    this.#asked.move(demand.amounts, phase, sign);
    this.#kind(demand.kind).move(demand.amounts, phase, sign);
    const ward = this.#tenantAccount(demand.tenant);
    ward.account.move(demand.amounts, phase, sign);
    const { guaranteed } = ward.limits;
    for (let at = 0; at < COUNT; at++) {
      const promise = guaranteed[at] ?? 0;
      const before = ward.charged[at] ?? 0;
      const after = before + sign * (charge[at] ?? 0);
      ward.charged[at] = after;
      if (promise > 0) this.#unmet[at] = (this.#unmet[at] ?? 0) + lacking(promise, after) - lacking(promise, before);
    }
    for (const { scope, amount } of demand.extras) {
      const sum = this.#pools.get(scope) ?? { committed: 0, reserved: 0 };
      sum[phase] += sign * amount;
      if (sum.committed === 0 && sum.reserved === 0) this.#pools.delete(scope);
      else this.#pools.set(scope, sum);
    }
    // Tenants come and go by the thousand; those that have nothing, and nothing of their own, are not kept.
    if (ward.account.empty && !this.#limits.tenants.has(demand.tenant)) this.#tenantAccounts.delete(demand.tenant);
  }

  #hostShortage(found: Shortage[], at: number, asked: number, own: Hold | undefined, tenant: string): void {
    const limit = this.#limits.host.allocatable[at] ?? 0;
    const had = own?.charge[at] ?? 0;
    const ofTenant = own?.demand.tenant === tenant ? had : 0;
    if (limit === Number.POSITIVE_INFINITY || asked <= ofTenant) return;
    const held = this.#host.held(at) - had;
    const owed = own === undefined || own.demand.tenant === tenant ? 0 : this.#owedWithout(own, at);
    const keptFree = asked <= this.#ownShare(tenant, at) + ofTenant ? 0 : this.#keptFromOthers(tenant, at) + owed;
    const over = held + keptFree + asked - limit;
    if (over <= 0) return;
    const dimension = DIMENSION_NAMES[at] ?? 'workloads';
    found.push({ scope: 'host', dimension, limit, used: held + keptFree, requested: asked, short: over, keptFree });
  }

  get #sums(): Sums {
    return {
      limits: this.#limits,
      host: this.#host,
      kinds: this.#kinds,
      tenantAccounts: this.#tenantAccounts,
      pools: this.#pools,
    };
  }

  #poolShortage(found: Shortage[], { scope, dimension, amount }: Extra, own: Hold | undefined): void {
    const limit = this.#limits.pools.get(scope)?.allocatable ?? null;
    if (limit === null || amount === 0) return;
    const had = own?.demand.extras.find((extra) => extra.scope === scope)?.amount ?? 0;
    const used = this.#heldOf(scope) - had;
    const over = used + amount - limit;
    // Held by a reservation only, a lease that has run out meanwhile does count.
    if (over <= 0 || (amount <= had && own?.phase === 'committed')) return;
    found.push({ scope, dimension, limit, used, requested: amount, short: over, keptFree: 0 });
  }

  /** What this tenant may take at once: its own share even when the rest is kept for others. */
  #freeFor(tenant: string, at: number): number {
    const free = (this.#limits.host.allocatable[at] ?? 0) - this.#host.held(at);
    return Math.max(Math.min(free, this.#ownShare(tenant, at)), free - this.#keptFromOthers(tenant, at));
  }

  /** What is left of its guaranteed share. */
  #ownShare(tenant: string, at: number): number {
    return lacking(this.#limitsOf(tenant).guaranteed[at] ?? 0, this.#tenantAccounts.get(tenant)?.charged[at] ?? 0);
  }

  /** What the tenant of this hold would have to be kept free again. */
  #owedWithout({ demand, charge }: Hold, at: number): number {
    const promise = this.#limitsOf(demand.tenant).guaranteed[at] ?? 0;
    const charged = this.#tenantAccounts.get(demand.tenant)?.charged[at] ?? 0;
    return lacking(promise, charged - (charge[at] ?? 0)) - lacking(promise, charged);
  }

  #keptFromOthers(tenant: string, at: number): number {
    return (this.#unmet[at] ?? 0) - this.#ownShare(tenant, at);
  }

  #heldOf(scope: string): number {
    const { committed, reserved } = this.pool(scope);
    return committed + reserved;
  }

  #chargeOf({ amounts, class: of, kind }: Demand): Vector {
    const factor: Factor = this.#limits.factor({ class: of, driver: kind });
    if (factor.cpu === 1 && factor.memory === 1) return amounts;
    const charge = amounts.slice();
    charge[CPU] = Math.ceil((amounts[CPU] ?? 0) * factor.cpu - 1e-6);
    charge[MEMORY] = Math.ceil((amounts[MEMORY] ?? 0) * factor.memory - 1e-6);
    return charge;
  }

  #limitsOf(tenant: string): TenantLimits {
    return this.#limits.tenants.get(tenant) ?? this.#limits.otherTenants;
  }

  #kind(name: Demand['kind']): Account {
    const account = this.#kinds.get(name) ?? new Account();
    this.#kinds.set(name, account);
    return account;
  }

  #tenantAccount(tenant: string): TenantAccount {
    const known = this.#tenantAccounts.get(tenant);
    if (known !== undefined) return known;
    const limits = this.#limitsOf(tenant);
    const ward: TenantAccount = { account: new Account(), charged: new Float64Array(COUNT), limits };
    this.#tenantAccounts.set(tenant, ward);
    for (let at = 0; at < COUNT; at++) this.#unmet[at] = (this.#unmet[at] ?? 0) + (limits.guaranteed[at] ?? 0);
    return ward;
  }
}

function lacking(promise: number, has: number): number {
  return promise > has ? promise - has : 0;
}

function short(
  found: Shortage[],
  kind: 'kind' | 'tenant',
  name: string,
  at: number,
  limit: number | undefined,
  used: number,
  requested: number,
): void {
  if (limit === undefined || limit === Number.POSITIVE_INFINITY) return;
  const over = used + requested - limit;
  if (over <= 0) return;
  const dimension = DIMENSION_NAMES[at] ?? 'workloads';
  found.push({ scope: `${kind}/${name}`, dimension, limit, used, requested, short: over, keptFree: 0 });
}
