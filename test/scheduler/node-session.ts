// One node as a scheduler sees it, through any number of connections: calls go to the newest, events are one stream.
import type { WebSocket } from 'ws';
import { type CallArguments, type Client, clientOver } from '../../agent/control/client-session.js';
import type { MethodName, Params, Results } from '../../agent/control/methods.js';
import type { BerthEvent } from '../../agent/model/event.js';
import type { WorkloadView } from '../../agent/model/record.js';
import { BerthError } from '../../protocol/errors.js';

export interface WaitOptions {
  /** Default 30 s. */
  readonly timeoutMs?: number;
  /** Only events with a higher cursor. Default 0: what has been collected already counts, too. */
  readonly after?: number;
}

export interface NodeSession {
  readonly name: string;
  readonly connected: boolean;
  /** How many times it has connected to this scheduler. */
  readonly connections: number;
  /** Everything it has told, in the order it came. */
  readonly events: readonly BerthEvent[];
  /** The `from` of every gap it has announced. */
  readonly gaps: readonly number[];
  /** The highest cursor it has confirmed as acknowledged. */
  readonly acked: number;
  /** Waits for the node to be connected first; otherwise as Client.call. At most 32 are sent at a time. */
  call<M extends MethodName>(method: M, ...args: CallArguments<M>): Promise<Results[M]>;
  /** Throws `deadline_exceeded`. */
  waitForEvent(predicate: (event: BerthEvent) => boolean, options?: WaitOptions): Promise<BerthEvent>;
  /** Creates a workload and waits until it is running (or has already ended). Throws `start_failed`. */
  place(spec: Params<'workload.create'>['spec'], options?: { readonly timeoutMs?: number }): Promise<WorkloadView>;
  /** Cuts the connection without a goodbye; the node will come back. */
  drop(): void;
}

export interface Greeting {
  readonly scheduler: string;
  readonly epoch: number;
  readonly scopes: readonly string[];
}

const AT_ONCE = 32;

export class NodeRecord implements NodeSession {
  readonly name: string;
  readonly events: BerthEvent[] = [];
  readonly gaps: number[] = [];
  acked = 0;
  connections = 0;
  readonly #watchers = new Set<() => void>();
  #socket: WebSocket | undefined;
  #client: Client | undefined;
  #cursor: number | undefined;
  #acking = false;
  #sending = 0;

  constructor(name: string) {
    this.name = name;
  }

  get connected(): boolean {
    return this.#client !== undefined;
  }

  /** Takes a new connection over: greets, and subscribes from where the last one ended. Throws as calls do. */
  async attach(socket: WebSocket, greeting: Greeting): Promise<void> {
    const client = clientOver(socket, this.name);
    client.onEvent((event) => this.#receive(event, socket, client));
    const { acked } = await client.call('session.hello', { ...greeting, scopes: [...greeting.scopes] });
    const since = this.#cursor ?? acked;
    this.#cursor = since;
    this.acked = acked;
    this.#socket?.terminate();
    this.#socket = socket;
    const { from, cursor, gap } = await client.call('events.subscribe', { since });
    if (gap) this.gaps.push(from);
    // The node has lost its log and counts from below; unless an event has come already and says so itself.
    if (gap && since > cursor && this.#cursor === since) this.#cursor = cursor;
    this.#client = client;
    this.connections++;
    this.#changed();
    void client.closed.then(() => {
      if (this.#client === client) this.#client = undefined;
      this.#changed();
    });
  }

  async call<M extends MethodName>(method: M, ...args: CallArguments<M>): Promise<Results[M]> {
    await this.until(() => this.#client !== undefined && this.#sending < AT_ONCE, `node ${this.name} to be connected`);
    const client = this.#client;
    if (client === undefined) return this.call(method, ...args);
    this.#sending++;
    try {
      return await client.call(method, ...args);
    } finally {
      this.#sending--;
      this.#changed();
    }
  }

  async waitForEvent(predicate: (event: BerthEvent) => boolean, options: WaitOptions = {}): Promise<BerthEvent> {
    const { timeoutMs, after = 0 } = options;
    let seen = this.events.findLastIndex(({ cursor }) => cursor <= after) + 1;
    let found: BerthEvent | undefined;
    const look = () => {
      for (; found === undefined && seen < this.events.length; seen++) {
        const event = this.events[seen];
        if (event !== undefined && predicate(event)) found = event;
      }
      return found !== undefined;
    };
    await this.until(look, `an event of node ${this.name}`, timeoutMs);
    if (found === undefined) throw new BerthError('internal', 'an event was found and lost');
    return found;
  }

  async place(spec: Params<'workload.create'>['spec'], options: { readonly timeoutMs?: number } = {}) {
    let view = await this.call('workload.create', { spec });
    let after = 0;
    while (!['running', 'exited', 'failed'].includes(view.state)) {
      const mine = (e: BerthEvent) => e.type === 'workload.state' && e.workload === view.id;
      after = (await this.waitForEvent(mine, { ...options, after })).cursor;
      view = await this.call('workload.get', { id: view.id });
    }
    if (view.state !== 'failed') return view;
    throw new BerthError('start_failed', `workload "${view.id}" failed: ${view.error?.message ?? 'no reason given'}`);
  }

  drop(): void {
    this.#socket?.terminate();
  }

  /** Resolves when `condition`, asked again at every change, holds. Throws `deadline_exceeded`. */
  async until(condition: () => boolean, what: string, timeoutMs = 120_000): Promise<void> {
    if (condition()) return;
    await new Promise<void>((resolve, reject) => {
      const finish = () => {
        clearTimeout(timer);
        this.#watchers.delete(check);
      };
      const check = () => {
        if (!condition()) return;
        finish();
        resolve();
      };
      const timer = setTimeout(() => {
        finish();
        reject(new BerthError('deadline_exceeded', `waited ${timeoutMs} ms for ${what}`));
      }, timeoutMs);
      this.#watchers.add(check);
    });
  }

  #changed(): void {
    for (const check of [...this.#watchers]) check();
  }

  #receive(event: BerthEvent, socket: WebSocket, client: Client): void {
    // The rest of a connection that has been replaced; the new one brings it again.
    if (socket !== this.#socket) return;
    this.#cursor = event.cursor;
    this.events.push(event);
    this.#changed();
    void this.#ack(client);
  }

  async #ack(client: Client): Promise<void> {
    if (this.#acking) return;
    this.#acking = true;
    try {
      for (let sent = 0; this.#cursor !== undefined && this.#cursor > Math.max(sent, this.acked); ) {
        sent = this.#cursor;
        this.acked = (await client.call('events.ack', { cursor: sent })).acked;
      }
    } catch {
      // The connection has ended; the next event on the next one acknowledges these, too.
    } finally {
      this.#acking = false;
      this.#changed();
    }
  }
}
