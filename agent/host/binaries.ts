// The programs of others that berth can use, and where they are.

import { accessSync, constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { defined } from '../../linux/defined.js';
import { runProgram } from '../../linux/run-program.js';

export const BINARIES = ['crun', 'runc', 'qemu-system-x86_64', 'firecracker', 'nft'] as const;

export type BinaryName = (typeof BINARIES)[number];

export interface Binary {
  readonly path: string;
  /** As it says itself; undefined when it would not say. */
  readonly version?: string;
  /** Which file it was that said so: inode, size and time of its last change. */
  readonly file?: string;
}

export type Binaries = Readonly<Partial<Record<BinaryName, Binary>>>;

const VERSION_TIMEOUT_MS = 5000;

/**
 * Looks along `path` (as $PATH) and asks each for its version, all at once. What is in `known` and has not changed since is
 * not run again. Never throws.
 */
export async function findBinaries(path: string, known: Binaries = {}): Promise<Binaries> {
  const find = async (name: BinaryName) => [name, await findBinary(name, path, known[name])] as const;
  const found = await Promise.all(BINARIES.map(find));
  return Object.fromEntries(found.filter(([, binary]) => binary !== undefined));
}

/**
 * The same without starting anything: a program that is where it was keeps the version that it told, any other has none until
 * the agent starts again.
 */
export function locateBinaries(path: string, known: Binaries): Binaries {
  const found = BINARIES.flatMap((name) => {
    const file = path
      .split(delimiter)
      .map((directory) => join(directory === '' ? '.' : directory, name))
      .find((candidate) => existsExecutable(candidate));
    if (file === undefined) return [];
    return [[name, known[name]?.path === file ? known[name] : { path: file }] as const];
  });
  return Object.fromEntries(found);
}

function existsExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Pure. The first version number in the first line, `crun version 1.21` -> `1.21`. */
export function parseVersion(output: string): string | undefined {
  return /\bv?(\d+\.\d+(?:\.\d+)?\S*)/.exec(output.split('\n')[0] ?? '')?.[1];
}

async function findBinary(name: string, path: string, known: Binary | undefined): Promise<Binary | undefined> {
  for (const dir of path.split(delimiter)) {
    const place = join(dir === '' ? '.' : dir, name);
    if (!(await isExecutable(place))) continue;
    const file = await identify(place);
    if (known?.path === place && known.file === file) return known;
    const version = await askVersion(place);
    return { path: place, file, ...defined({ version }) };
  }
  return undefined;
}

async function identify(path: string): Promise<string> {
  return stat(path).then(
    ({ dev, ino, size, mtimeMs }) => [dev, ino, size, mtimeMs].join(),
    () => '',
  );
}

async function isExecutable(file: string): Promise<boolean> {
  return access(file, constants.X_OK).then(
    () => true,
    () => false,
  );
}

async function askVersion(file: string): Promise<string | undefined> {
  return runProgram(file, ['--version'], { deadlineMs: VERSION_TIMEOUT_MS }).then(
    ({ code, stdout }) => (code === 0 ? parseVersion(stdout) : undefined),
    () => undefined,
  );
}
