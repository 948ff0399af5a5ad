// The output of one workload, piece by piece, from the agent.

import { defined } from '../../linux/defined.js';
import { BerthError } from '../../protocol/errors.js';
import type { Client } from './command.js';
import type { Came } from './log-lines.js';

export interface Piece {
  readonly bytes: Buffer;
  /** Bytes that were rotated away before they were read. */
  readonly missing: number;
  /** Position after `bytes`. */
  readonly next: number;
  /** Of `bytes`; empty where they were not asked for. */
  readonly times: readonly Came[];
}

export interface LogReaderOptions {
  /** From so many lines before the end; undefined: from the oldest that is kept. */
  readonly tail?: number | undefined;
  /** Unix ms. */
  readonly since?: number | undefined;
  /** Ask for the times of the bytes. */
  readonly timed?: boolean;
}

export class LogReader {
  readonly id: string;
  readonly #client: Client;
  readonly #options: LogReaderOptions;
  #offset: number | undefined;

  constructor(client: Client, id: string, options: LogReaderOptions = {}) {
    this.#client = client;
    this.id = id;
    this.#options = options;
  }

  get position(): number {
    return this.#offset ?? 0;
  }

  /** All pieces up to the end of what there is now. `mayBeGone`: then the end is that of a workload that is deleted. */
  async *pieces(mayBeGone: boolean): AsyncGenerator<Piece, void, void> {
    const { tail, since, timed } = this.#options;
    const first = tail === undefined ? { offset: 0, ...defined({ since }) } : { tail, ...defined({ since }) };
    for (let end = false; !end; ) {
      const before = this.#offset;
      const chunk = await this.#client
        .call('workload.logs', {
          id: this.id,
          encoding: 'base64',
          ...(before === undefined ? first : { offset: before }),
          ...(timed === true ? { times: true } : {}),
        })
        .catch((error: unknown) => {
          if (mayBeGone && before !== undefined && isMissing(error)) return undefined;
          throw error;
        });
      if (chunk === undefined) return;
      end = chunk.end || chunk.next === before;
      this.#offset = chunk.next;
      const bytes = Buffer.from(chunk.base64 ?? '', 'base64');
      // What was rotated away before the first look is not missed.
      const missing = before === undefined ? 0 : (chunk.missing ?? 0);
      if (bytes.length > 0 || missing > 0) yield { bytes, missing, next: chunk.next, times: chunk.times ?? [] };
    }
  }

  /** Nothing more can come after what is read next. */
  async hasEnded(): Promise<boolean> {
    try {
      const { state } = await this.#client.call('workload.get', { id: this.id });
      return state === 'exited' || state === 'failed';
    } catch (error) {
      if (isMissing(error)) return true;
      throw error;
    }
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof BerthError && error.code === 'not_found';
}
