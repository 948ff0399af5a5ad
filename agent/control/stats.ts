// Figures of the control room for the metrics room: plain data, with bounded words as keys.
import type { ErrorCode } from '../../protocol/errors.js';
import { METHODS, type MethodName } from './methods.js';

export type CloseReason =
  | 'peer'
  | 'slow_reader'
  | 'message_too_large'
  | 'stale_epoch'
  | 'stopping'
  | 'dead'
  | 'no_hello'
  | 'error';

export interface SchedulerStatus {
  readonly id: string;
  readonly url: string;
  readonly connected: boolean;
  /** Unix ms of the last change of `connected`. */
  readonly since: number;
  readonly reconnects: number;
  /** Why the last connection ended or was refused; null when there was no such thing yet. */
  readonly lastError: string | null;
  /** Events kept here and not acknowledged. */
  readonly pending: number;
}

export interface ControlStats {
  readonly sessions: { readonly local: number; readonly scheduler: number };
  readonly schedulers: readonly SchedulerStatus[];
  /** Counts since the start; a row for each method, and one for each other pair that has occurred. */
  readonly requests: readonly {
    readonly method: MethodName | 'unknown';
    readonly result: 'ok' | ErrorCode;
    readonly count: number;
  }[];
  readonly closed: readonly { readonly reason: CloseReason; readonly count: number }[];
  readonly events: { readonly cursor: number; readonly kept: number; readonly writeErrors: number };
}

export class Counters {
  readonly #requests = new Map<string, { method: MethodName | 'unknown'; result: 'ok' | ErrorCode; count: number }>();
  readonly #closed = new Map<CloseReason, number>();

  constructor() {
    for (const method of Object.keys(METHODS) as MethodName[])
      this.#requests.set(`${method} ok`, { method, result: 'ok', count: 0 });
  }

  request(method: MethodName | 'unknown', result: 'ok' | ErrorCode): void {
    const key = `${method} ${result}`;
    const row = this.#requests.get(key);
    if (row === undefined) this.#requests.set(key, { method, result, count: 1 });
    else row.count++;
  }

  close(reason: CloseReason): void {
    this.#closed.set(reason, (this.#closed.get(reason) ?? 0) + 1);
  }

  snapshot(): Pick<ControlStats, 'requests' | 'closed'> {
    return {
      requests: [...this.#requests.values()].map((row) => ({ ...row })),
      closed: [...this.#closed].map(([reason, count]) => ({ reason, count })),
    };
  }
}
