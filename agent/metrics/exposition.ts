// The body of /metrics: the resident page, then the registry. Plain bodies are made anew for every scrape, a family at
// a time; compressing costs more than everything else, so there is one compressed body a sample.
import { createGzip } from 'node:zlib';

export const EXPOSITION_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

export interface ExpositionSource {
  readonly page: { chunks(): Iterable<Buffer> };
  readonly registry: { text(): Promise<string> };
  /** Rises with every finished sample. */
  readonly sampler: { readonly ticks: number };
}

export class Exposition {
  readonly #source: ExpositionSource;
  #packed: { readonly tick: number; readonly body: Promise<Buffer> } | undefined;

  constructor(source: ExpositionSource) {
    this.#source = source;
  }

  /** Pieces of the body; each is complete lines of one moment. */
  async *plain(): AsyncGenerator<Buffer> {
    // The registry first to ask, so that a failure there is known before anything has been sent.
    const rest = await this.#source.registry.text();
    for (const chunk of this.#source.page.chunks()) yield chunk;
    yield Buffer.from(rest);
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
    const gzip = createGzip({ level: 1 });
    const done = gzip.toArray();
    try {
      for await (const chunk of this.plain()) {
        if (gzip.write(chunk)) continue;
        await new Promise<void>((resolve) => gzip.once('drain', resolve));
      }
      gzip.end();
    } catch (error) {
      gzip.destroy();
      await done.catch(() => undefined);
      throw error;
    }
    return Buffer.concat(await done);
  }
}
