// What the agent answers about a licence pool.

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
  readonly holders: readonly { readonly workload: string; readonly tenant: string; readonly count: number }[];
}
