// The initrd of every guest with an image: busybox, the scripts of `scripts.ts` and the modules of its kernel. Made once for each
// kernel and each busybox, and shared.
import { createHash, randomUUID } from 'node:crypto';
import { chmod, readdir, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { readPlain } from '../../../linux/plain-file.js';
import { BerthError } from '../../../protocol/errors.js';
import { removeTemporary } from '../../base/durable.js';
import { orAbort } from '../../base/or-abort.js';
import { SerialByKey } from '../../base/serial.js';
import type { DriverContext } from '../driver.js';
import { requireBinary } from '../files.js';
import { makeDirectory, writeWithMode } from '../modes.js';
import { type ArchiveEntry, archiveOf, directory, file } from './cpio.js';
import { kernelRelease } from './kernel-release.js';
import { type KernelModule, modulesDirectory, modulesOf } from './modules.js';
import { CONTROL, END, INIT, INITTAB, RUN, SETTINGS } from './scripts.js';

const SCRIPTS: readonly (readonly [path: string, text: string])[] = [
  ['init', INIT],
  ['run', RUN],
  ['control', CONTROL],
  ['end', END],
];
const DIRECTORIES = ['bin', 'dev', 'etc', 'lower', 'modules', 'proc', 'root', 'sys', 'top', SETTINGS.slice(1)];
const PT_INTERP = 3;
const FOR_ALL = 0o644;
/** Debian's has 2 MiB. */
const MOST_BUSYBOX = 32 << 20;

/** Throws `binary_missing`: there is none, or one that needs the libraries of the host. */
export async function requireStaticBusybox(which: DriverContext['which']): Promise<string> {
  const why = 'is what a microVM runs before its image (package busybox-static)';
  const path = requireBinary('busybox', which, why);
  if (!needsLibraries(await readPlain(path, MOST_BUSYBOX))) return path;
  throw new BerthError('binary_missing', `${path} needs libraries of the host, and a microVM has none of them`, {
    hint: 'Install the package busybox-static.',
    data: { binary: 'busybox' },
  });
}

/** All of them, in one directory. */
export class GuestInitrds {
  readonly #directory: string;
  /** By path. */
  readonly #turns = new SerialByKey();
  #swept: Promise<void> | undefined;
  /** Of the last kernel, which is that of most guests. */
  #release: { readonly identity: string; readonly release: string | undefined } | undefined;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Path of the one for `kernel`. Made where it is not there. */
  async of(kernel: string, { which, signal }: Pick<DriverContext, 'which' | 'signal'>): Promise<string> {
    this.#swept ??= this.#sweep();
    await this.#swept;
    const busybox = await requireStaticBusybox(which);
    const release = await this.#releaseOf(kernel);
    const modules = release === undefined ? undefined : await modulesDirectory(kernel, release);
    const parts = [await identityOf(kernel), await identityOf(busybox), modules, SCRIPTS, INITTAB];
    const name = createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 32);
    const path = join(this.#directory, `${name}.cpio`);
    const work = this.#turns.run(path, () => this.#provide(path, { busybox, modules, which }));
    await (signal === undefined ? work : orAbort(work, signal));
    return path;
  }

  /** A vmlinux is read to its end for it. */
  async #releaseOf(kernel: string): Promise<string | undefined> {
    const identity = JSON.stringify(await identityOf(kernel));
    const release = this.#release?.identity === identity ? this.#release.release : await kernelRelease(kernel);
    this.#release = { identity, release };
    return release;
  }

  async #provide(path: string, { busybox, modules, which }: Parts): Promise<void> {
    if (await isForAll(path)) return;
    const entries = entriesOf(
      await readPlain(busybox, MOST_BUSYBOX),
      modules === undefined ? [] : await modulesOf(modules, which),
    );
    await makeDirectory(this.#directory, 0o755);
    const temporary = `${path}.${randomUUID()}.tmp`;
    await writeWithMode(temporary, archiveOf(entries), FOR_ALL);
    await rename(temporary, path);
  }

  /** What an agent that was killed had not made to its end. Nothing is made before. */
  async #sweep(): Promise<void> {
    const names = await readdir(this.#directory).catch(() => []);
    for (const name of names.filter((one) => one.endsWith('.tmp'))) await removeTemporary(join(this.#directory, name));
  }
}

interface Parts extends Pick<DriverContext, 'which'> {
  readonly busybox: string;
  /** Directory; undefined: the kernel has none. */
  readonly modules: string | undefined;
}

function entriesOf(busybox: Uint8Array, modules: readonly KernelModule[]): ArchiveEntry[] {
  return [
    ...DIRECTORIES.map((path) => directory(path)),
    file('bin/busybox', busybox, 0o755),
    ...SCRIPTS.map(([path, text]) => file(path, text, 0o755)),
    file('etc/inittab', INITTAB),
    file('modules/order', modules.map(({ name }) => `${name}\n`).join('')),
    ...modules.map(({ name, content }) => file(`modules/${name}.ko`, content)),
  ];
}

/** Whether an ELF file of 64 bits names a program that loads its libraries (elf(5)). */
export function needsLibraries(program: Buffer): boolean {
  const isElf64 = program.length > 64 && program.readUInt32BE(0) === 0x7f454c46 && program[4] === 2;
  if (!isElf64) return false;
  const [at, size, count] = [Number(program.readBigUInt64LE(32)), program.readUInt16LE(54), program.readUInt16LE(56)];
  return Array.from({ length: count }, (_, index) => at + index * size).some(
    (header) => header + 4 <= program.length && program.readUInt32LE(header) === PT_INTERP,
  );
}

async function identityOf(path: string): Promise<readonly (string | number)[]> {
  const { size, mtimeMs } = await stat(path);
  return [path, size, mtimeMs];
}

/** Whether it is there. One that an earlier agent made may be for root alone: Firecracker opens it as the user of its VM. */
function isForAll(path: string): Promise<boolean> {
  return chmod(path, FOR_ALL).then(
    () => true,
    () => false,
  );
}
