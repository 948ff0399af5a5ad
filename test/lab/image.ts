import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, copyFile, mkdir, readdir, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { cacheRoot, once } from './cache.js';
import { LabError } from './errors.js';
import { guestAssets } from './guest.js';
import { contentHash, guestInit, guestRecipe } from './guest-recipe.js';
import { type ImageFile, type ImageRecipe, imageRecipe } from './image-recipe.js';
import { ensurePackages } from './prerequisites.js';
import { run } from './process.js';
import { type Progress, stderrProgress } from './progress.js';

export interface Image {
  readonly directory: string;
  readonly base: string;
  readonly kernel: string;
  readonly initrd: string;
  readonly key: string;
}

export interface ImageOptions {
  readonly signal?: AbortSignal | undefined;
  readonly progress?: Progress | undefined;
}

/** Where the image of today's recipe is, or will be. */
export function imagePaths(root: string = cacheRoot()): Image {
  const guest = guestRecipe();
  const hash = contentHash({ image: imageRecipe(), guest, init: guestInit(guest.modules) });
  const directory = join(root, hash);
  return {
    directory,
    base: join(directory, 'base.qcow2'),
    kernel: join(directory, 'vmlinuz'),
    initrd: join(directory, 'initrd.img'),
    key: join(directory, 'id_ed25519'),
  };
}

/** The lab's disk, kernel and key; built when this recipe was never built here (one to three minutes). */
export async function buildImage(options: ImageOptions = {}): Promise<Image> {
  const image = imagePaths();
  const progress = options.progress ?? stderrProgress();
  await once(
    image.directory,
    () => existsSync(image.base),
    (temporary) => build(temporary, options.signal, progress),
    {
      signal: options.signal,
      onWait: (pid) => process.stderr.write(`lab: waiting for process ${pid}, which builds the image\n`),
    },
  );
  return image;
}

async function build(temporary: string, signal: AbortSignal | undefined, progress: Progress): Promise<void> {
  if (process.getuid?.() !== 0) {
    throw new LabError('lab_needs_root', 'the lab image is built as root: mmdebstrap installs packages in a chroot', {
      hint: 'run it once as root (npm run lab -- build); a cache that is already built needs no root',
    });
  }
  await ensurePackages(['mmdebstrap', 'e2fsprogs', 'qemu-utils', 'openssh-client'], {
    why: 'to build the lab image',
    signal,
  });
  const recipe = imageRecipe();
  const tree = join(temporary, 'tree');
  const early = join(temporary, 'early');
  await mkdir(temporary, { recursive: true });
  for (const file of recipe.earlyFiles) await writeInto(early, file);
  const guest = await guestAssets({ signal, progress });

  await progress.step(`image: install ${recipe.packages.length} packages of Debian ${recipe.suite}`, (alive) =>
    run('mmdebstrap', bootstrapArguments(recipe, early, tree), { signal, onLine: alive }),
  );
  await progress.step('image: configure the host', async () => {
    await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'berth-lab', '-f', join(temporary, 'id_ed25519')]);
    await configure(tree, recipe, await readFile(join(temporary, 'id_ed25519.pub'), 'utf8'));
    await mkdir(join(tree, 'usr/share/berth-lab'), { recursive: true });
    await copyFile(guest.kernel, join(tree, 'usr/share/berth-lab/vmlinuz'));
    await copyFile(guest.initrd, join(tree, 'usr/share/berth-lab/initrd.cpio.gz'));
    await copyFile(await oneFile(join(tree, 'boot'), 'vmlinuz-'), join(temporary, 'vmlinuz'));
    await copyFile(await oneFile(join(tree, 'boot'), 'initrd.img-'), join(temporary, 'initrd.img'));
  });
  await progress.step('image: make the disk', async () => {
    const raw = join(temporary, 'disk.raw');
    await writeFile(raw, '');
    await truncate(raw, recipe.diskGiB * 2 ** 30);
    await run('mkfs.ext4', ['-q', '-F', '-L', 'berth-lab', '-E', 'lazy_itable_init=1', '-d', tree, raw], { signal });
    await run('qemu-img', ['convert', '-f', 'raw', '-O', 'qcow2', raw, join(temporary, 'base.qcow2')], { signal });
    await rm(raw);
    await rm(tree, { recursive: true });
    await rm(early, { recursive: true });
  });
}

/** Pure: suite only, no mirror: mmdebstrap then takes the default one, or what the machine's apt is told to use. */
export function bootstrapArguments(recipe: ImageRecipe, early: string, tree: string): string[] {
  return [
    ...['--mode=root', '--variant=minbase', '--format=directory'],
    ...recipe.aptOptions.map((option) => `--aptopt=${option}`),
    ...recipe.dpkgOptions.map((option) => `--dpkgopt=${option}`),
    `--essential-hook=sync-in ${early} /`,
    `--include=${recipe.packages.join(',')}`,
    ...[recipe.suite, tree],
  ];
}

async function configure(tree: string, recipe: ImageRecipe, publicKey: string): Promise<void> {
  for (const file of recipe.files) await writeInto(tree, file);
  await writeInto(tree, { path: 'root/.ssh/authorized_keys', text: publicKey, mode: 0o600 });
  await chmod(join(tree, 'root/.ssh'), 0o700);
  await mkdir(join(tree, 'var/log/journal'), { recursive: true });
  // Without one systemd takes this for a first boot and applies presets over what is enabled here.
  await writeInto(tree, { path: 'etc/machine-id', text: `${randomBytes(16).toString('hex')}\n`, mode: 0o444 });
  const units = join(tree, 'etc/systemd/system');
  await link('/usr/lib/systemd/system/multi-user.target', join(units, 'default.target'));
  for (const unit of recipe.masked) await link('/dev/null', join(units, unit));
  for (const [target, names] of Object.entries(recipe.enabled)) {
    for (const unit of names) {
      const where = existsSync(join(units, unit)) ? '/etc/systemd/system' : '/usr/lib/systemd/system';
      await link(join(where, unit), join(units, `${target}.wants`, unit));
    }
  }
}

async function link(to: string, path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await rm(path, { force: true });
  await symlink(to, path);
}

async function writeInto(tree: string, file: ImageFile): Promise<void> {
  const path = join(tree, file.path);
  await mkdir(dirname(path), { recursive: true });
  // Debian may have a symbolic link here (resolv.conf): writing through it would leave the tree.
  await rm(path, { force: true });
  await writeFile(path, file.text, { mode: file.mode ?? 0o644 });
}

async function oneFile(folder: string, prefix: string): Promise<string> {
  const names = (await readdir(folder)).filter((name) => name.startsWith(prefix));
  const [name] = names;
  if (name === undefined || names.length > 1) {
    throw new LabError('lab_build_failed', `one ${prefix}* expected in ${folder}, found: ${names.join(' ') || 'none'}`);
  }
  return join(folder, name);
}
