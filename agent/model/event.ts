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
  /** Of a change that a request has made: who asked. */
  readonly actor?: EventActor;
  readonly data: Readonly<Record<string, unknown>>;
}

/** A session that asked for a change: a scheduler, or a user of the local socket as the kernel names the peer. */
export interface EventActor {
  readonly role: string;
  /** Its id in the configuration, or the name in session.hello of an operator on the local socket. */
  readonly scheduler?: string;
  readonly uid?: number;
  /** As /etc/passwd had it when the session began; absent: it has none. */
  readonly user?: string;
  /** Of the process that connected. */
  readonly pid?: number;
}

/** An event to be told; the log gives it its cursor and time. */
export interface NewEvent {
  readonly type: string;
  readonly workload?: string;
  readonly tenant?: string;
  readonly actor?: EventActor;
  readonly data?: Readonly<Record<string, unknown>>;
}

export interface EventPort {
  append(event: NewEvent & Pick<BerthEvent, 'data'>): unknown;
}

/** The field of an event, of a change that may have been asked for. */
export function actorField(actor: EventActor | undefined): { readonly actor?: EventActor } {
  return actor === undefined ? {} : { actor };
}

export interface DurableEventPort extends EventPort {
  /** Resolves when what was told before survives the agent, or the disk has refused it. */
  settled(): Promise<void>;
}
