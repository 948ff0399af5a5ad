// The image of a workload that is to start. Asked for once and not awaited by the actor, as the permit to start: while it is fetched
// every other wish is heard.
import { machineOf } from '../model/driver-kinds.js';
import type { WorkloadRecord } from '../model/record.js';
import type { ImagePort } from './ports.js';

interface Wanted {
  readonly name: string;
  readonly policy: Parameters<ImagePort['check']>[1];
  readonly had: string | undefined;
  readonly disk: boolean;
}

export class WantedImage {
  readonly #images: ImagePort | undefined;
  readonly #onNews: () => void;
  #asked: AbortController | undefined;
  #answer: { readonly digest: string } | { readonly error: unknown } | undefined;

  /** `onNews`: the image is here, or will not come. */
  constructor(images: ImagePort | undefined, onNews: () => void) {
    this.#images = images;
    this.#onNews = onNews;
  }

  /** Its digest, when it is here; asks for it where that was not done. Throws why it will not come. */
  take({ id, spec, image }: Pick<WorkloadRecord, 'id' | 'spec' | 'image'>): string | undefined {
    const answer = this.#answer;
    if (answer !== undefined) {
      this.#answer = undefined;
      this.#asked = undefined;
      if ('error' in answer) throw answer.error;
      return answer.digest;
    }
    if (this.#asked === undefined && this.#images !== undefined && spec.image !== undefined)
      this.#ask(this.#images, id, {
        ...{
          name: spec.image,
          policy: spec.pull ?? 'missing',
          had: image?.digest,
          disk: machineOf(spec) !== undefined,
        },
      });
    return undefined;
  }

  /** Whether a record with an image needs no more of it. */
  isHere({ id, spec, image }: Pick<WorkloadRecord, 'id' | 'spec' | 'image'>): boolean {
    if (spec.image === undefined) return true;
    const root = image?.name === spec.image ? this.#images?.root(id, image.digest) : undefined;
    return root !== undefined && (machineOf(spec) === undefined || root.disk !== undefined);
  }

  /** It is not wanted any more. */
  leave(id: string): void {
    if (this.#asked === undefined) return;
    this.#asked.abort(new Error('the workload is not to start any more'));
    this.#asked = undefined;
    this.#answer = undefined;
    this.#images?.letGo(id);
  }

  #ask(images: ImagePort, id: string, { name, ...wanted }: Wanted): void {
    const asked = new AbortController();
    this.#asked = asked;
    const settle = (answer: { digest: string } | { error: unknown }): void => {
      if (asked.signal.aborted) return;
      this.#answer = answer;
      this.#onNews();
    };
    images.hold(id, name, { ...wanted, signal: asked.signal }).then(
      (digest) => settle({ digest }),
      (error: unknown) => settle({ error }),
    );
  }
}
