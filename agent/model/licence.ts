// What the agent answers about a licence pool.
import type { Range } from '../base/pages.js';

export interface LeaseView {
  readonly scheduler: string;
  readonly count: number;
  /** Unix milliseconds. */
  readonly expiresAt: number;
}

export interface LicenceView {
  readonly name: string;
  readonly per: 'instance' | 'vcpu' | 'core' | 'socket';
  readonly onExhausted: 'refuse' | 'downgrade';
  /** Locked to this node. */
  readonly count: number;
  readonly leases: readonly LeaseView[];
  /** Of both together. */
  readonly total: number;
  readonly inUse: number;
  readonly reserved: number;
  /** At most MOST_HOLDERS, by id. */
  readonly holders: readonly LicenceHolder[];
  /** So many are not listed; absent: none. */
  readonly moreHolders?: number;
}

/** Each workload of a host may hold each licence. */
export const MOST_HOLDERS = 100;

export interface LicenceHolder {
  readonly workload: string;
  readonly tenant: string;
  readonly count: number;
}

export interface LicenceFilter extends Range {
  /** The pool of this name alone. */
  readonly only?: string;
  /** Whether holders of this tenant may be told. */
  readonly sees?: (tenant: string) => boolean;
}
