// The part of the OCI runtime specification that berth reads and changes; everything else passes through untouched.
import { isAbsolute, join, resolve } from 'node:path';
import * as z from 'zod';
import { readPlain, whyUnreadable } from '../../../linux/plain-file.js';
import { BerthError } from '../../../protocol/errors.js';
import { JsonError, parseJson } from '../../base/json.js';
import { networkNamespace } from '../containment.js';
import { invalidField } from '../files.js';

const mount = z.looseObject({
  destination: z.string(),
  type: z.string().optional(),
  source: z.string().optional(),
  options: z.array(z.string()).optional(),
});

const namespace = z.looseObject({ type: z.string(), path: z.string().optional() });

const ociConfig = z.looseObject({
  ociVersion: z.string().regex(/^1\./, 'must be 1.x'),
  process: z.looseObject({
    args: z.array(z.string()).min(1),
    cwd: z.string().regex(/^\//, 'must be an absolute path'),
    env: z.array(z.string()).optional(),
    terminal: z.boolean().optional(),
  }),
  root: z.looseObject({ path: z.string().min(1), readonly: z.boolean().optional() }),
  mounts: z.array(mount).optional(),
  linux: z.looseObject({ namespaces: z.array(namespace).optional() }).optional(),
});

export type OciConfig = z.output<typeof ociConfig>;

/** With a thousand mounts it has a tenth of it. */
const MOST_BYTES = 4 << 20;

/** Reads BUNDLE/config.json. Throws `image_missing` when it is not there, `invalid_spec` for what is wrong in it. */
export async function readBundle(bundle: string): Promise<OciConfig> {
  const file = join(bundle, 'config.json');
  let text: string;
  try {
    text = (await readPlain(file, MOST_BYTES)).toString('utf8');
  } catch (error) {
    throw new BerthError('image_missing', `oci.bundle: ${file} cannot be read (${whyUnreadable(error)})`, {
      cause: error,
      data: { field: 'oci.bundle', path: file },
      hint: 'Name a directory with a config.json that is a regular file and that root can read.',
    });
  }
  let json: unknown;
  try {
    json = parseJson(text);
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    throw invalidField('oci.bundle', `${file}:${error.position}: ${error.message}`);
  }
  const result = ociConfig.safeParse(json);
  if (result.success) return result.data;
  const problems = result.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  throw invalidField('oci.bundle', `${file}: ${problems.join('; ')}`);
}

/** The root filesystem of a bundle, absolute. */
export function bundleRoot(config: OciConfig, bundle: string): string {
  return resolve(bundle, config.root.path);
}

/**
 * A bundle's configuration as berth runs it from another directory: relative paths made absolute, the network namespace
 * that of the sandbox (`netns`; null: the host's), and no terminal, because output goes to a file.
 */
export function adaptBundle(config: OciConfig, bundle: string, netns: string | null): OciConfig {
  const namespaces = config.linux?.namespaces ?? [];
  return {
    ...config,
    process: { ...config.process, terminal: false },
    root: { ...config.root, path: bundleRoot(config, bundle) },
    ...(config.mounts === undefined
      ? {}
      : { mounts: config.mounts.map((entry) => (isRelativeBind(entry) ? absoluteSource(entry, bundle) : entry)) }),
    linux: {
      ...config.linux,
      namespaces: [...namespaces.filter(({ type }) => type !== 'network'), ...networkNamespace(netns)],
    },
  };
}

type Mount = z.output<typeof mount>;

function isRelativeBind({ type, source, options }: Mount): boolean {
  const isBind = type === 'bind' || options?.includes('bind') || options?.includes('rbind');
  return isBind === true && source !== undefined && !isAbsolute(source);
}

function absoluteSource(entry: Mount, bundle: string): Mount {
  return { ...entry, source: resolve(bundle, entry.source ?? '') };
}
