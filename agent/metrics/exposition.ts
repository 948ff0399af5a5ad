// The body of /metrics: the resident page, then the registry. Plain bodies are the resident text itself; compressing costs more than everything else, so there is one compressed body a sample.
import { createGzip } from 'node:zlib';
import type { Lease } from './block.js';

export const EXPOSITION_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

export interface ExpositionSource {
  readonly page: { leases(): Iterable<Lease> };
  /** Undefined: the page is all. */
  readonly registry?: { text(): Promise<string> };
  /** Rises with every finished sample. */
  readonly sampler: { readonly ticks: number };
}

/** Takes a piece and resolves when its bytes are needed no more. */
export type Write = (piece: Buffer) => Promise<void>;

export class Exposition {
  readonly #source: ExpositionSource;
  #packed: { readonly tick: number; readonly body: Promise<Buffer> } | undefined;

  constructor(source: ExpositionSource) {
    this.#source = source;
  }

  /**
   * Resolves to a function that sends the body, a family at a time; each piece is complete lines of one moment. What
   * can fail has been done by then, so that the answer may begin.
   */
  async plain(): Promise<(write: Write) => Promise<void>> {
    const rest = Buffer.from((await this.#source.registry?.text()) ?? '');
    return async (write) => {
      for (const { bytes, release } of this.#source.page.leases()) {
        try {
          await write(bytes);
        } finally {
          release();
        }
      }
      if (rest.length > 0) await write(rest);
    };
  }

  /** The whole body in gzip, as of the last sample. */
  gzip(): Promise<Buffer> {
    const tick = this.#source.sampler.ticks;
    if (this.#packed?.tick !== tick) {
      const body = this.#pack();
      this.#packed = { tick, body };
      body.catch(() => {
        this.#packed = undefined;
      });
    }
    return this.#packed.body;
  }

  async #pack(): Promise<Buffer> {
    const send = await this.plain();
    const gzip = createGzip({ level: 1 });
    const body = gzip.toArray();
    await send((piece) => new Promise((resolve) => gzip.write(piece, () => resolve())));
    gzip.end();
    return Buffer.concat(await body);
  }
}
