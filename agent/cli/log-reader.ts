// The output of one workload, piece by piece, from the agent.
import { BerthError } from '../base/errors.js';
import type { Client } from './command.js';

export interface Piece {
  readonly bytes: Buffer;
  /** Bytes that were rotated away before they were read. */
  readonly missing: number;
  /** Position after `bytes`. */
  readonly next: number;
}

export class LogReader {
  readonly id: string;
  readonly #client: Client;
  readonly #tail: number | undefined;
  #offset: number | undefined;

  /** `tail`: from so many lines before the end; undefined: from the oldest that is kept. */
  constructor(client: Client, id: string, tail: number | undefined) {
    this.#client = client;
    this.id = id;
    this.#tail = tail;
  }

  get position(): number {
    return this.#offset ?? 0;
  }

  /** All pieces up to the end of what there is now. `mayBeGone`: then the end is that of a workload that is deleted. */
  async *pieces(mayBeGone: boolean): AsyncGenerator<Piece, void, void> {
    for (let end = false; !end; ) {
      const before = this.#offset;
      const from = before ?? (this.#tail === undefined ? 0 : undefined);
      const chunk = await this.#client
        .call('workload.logs', {
          id: this.id,
          encoding: 'base64',
          ...(from === undefined ? { tail: this.#tail ?? 0 } : { offset: from }),
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
      if (bytes.length > 0 || missing > 0) yield { bytes, missing, next: chunk.next };
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
