// Images as OCI layouts, made from entries of layers.
import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { hostPlatform } from '../../../agent/images/manifest.js';
import { dir, type Entry, file, link, tarOf } from './tar-writer.js';

export interface LayerOptions {
  readonly entries: readonly Entry[];
  readonly compress?: (archive: Buffer) => Buffer;
  readonly mediaType?: string;
  /** What the configuration says instead of the truth. */
  readonly diffId?: string;
  /** What the manifest says instead of the truth. */
  readonly size?: number;
}

export interface ImageOptions {
  readonly layers: readonly LayerOptions[];
  readonly config?: Readonly<Record<string, unknown>>;
  readonly platform?: { readonly os: string; readonly architecture: string };
  /** Changes blobs once everything is named by its digest. */
  readonly spoil?: (
    blobs: string,
    digests: { readonly config: string; readonly layers: readonly string[] },
  ) => Promise<void>;
}

export interface Made {
  readonly digest: string;
  readonly layers: readonly string[];
}

export const sha256 = (bytes: Buffer | string): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

/** Writes the layout; with one image of tag `latest`. */
export async function writeLayout(directory: string, options: ImageOptions): Promise<Made> {
  const blobs = join(directory, 'blobs', 'sha256');
  await mkdir(blobs, { recursive: true });
  const put = async (bytes: Buffer): Promise<string> => {
    const digest = sha256(bytes);
    await writeFile(join(blobs, digest.slice(7)), bytes);
    return digest;
  };
  const platform = options.platform ?? hostPlatform();
  const layers: { mediaType: string; digest: string; size: number }[] = [];
  const diffIds: string[] = [];
  for (const { entries, compress = gzipSync, mediaType, diffId, size } of options.layers) {
    const archive = tarOf(entries);
    const bytes = compress(archive);
    layers.push({
      mediaType: mediaType ?? 'application/vnd.oci.image.layer.v1.tar+gzip',
      ...{ digest: await put(bytes), size: size ?? bytes.length },
    });
    diffIds.push(diffId ?? sha256(archive));
  }
  const config = Buffer.from(
    JSON.stringify({ ...platform, config: options.config ?? {}, rootfs: { type: 'layers', diff_ids: diffIds } }),
  );
  const configDigest = await put(config);
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: configDigest, size: config.length },
      layers,
    }),
  );
  const digest = await put(manifest);
  await writeFile(join(directory, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  await writeFile(
    join(directory, 'index.json'),
    JSON.stringify({
      schemaVersion: 2,
      manifests: [
        {
          mediaType: 'application/vnd.oci.image.manifest.v1+json',
          ...{ digest, size: manifest.length, platform },
          annotations: { 'org.opencontainers.image.ref.name': 'latest' },
        },
      ],
    }),
  );
  const made = { config: configDigest, layers: layers.map((layer) => layer.digest) };
  await options.spoil?.(blobs, made);
  return { digest, layers: made.layers };
}

/** A layer with a shell and what it is called by. */
export async function busyboxLayer(more: readonly Entry[] = []): Promise<LayerOptions> {
  const busybox = await readFile('/bin/busybox');
  return {
    entries: [
      ...['bin', 'etc', 'tmp'].map((name) => dir(name, name === 'tmp' ? { mode: 0o1777 } : {})),
      file('bin/busybox', busybox, { mode: 0o755 }),
      ...['sh', 'cat', 'echo', 'id', 'ls', 'sleep', 'env', 'pwd', 'rm', 'touch', 'stat', 'kill', 'httpd'].map((name) =>
        link(`bin/${name}`, 'busybox'),
      ),
      ...more,
    ],
  };
}
