// The documents of an image (OCI image specification, and those of docker, which have the same fields): index, manifest and
// configuration. Pure; everything in them was written by others.
import { createHash } from 'node:crypto';
import * as z from 'zod';
import type { ImageConfig } from '../model/image.js';
import { DIGEST_PATTERN } from '../model/image-reference.js';
import { invalidImage } from './problems.js';

/** Overlayfs names its layers in a page (MOST_OPTIONS of root.ts); docker has the same bound. */
export const MOST_LAYERS = 127;
/** Of what is kept of a configuration, in memory and on disk, for as long as the image is here. */
const MOST_KEPT = 128 << 10;
/** Of one document. */
export const MOST_DOCUMENT = 4 << 20;

const digest = z.string().regex(DIGEST_PATTERN);
const descriptor = z.looseObject({ digest, size: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER) });
const text = z.string().max(65_536);
const texts = z.array(text).max(1024);

const index = z.looseObject({
  manifests: z
    .array(descriptor.extend({ platform: z.looseObject({ architecture: text, os: text }).nullish() }))
    .max(1024),
});

const manifest = z.looseObject({
  schemaVersion: z.literal(2),
  config: descriptor,
  layers: z.array(descriptor).min(1).max(MOST_LAYERS),
});

const config = z.looseObject({
  architecture: text,
  os: text,
  rootfs: z.looseObject({ diff_ids: z.array(digest).min(1).max(MOST_LAYERS) }),
  config: z
    .looseObject({
      Env: texts.nullish(),
      Entrypoint: texts.nullish(),
      Cmd: texts.nullish(),
      User: text.nullish(),
      WorkingDir: text.nullish(),
      StopSignal: text.nullish(),
      ExposedPorts: z.record(text, z.unknown()).nullish(),
    })
    .nullish(),
});

export type Descriptor = Pick<z.output<typeof descriptor>, 'digest' | 'size'>;
export type Manifest = Pick<z.output<typeof manifest>, 'config' | 'layers'>;

/** Of the layers, from the bottom. */
export interface ConfigDocument {
  readonly diffIds: readonly string[];
  readonly image: ImageConfig;
}

/** As images name it. */
export interface Platform {
  readonly os: 'linux';
  readonly architecture: string;
}

const ARCHITECTURES: Readonly<Partial<Record<string, string>>> = { x64: 'amd64', ia32: '386', arm64: 'arm64' };

export function hostPlatform(arch: string = process.arch): Platform {
  return { os: 'linux', architecture: ARCHITECTURES[arch] ?? arch };
}

/** A manifest, or the digest of the manifest of this platform in an index. Throws `image_invalid`. */
export function readManifest(raw: string, name: string, platform: Platform): Manifest | { readonly digest: string } {
  const json = parse(raw, name);
  const list = index.safeParse(json);
  if (!list.success) return accept(manifest.safeParse(json), name, 'its manifest');
  const { manifests } = list.data;
  const found = manifests.find((one) => isOf(one.platform ?? undefined, platform));
  if (found !== undefined) return { digest: found.digest };
  throw platformMissing(name, platform, [...new Set(manifests.flatMap((one) => one.platform ?? []).map(platformText))]);
}

/** Of a layout of one image. Throws `image_invalid`. */
export function onlyManifest(raw: string, name: string): string {
  const { manifests } = accept(index.safeParse(parse(raw, name)), name, 'its layout');
  const [only] = manifests;
  if (only !== undefined && manifests.length === 1) return only.digest;
  throw invalidImage(name, `its layout has ${manifests.length} images`);
}

/** Throws `image_invalid`. */
export function readConfig(raw: string, name: string, { layers }: Manifest, platform: Platform): ConfigDocument {
  const { config: said, rootfs, ...of } = accept(config.safeParse(parse(raw, name)), name, 'its configuration');
  if (!isOf(of, platform)) throw platformMissing(name, platform, [platformText(of)]);
  if (rootfs.diff_ids.length !== layers.length)
    throw invalidImage(name, `its configuration has ${rootfs.diff_ids.length} layers, its manifest ${layers.length}`);
  const image = {
    env: said?.Env ?? [],
    entrypoint: said?.Entrypoint ?? [],
    command: said?.Cmd ?? [],
    user: said?.User ?? '',
    workingDirectory: said?.WorkingDir ?? '',
    stopSignal: said?.StopSignal ?? '',
    exposedPorts: Object.keys(said?.ExposedPorts ?? {}).slice(0, 1024),
  };
  const bytes = JSON.stringify(image).length;
  if (bytes > MOST_KEPT)
    throw invalidImage(name, `its environment, command and ports have ${bytes} bytes, and ${MOST_KEPT} are taken`);
  return { diffIds: rootfs.diff_ids, image };
}

/** One for each layer, from the bottom: it stands for the layer on top of all those below it. */
export function chainIds(diffIds: readonly string[]): string[] {
  const ids: string[] = [];
  for (const diffId of diffIds) {
    const below = ids.at(-1);
    ids.push(below === undefined ? diffId : digestOf(`${below} ${diffId}`));
  }
  return ids;
}

export function digestOf(content: string | Buffer): string {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`;
}

function parse(raw: string, name: string): unknown {
  try {
    return JSON.parse(raw);
  } catch {
    throw invalidImage(name, 'one of its documents is not JSON');
  }
}

function accept<T>(result: z.ZodSafeParseResult<T>, name: string, what: string): T {
  if (result.success) return result.data;
  const [first] = result.error.issues;
  throw invalidImage(name, `${what} cannot be used: ${first?.path.join('.') ?? ''}: ${first?.message ?? ''}`);
}

type Said = { readonly architecture: string; readonly os: string };

function isOf(said: Said | undefined, { os, architecture }: Platform): boolean {
  return said?.os === os && said.architecture === architecture;
}

function platformText({ os, architecture }: Said): string {
  return `${os}/${architecture}`;
}

function platformMissing(name: string, platform: Platform, has: readonly string[]): Error {
  return invalidImage(
    name,
    `it is not made for ${platformText(platform)}, but for ${has.slice(0, 8).join(', ') || 'nothing that it names'}`,
  );
}
