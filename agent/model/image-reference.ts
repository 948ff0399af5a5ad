// The name of an OCI image: where it comes from, and which one. Pure.

/** An image of a registry. */
export interface RegistryImage {
  readonly transport: 'docker';
  /** `docker.io`, `localhost:5000`. */
  readonly registry: string;
  /** `library/debian`. */
  readonly repository: string;
  /** Of an image without a digest. */
  readonly tag?: string;
  /** `sha256:...` of the manifest, or of the index, that the registry must have. */
  readonly digest?: string;
}

/** An image in files of the host. */
export interface LocalImage {
  readonly transport: 'oci' | 'oci-archive' | 'docker-archive';
  /** A directory for `oci`, a file for the others. */
  readonly path: string;
  /** Which image of several. */
  readonly tag?: string;
  readonly digest?: string;
}

export type ImageReference = RegistryImage | LocalImage;

export const MOST_IMAGE_NAME = 1024;
export const DIGEST_PATTERN = /^sha256:[0-9a-f]{64}$/;

/** A host, with or without a port from 1 to 65535. */
export const REGISTRY_PATTERN =
  /^(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(?::(?:[1-9]\d{0,3}|[1-5]\d{4}|6[0-4]\d{3}|65[0-4]\d\d|655[0-2]\d|6553[0-5]))?$/;
const COMPONENT = /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*$/;
const TAG = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;
/** A tag in an archive of docker is a whole name. */
const LOCAL_TAG = /^[A-Za-z0-9_][A-Za-z0-9_.:/-]{0,255}$/;
const LOCAL = /^(oci|oci-archive|docker-archive):(\/[^:\0]*)(?::(.*))?$/s;

/** Undefined for anything that is no name of an image. */
export function parseImage(text: string): ImageReference | undefined {
  if (text.length > MOST_IMAGE_NAME) return undefined;
  const [, name = text, digest] = /^(.*)@(sha256:.*)$/s.exec(text) ?? [];
  if (digest !== undefined && !DIGEST_PATTERN.test(digest)) return undefined;
  const pin = digest === undefined ? {} : { digest };
  if (name.startsWith('docker://')) return parseRegistry(name.slice('docker://'.length), pin);
  const [, transport, path, tag] = LOCAL.exec(name) ?? [];
  if (transport === undefined || path === undefined || path === '/') return undefined;
  if (tag !== undefined && !LOCAL_TAG.test(tag)) return undefined;
  return { transport: transport as LocalImage['transport'], path, ...(tag === undefined ? {} : { tag }), ...pin };
}

/** One text for one image: registry, repository and tag written out. A digest says more than a tag, which is left out. */
export function imageName(image: ImageReference): string {
  const pin = image.digest === undefined ? '' : `@${image.digest}`;
  if (image.transport !== 'docker') {
    return `${image.transport}:${image.path}${image.tag === undefined ? '' : `:${image.tag}`}${pin}`;
  }
  const { registry, repository, tag } = image;
  return `docker://${registry}/${repository}${pin === '' ? `:${tag ?? 'latest'}` : pin}`;
}

/** As people write it at a command line: `debian:13` is of Docker Hub; a name with a transport stays as it is. */
export function imageFromShortName(text: string): string {
  return /^(?:docker:\/\/|oci:|oci-archive:|docker-archive:)/.test(text) ? text : `docker://${text}`;
}

function parseRegistry(text: string, pin: { digest?: string }): RegistryImage | undefined {
  const parts = text.split('/');
  const [first = ''] = parts;
  // As docker does: a first part with a dot or a port is a host.
  const hasHost = parts.length > 1 && (/[.:]/.test(first) || first === 'localhost');
  const registry = hasHost ? first : 'docker.io';
  const rest = (hasHost ? parts.slice(1) : parts).join('/');
  const [, path = rest, tag] = /^(.*?):([^/]*)$/.exec(rest) ?? [];
  if (!REGISTRY_PATTERN.test(registry) || (tag !== undefined && !TAG.test(tag))) return undefined;
  if (path.length > 255 || !path.split('/').every((part) => COMPONENT.test(part))) return undefined;
  const repository = registry === 'docker.io' && !path.includes('/') ? `library/${path}` : path;
  if (pin.digest !== undefined) return { transport: 'docker', registry, repository, ...pin };
  return { transport: 'docker', registry, repository, tag: tag ?? 'latest' };
}

/** Host of the registry that has it; undefined: it is a file or a directory of this host. */
export function registryOf(image: ImageReference): string | undefined {
  return image.transport === 'docker' ? image.registry : undefined;
}
