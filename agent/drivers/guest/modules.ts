// The modules that a guest needs before it has a root filesystem, from the tree of its kernel.
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { readPlain } from '../../../linux/plain-file.js';
import { runProgram } from '../../../linux/run-program.js';
import { BerthError } from '../../../protocol/errors.js';
import type { DriverContext } from '../driver.js';
import { requireBinary } from '../files.js';

export interface KernelModule {
  readonly name: string;
  readonly content: Uint8Array;
}

/** Those that are built in have no file. Loaded in this order, each after what it depends on. */
const WANTED = [
  ...['virtio_mmio', 'virtio_pci', 'virtio_blk', 'virtio_net', 'virtio_console', 'virtio_balloon', 'virtio_rng'],
  ...['squashfs', 'overlay', 'af_packet', 'ipv6'],
];
/** Ten times the largest that a guest needs. */
const MOST_MODULE = 32 << 20;
const UNPACK_MS = 10_000;
const SUFFIX = /\.ko(?:\.(?:xz|zst|gz))?$/;

/** Where the modules of a kernel lie: beside /boot, in the tree that has the kernel. Undefined: nowhere. */
export async function modulesDirectory(kernel: string, release: string): Promise<string | undefined> {
  const root = dirname(dirname(kernel));
  for (const parent of ['lib/modules', 'usr/lib/modules']) {
    const directory = join(root, parent, release);
    if (await readdir(directory).catch(() => undefined)) return directory;
  }
  return undefined;
}

/** Throws `binary_missing` where nothing here uncompresses them, and `image_invalid`. */
export async function modulesOf(directory: string, which: DriverContext['which']): Promise<KernelModule[]> {
  const files = new Map<string, string>();
  for (const path of await readdir(directory, { recursive: true }))
    if (SUFFIX.test(path)) files.set(nameOf(path), join(directory, path));
  const temporary = await mkdtemp(join(tmpdir(), 'berth-modules-'));
  try {
    const found = new Map<string, KernelModule>();
    const take = async (name: string, trail: readonly string[]): Promise<void> => {
      const path = files.get(name);
      if (path === undefined || found.has(name) || trail.includes(name)) return;
      const content = await contentOf(path, join(temporary, 'module.ko'), which);
      for (const needed of dependencies(content)) await take(needed, [...trail, name]);
      found.set(name, { name, content });
    };
    for (const name of WANTED) await take(name, []);
    return [...found.values()];
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

/** The entry `depends=` of its section .modinfo, a list of strings that end with NUL. */
export function dependencies(module: Uint8Array): string[] {
  const text = Buffer.from(module.buffer, module.byteOffset, module.byteLength).toString('latin1');
  const value = /\0depends=([^\0]*)\0/.exec(text)?.[1] ?? '';
  return value
    .split(',')
    .filter((name) => name !== '')
    .map((name) => name.replaceAll('-', '_'));
}

function nameOf(path: string): string {
  return basename(path).replace(SUFFIX, '').replaceAll('-', '_');
}

/** Node has neither xz nor, before version 22, zstd. */
async function contentOf(path: string, into: string, which: DriverContext['which']): Promise<Uint8Array> {
  if (path.endsWith('.ko')) return readPlain(path, MOST_MODULE);
  if (path.endsWith('.gz')) return gunzipSync(await readPlain(path, MOST_MODULE), { maxOutputLength: MOST_MODULE });
  const name = path.endsWith('.xz') ? 'xz' : 'zstd';
  const program = requireBinary(
    name,
    which,
    `uncompresses modules of a kernel (package ${name === 'xz' ? 'xz-utils' : name})`,
  );
  const script = 'exec "$1" -dc -- "$2" >"$3"';
  const end = await runProgram('sh', ['-c', script, 'sh', program, path, into], { deadlineMs: UNPACK_MS });
  if (end.code === 0) return readPlain(into, MOST_MODULE);
  const problem = `the module ${path} cannot be uncompressed: ${end.stderr.trim().slice(0, 256)}`;
  throw new BerthError('image_invalid', problem, { data: { path } });
}
