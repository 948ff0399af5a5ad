// The programs of others that berth can use, and where they are.
import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { delimiter, join } from 'node:path';

export const BINARIES = ['crun', 'runc', 'qemu-system-x86_64', 'firecracker', 'nft'] as const;

export type BinaryName = (typeof BINARIES)[number];

export interface Binary {
  readonly path: string;
  /** As it says itself; undefined when it would not say. */
  readonly version?: string;
}

export type Binaries = Readonly<Partial<Record<BinaryName, Binary>>>;

const VERSION_TIMEOUT_MS = 5000;

/** Looks along `path` (as $PATH) and asks each for its version, all at once. Never throws. */
export async function findBinaries(path: string): Promise<Binaries> {
  const found = await Promise.all(BINARIES.map(async (name) => [name, await findBinary(name, path)] as const));
  return Object.fromEntries(found.filter(([, binary]) => binary !== undefined));
}

/** Pure. The first version number in the first line, `crun version 1.21` -> `1.21`. */
export function parseVersion(output: string): string | undefined {
  return /\bv?(\d+\.\d+(?:\.\d+)?\S*)/.exec(output.split('\n')[0] ?? '')?.[1];
}

async function findBinary(name: string, path: string): Promise<Binary | undefined> {
  for (const dir of path.split(delimiter)) {
    const file = join(dir === '' ? '.' : dir, name);
    if (!(await isExecutable(file))) continue;
    const version = await askVersion(file);
    return version === undefined ? { path: file } : { path: file, version };
  }
  return undefined;
}

async function isExecutable(file: string): Promise<boolean> {
  return access(file, constants.X_OK).then(
    () => true,
    () => false,
  );
}

async function askVersion(file: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    execFile(file, ['--version'], { timeout: VERSION_TIMEOUT_MS, killSignal: 'SIGKILL' }, (error, stdout) => {
      resolve(error === null ? parseVersion(stdout) : undefined);
    });
  });
}
