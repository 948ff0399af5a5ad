import { existsSync } from 'node:fs';
import { chmod, copyFile, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { dependencies } from '../../agent/drivers/guest/modules.js';
import { cacheRoot, once } from './cache.js';
import { LabError } from './errors.js';
import { contentHash, guestInit, guestRecipe, loadOrder } from './guest-recipe.js';
import { ensurePackages } from './prerequisites.js';
import { run } from './process.js';
import { type Progress, stderrProgress } from './progress.js';

export interface GuestAssets {
  readonly kernel: string;
  readonly initrd: string;
}

export interface GuestOptions {
  readonly signal?: AbortSignal | undefined;
  readonly progress?: Progress | undefined;
}

/**
 * A kernel and an initrd for microVM tests, on this machine. The guest takes its address from the kernel
 * argument `ip=ADDRESS::GATEWAY:MASK::eth0:off`, answers http on port 80 with "hello from guest", and prints
 * `berth-guest ready` on its console. Built once from Debian packages; the lab image is not needed.
 */
export async function guestAssets(options: GuestOptions = {}): Promise<GuestAssets> {
  const recipe = guestRecipe();
  const hash = contentHash({ recipe, init: guestInit(recipe.modules) });
  const target = join(cacheRoot(), `guest-${hash}`);
  const assets = { kernel: join(target, 'vmlinuz'), initrd: join(target, 'initrd.cpio.gz') };
  const progress = options.progress ?? stderrProgress();
  await once(
    target,
    () => existsSync(assets.initrd),
    (temporary) => build(temporary, options.signal, progress),
    {
      signal: options.signal,
    },
  );
  return assets;
}

/**
 * A kernel in the tree of its package, as `dpkg-deb -x` makes it: for guests whose initrd berth makes of its modules. Path of the
 * kernel. Built once from Debian's package.
 */
export async function guestKernelTree(options: GuestOptions = {}): Promise<string> {
  const { suite, packages } = guestRecipe();
  const target = join(cacheRoot(), `guest-tree-${contentHash({ version: 1, suite, packages })}`);
  const progress = options.progress ?? stderrProgress();
  const { signal } = options;
  await once(
    target,
    () => existsSync(join(target, 'boot')),
    async (temporary) => {
      requireRoot();
      await ensurePackages(['mmdebstrap', 'xz-utils'], { why: 'to unpack the kernel of microVM tests', signal });
      await mkdir(temporary, { recursive: true });
      await unpackPackages(join(temporary, 'tree'), signal, progress);
      for (const directory of ['boot', 'usr'])
        await rename(join(temporary, 'tree', directory), join(temporary, directory));
      await rm(join(temporary, 'tree'), { recursive: true });
    },
    { signal },
  );
  const kernel = (await readdir(join(target, 'boot'))).find((name) => name.startsWith('vmlinuz-'));
  return join(target, 'boot', kernel ?? 'vmlinuz');
}

/** Kernel arguments of a guest; under TCG see `tcgGuestArguments`. Each console byte costs a nested guest an exit. */
export function guestArguments(lease: { address: string; gateway: string; mask: string }): string {
  return `console=ttyS0 quiet reboot=t panic=-1 ip=${lease.address}::${lease.gateway}:${lease.mask}::eth0:off`;
}

/**
 * More kernel arguments for a guest under TCG on a microvm machine: its only other clock is the PIT, calibrating
 * the TSC against it fails now and then on a busy host, and the kernel then hangs for good. TCG passes the
 * host's TSC through, so the host's frequency is the guest's.
 */
export async function tcgGuestArguments(): Promise<string> {
  const cpuinfo = await readFile('/proc/cpuinfo', 'utf8');
  const mhz = Number(/^cpu MHz\s*:\s*([\d.]+)/m.exec(cpuinfo)?.[1] ?? '2000');
  return `tsc_early_khz=${Math.round(mhz * 1000)}`;
}

async function build(temporary: string, signal: AbortSignal | undefined, progress: Progress): Promise<void> {
  requireRoot();
  const why = 'to build the kernel and initrd of microVM tests';
  await ensurePackages(['mmdebstrap', 'cpio', 'gzip', 'xz-utils'], { why, signal });
  const tree = join(temporary, 'tree');
  await mkdir(temporary, { recursive: true });
  await unpackPackages(tree, signal, progress);
  await progress.step('guest: make the initrd', async () => {
    const boot = await readdir(join(tree, 'boot'));
    const kernel = boot.find((name) => name.startsWith('vmlinuz-'));
    if (kernel === undefined) throw new LabError('lab_build_failed', `no kernel in ${tree}/boot: ${boot.join(' ')}`);
    await copyFile(join(tree, 'boot', kernel), join(temporary, 'vmlinuz'));
    const root = join(temporary, 'initrd');
    await fillInitrd(root, tree, join(tree, 'usr/lib/modules', kernel.slice('vmlinuz-'.length)));
    await run('sh', ['-c', `find . | sort | cpio -o -H newc -R 0:0 --quiet | gzip -n > ../initrd.cpio.gz`], {
      cwd: root,
      signal,
    });
  });
  await rm(tree, { recursive: true });
  await rm(join(temporary, 'initrd'), { recursive: true });
}

function requireRoot(): void {
  if (process.getuid?.() === 0) return;
  throw new LabError('lab_needs_root', 'the microVM guest is built as root: mmdebstrap unpacks Debian packages', {
    hint: 'run it once as root (npm run lab -- build); a cache that is already built needs no root',
  });
}

async function unpackPackages(tree: string, signal: AbortSignal | undefined, progress: Progress): Promise<void> {
  const recipe = guestRecipe();
  await progress.step('guest: download and unpack the kernel and busybox', (alive) =>
    run(
      'mmdebstrap',
      [
        ...['--mode=root', '--variant=extract', '--format=directory', '--aptopt=Acquire::Languages "none"'],
        ...[`--include=${recipe.packages.join(',')}`, recipe.suite, tree],
      ],
      { signal, onLine: alive },
    ),
  );
}

async function fillInitrd(root: string, tree: string, modulesDirectory: string): Promise<void> {
  const recipe = guestRecipe();
  for (const folder of ['bin', 'dev', 'proc', 'sys', 'tmp', 'modules', 'www']) {
    await mkdir(join(root, folder), { recursive: true });
  }
  await copyFile(join(tree, 'usr/bin/busybox'), join(root, 'bin/busybox'));
  await chmod(join(root, 'bin/busybox'), 0o755);

  const files = await readdir(modulesDirectory, { recursive: true });
  const unpacked = new Map<string, Buffer>();
  const unpack = async (name: string): Promise<void> => {
    if (unpacked.has(name)) return;
    const file = files.find((path) => path.endsWith(`/${name}.ko.xz`) || path.endsWith(`/${name}.ko`));
    if (file === undefined) throw new LabError('lab_build_failed', `no module ${name} in ${modulesDirectory}`);
    const target = join(root, 'modules', `${name}.ko`);
    const source = join(modulesDirectory, file);
    if (file.endsWith('.xz')) await run('sh', ['-c', 'exec xz -dc "$1" > "$2"', 'sh', source, target]);
    else await copyFile(source, target);
    const content = await readFile(target);
    unpacked.set(name, content);
    for (const needed of dependencies(content)) await unpack(needed);
  };
  for (const name of recipe.modules) await unpack(name);
  const order = loadOrder(recipe.modules, (name) => dependencies(unpacked.get(name) ?? new Uint8Array()));

  await writeFile(join(root, 'init'), guestInit(order), { mode: 0o755 });
  for (const [path, text] of Object.entries(recipe.files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text);
  }
}
