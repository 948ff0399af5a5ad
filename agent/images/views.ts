// Images as the protocol tells them. A session with scopes sees an image when a workload of its tenants has it, with the names by
// which its workloads have it: other names of the same image are of others.
import { imageName, parseImage } from '../model/image-reference.js';
import { type ImageHolder, type ImageScope, type ImageView, MOST_IMAGE_HOLDERS } from '../model/image-view.js';
import type { ImageSize, ImageUser, StoredImage } from './types.js';

/** The users that a session may be told. */
export function seenBy({ tenants }: ImageScope, users: readonly ImageUser[]): readonly ImageUser[] {
  return tenants === null ? users : users.filter(({ tenant }) => tenants.has(tenant));
}

/** `asked`: a name that the session has used itself. `users`: those that it may be told. */
export function viewOf(
  { digest, names, pulledAt, usedAt }: StoredImage,
  size: ImageSize,
  users: readonly ImageUser[],
  { tenants }: ImageScope,
  asked?: string,
): ImageView {
  const mine = users.filter((user) => user.digest === digest);
  const own = new Set([...namesOf(mine), asked]);
  const holders = new Map(mine.map(({ workload, tenant }) => [workload, { workload, tenant } satisfies ImageHolder]));
  const all = [...holders.values()].sort((a, b) => (a.workload < b.workload ? -1 : 1));
  const usedBy = all.slice(0, MOST_IMAGE_HOLDERS);
  return {
    digest,
    names: (tenants === null ? [...names] : names.filter((name) => own.has(name))).sort(),
    ...{ fetched: size.blobs, unpacked: size.layers, pulledAt, usedAt, usedBy },
    ...(all.length > usedBy.length ? { moreUsers: all.length - usedBy.length } : {}),
  };
}

/** Canonical names that the specifications of these workloads have. */
export function namesOf(users: readonly ImageUser[]): ReadonlySet<string> {
  return new Set(
    users.flatMap(({ image }) => {
      const parsed = image === undefined ? undefined : parseImage(image);
      return parsed === undefined ? [] : [imageName(parsed)];
    }),
  );
}
