// What sessions may ask of the images of this node: each answer is cut to what the session sees.
import { inRange } from '../base/pages.js';
import { actorField, type EventActor, type EventPort } from '../model/event.js';
import type {
  ImageFilter,
  ImageScope,
  ImageView,
  PruneRequest,
  PullRequest,
  PullView,
  RemovedImages,
} from '../model/image-view.js';
import type { Images } from './images.js';
import type { ImageUser } from './types.js';
import { namesOf, seenBy, viewOf } from './views.js';

export class ImageAdmin {
  readonly #images: Images;
  readonly #events: EventPort;

  constructor(images: Images, events: EventPort) {
    this.#images = images;
    this.#events = events;
  }

  /** By digest. */
  list({ tenants, ...range }: ImageFilter): readonly ImageView[] {
    const users = seenBy({ tenants }, this.#images.users());
    const of = new Map<string, ImageUser[]>();
    for (const user of users) {
      const others = of.get(user.digest ?? '');
      if (others === undefined) of.set(user.digest ?? '', [user]);
      else others.push(user);
    }
    const images = this.#images.list().filter(({ digest }) => tenants === null || of.has(digest));
    return inRange(images, ({ digest }) => digest, range).map((image) =>
      viewOf(image, this.#images.sizeOf(image), of.get(image.digest) ?? [], { tenants }),
    );
  }

  /** Pulls under way: all, or of images that workloads of these tenants name. */
  pulls(scope: ImageScope): readonly PullView[] {
    const own = namesOf(scope.tenants === null ? [] : seenBy(scope, this.#images.users()));
    return [...this.#images.progress()].flatMap(([image, progress]) =>
      scope.tenants === null || own.has(image) ? [{ image, ...progress }] : [],
    );
  }

  /** Throws what `Images.pull` does. */
  async pull(name: string, { policy, signal, by, tenants }: PullRequest): Promise<ImageView> {
    this.#images.check(name, policy);
    const canonical = this.#images.nameOf(name);
    this.#events.append({ type: 'image.requested', data: { image: canonical, pull: policy }, ...actorField(by) });
    const image = await this.#images.pull(name, { policy, signal });
    const users = seenBy({ tenants }, this.#images.users());
    return viewOf(image, this.#images.sizeOf(image), users, { tenants }, canonical);
  }

  delete(image: string, by: EventActor | undefined): Promise<RemovedImages> {
    return this.#images.delete(image, by);
  }

  /** A session with scopes is told how much was freed, and not which images others have had. */
  async prune({ unusedFor, dryRun, by, tenants }: PruneRequest): Promise<RemovedImages> {
    const { images, freed } = dryRun ? this.#wouldPrune(unusedFor) : await this.#images.prune(unusedFor, by);
    return { images: tenants === null ? images : [], freed };
  }

  #wouldPrune(unusedFor: number): RemovedImages {
    const idle = this.#images.idle(unusedFor);
    const images = idle.map(({ digest, names }) => ({ digest, names }));
    return { images, freed: this.#images.bytesOfOnly(new Set(idle.map(({ digest }) => digest))) };
  }
}
