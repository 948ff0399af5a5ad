// The errors of this room.
import { BerthError } from '../../protocol/errors.js';
import { type ImageReference, registryOf } from '../model/image-reference.js';
import { type ImageHolder, MOST_IMAGE_HOLDERS } from '../model/image-view.js';

/** What an image holds breaks a rule; the image is not used and nothing of it is kept. */
export function invalidImage(name: string, problem: string): BerthError {
  return new BerthError('image_invalid', `the image ${name} cannot be used: ${problem}`, { data: { image: name } });
}

export function pullFailed(name: string, problem: string, cause?: unknown): BerthError {
  return new BerthError('image_pull_failed', `the image ${name} was not pulled: ${problem}`, {
    data: { image: name },
    ...(cause === undefined ? {} : { cause }),
  });
}

export function noImage(name: string): BerthError {
  return new BerthError('image_unknown', `this node has no image ${name}`, { data: { image: name } });
}

/** Link-local addresses and those of metadata services: what answers there trusts who asks from this host. */
const NO_REGISTRY =
  /^(?:169\.254\.|0\.|\[::\]|\[fe[89ab]|\[::ffff:a9fe:|\[fd00:ec2::254\]|metadata\.google\.internal\.?$)/;

/** `registries`: images.registries; empty: all that are no metadata service. Throws `not_permitted`. */
export function requireRegistry(image: ImageReference, registries: readonly string[]): void {
  const registry = registryOf(image);
  if (registry === undefined || registries.includes(registry)) return;
  if (registries.length === 0 && !NO_REGISTRY.test(hostOf(registry))) return;
  const add = `add "${registry}" to images.registries of this node`;
  throw new BerthError('not_permitted', `this node does not pull images from ${registry}`, {
    data: { registry, registries },
    hint:
      registries.length === 0 ? `Have the operator ${add}.` : `Name an image of ${registries.join(', ')}, or ${add}.`,
  });
}

/** In lower case; addresses as everybody writes them, whichever way they are written here. */
function hostOf(registry: string): string {
  return URL.canParse(`http://${registry}`) ? new URL(`http://${registry}`).hostname : registry.toLowerCase();
}

const MOST_NAMED = 10;

/** The sentence names the first, `data.users` more of them. */
export function imageInUse(name: string, users: readonly ImageHolder[]): BerthError {
  const named = users.slice(0, MOST_NAMED).map(({ workload }) => workload);
  const more = users.length > named.length ? ` and ${users.length - named.length} more` : '';
  return new BerthError('image_in_use', `the image ${name} is used by ${named.join(', ')}${more}`, {
    data: {
      image: name,
      users: users.slice(0, MOST_IMAGE_HOLDERS).map(({ workload, tenant }) => ({ workload, tenant })),
      count: users.length,
    },
  });
}
