// Running sums of one scope (host, a tenant, a driver kind): what is committed and what is held by reservations. Both
// change by a few additions when a workload comes or goes; nothing ever walks over all workloads.
import { COUNT, type Vector } from '../model/dimensions.js';
import type { TenantLimits } from './limits.js';

export class Account {
  readonly committed: Vector = new Float64Array(COUNT);
  readonly reserved: Vector = new Float64Array(COUNT);
  /** Workloads and reservations in it. */
  #members = 0;

  get empty(): boolean {
    return this.#members === 0;
  }

  /** `sign`: 1 to put in, -1 to take out. */
  move(amounts: Vector, phase: 'committed' | 'reserved', sign: 1 | -1): void {
    const sums = this[phase];
    this.#members += sign;
    for (let at = 0; at < COUNT; at++) sums[at] = (sums[at] ?? 0) + sign * (amounts[at] ?? 0);
  }

  held(at: number): number {
    return (this.committed[at] ?? 0) + (this.reserved[at] ?? 0);
  }
}

/** The same for one pool (a bridge, a licence) of one dimension. */
export interface PoolSum {
  committed: number;
  reserved: number;
}

/** One tenant. */
export interface TenantAccount {
  readonly account: Account;
  /** What its workloads count for the host. */
  readonly charged: Vector;
  limits: TenantLimits;
}
