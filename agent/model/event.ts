// What happened on this host, and where it is told.

/** Something that happened. `cursor` rises by one with every event of this host, across restarts. */
export interface BerthEvent {
  readonly cursor: number;
  /** Unix ms. */
  readonly at: number;
  /** A key of EVENTS (control/events.ts). */
  readonly type: string;
  readonly workload?: string;
  readonly tenant?: string;
  readonly data: Readonly<Record<string, unknown>>;
}

export interface EventPort {
  append(event: Pick<BerthEvent, 'type' | 'data'> & { workload?: string; tenant?: string }): unknown;
}

export interface DurableEventPort extends EventPort {
  /** Resolves when what was told before survives the agent, or the disk has refused it. */
  settled(): Promise<void>;
}

export interface NewEvent {
  readonly type: string;
  readonly workload?: string;
  readonly tenant?: string;
  readonly data?: Readonly<Record<string, unknown>>;
}
