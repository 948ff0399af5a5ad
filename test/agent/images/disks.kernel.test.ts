// The root filesystems of microVMs, made of images whose layers were made by others, by the real mksquashfs.
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { lstat, mkdir, readdir, readFile, readlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { which } from '../../../agent/host/which.js';
import type { Images } from '../../../agent/images/images.js';
import type { RunApart } from '../../../agent/images/unpacker.js';
import { getXattr } from '../../../linux/xattr.js';
import { directoryOf, openImages, runAsChild } from './fixture.js';
import { type LayerOptions, writeLayout } from './layout.js';
import { dir, file, link, privileged } from './tar-writer.js';

const forVm = { policy: 'missing', disk: true } as const;
const HOSTILE = 'it\'s\n$(reboot) "name"';

const LAYERS: readonly LayerOptions[] = [
  { entries: [dir('etc'), file('etc/gone', 'below'), file('etc/both', 'below'), dir('old'), file('old/file', '')] },
  {
    entries: [
      ...[file('etc/.wh.gone', ''), file('etc/both', 'above', { mode: 0o640, uid: 7, gid: 8 })],
      ...[dir('old'), file('old/.wh..wh..opq', ''), link('outside', '/etc/shadow'), file(HOSTILE, 'named')],
      ...[
        { path: 'device', type: '3' },
        { path: 'pipe', type: '6', mode: 0o600 },
      ],
      ...privileged(),
    ],
  },
];

async function layoutOf(t: ExecutionContext, layers = LAYERS): Promise<string> {
  const directory = join(await directoryOf(t), 'image');
  await writeLayout(directory, { layers });
  return `oci:${directory}:latest`;
}

/** Path of the disk that a workload was given. */
async function hold(images: Images, name: string, workload = 'w'): Promise<string> {
  return images.root(workload, await images.hold(workload, name, forVm))?.disk ?? '';
}

async function unpacked(t: ExecutionContext, disk: string): Promise<string> {
  const into = join(await directoryOf(t), 'unpacked');
  await promisify(execFile)('unsquashfs', ['-no-progress', '-quiet', '-d', into, disk]);
  return into;
}

const disksOf = async (state: string) => (await readdir(join(state, 'images', 'disks'))).sort();

test.serial('a microVM finds what a container would find, and no device', async (t) => {
  const state = await directoryOf(t);
  const { images } = await openImages(state);
  const disk = await hold(images, await layoutOf(t));
  const root = await unpacked(t, disk);
  t.deepEqual((await readdir(root)).sort(), [HOSTILE, 'etc', 'old', 'opt', 'outside', 'pipe'].sort());
  t.deepEqual(await readdir(join(root, 'etc')), ['both']);
  t.deepEqual(await readdir(join(root, 'old')), []);
  const both = await lstat(join(root, 'etc', 'both'));
  t.deepEqual([both.mode & 0o7777, both.uid, both.gid], [0o640, 7, 8]);
  t.is((await lstat(join(root, 'opt', 'setuid'))).mode & 0o7777, 0o4755);
  t.not(getXattr(join(root, 'opt', 'capable'), 'security.capability'), undefined);
  t.is(getXattr(join(root, 'old'), 'trusted.overlay.opaque'), undefined);
  t.is(await readlink(join(root, 'outside')), '/etc/shadow');
  t.true((await lstat(join(root, 'pipe'))).isFIFO());
  t.is((await lstat(disk)).mode & 0o7777, 0o644, 'the user of a microVM opens it in its jail');
  t.is((await lstat(dirname(disk))).mode & 0o7777, 0o700, 'nobody else gets at it');
});

test.serial('the same layers give the same bytes, of one layer too', async (t) => {
  const name = await layoutOf(t, LAYERS.slice(0, 1));
  const made = await Promise.all(
    [0, 1].map(async () => readFile(await hold((await openImages(await directoryOf(t))).images, name))),
  );
  t.true(made[0]?.equals(made[1] ?? Buffer.alloc(0)));
});

test.serial('it is made once for all, counted, known to the next agent, and removed with its image', async (t) => {
  const state = await directoryOf(t);
  let runs = 0;
  const run: RunApart = (argv, options) => {
    if (argv.some((word) => word.endsWith('mksquashfs'))) runs += 1;
    return runAsChild(argv, options);
  };
  const { images } = await openImages(state, {}, { run });
  const name = await layoutOf(t);
  const image = await images.pull(name, { policy: 'missing' });
  t.is(images.root('w', image.digest)?.disk, undefined);
  const before = [images.bytes(), images.sizeOf(image).layers];
  const disks = await Promise.all(Array.from({ length: 10 }, (_, at) => hold(images, name, `w${at}`)));
  t.is(new Set(disks).size, 1);
  t.is(runs, 1);
  const { size } = await lstat(disks[0] ?? '');
  t.deepEqual(
    [images.bytes(), images.sizeOf(image).layers].map((bytes, at) => bytes - (before[at] ?? 0)),
    [size, size],
  );

  const next = await openImages(state);
  t.is(next.images.root('w', image.digest)?.disk, disks[0]);
  t.true((await next.images.delete(name)).freed >= size);
  t.deepEqual(await disksOf(state), []);
});

test.serial('what a crash has left is removed, and what was cut does not count', async (t) => {
  const state = await directoryOf(t);
  const { images } = await openImages(state);
  const name = await layoutOf(t);
  const disk = await hold(images, name);
  const [record = '', file = ''] = await disksOf(state);
  await mkdir(join(state, 'images', 'disks', `${file}.1-1.tmp`, 'root'), { recursive: true });
  await writeFile(join(state, 'images', 'disks', 'stray.squashfs'), 'x');
  const second = await openImages(state);
  t.deepEqual(await disksOf(state), [record, file]);
  t.is(await hold(second.images, name), disk);
  await writeFile(disk, 'cut');
  const third = await openImages(state);
  t.deepEqual(await disksOf(state), []);
  t.is(await hold(third.images, name), disk);
  t.true((await lstat(disk)).size > 3);
});

test.serial(
  'one that would be too large is not kept, and says so; one without a program names the package',
  async (t) => {
    const state = await directoryOf(t);
    const content = randomBytes(1 << 20);
    const name = await layoutOf(t, [{ entries: [file('random', content)] }]);
    const limited: RunApart = (argv, options) =>
      runAsChild(
        argv.map((word) => (word.startsWith('--fsize=') ? `--fsize=${1 << 19}` : word)),
        options,
      );
    const { images } = await openImages(state, {}, { run: limited });
    await t.throwsAsync(images.hold('w', name, forVm), { code: 'image_pull_failed' } as object);
    t.deepEqual(await disksOf(state), []);
    const without = await openImages(state, {}, { which: (name) => (name === 'mksquashfs' ? undefined : which(name)) });
    const missing = await t.throwsAsync(without.images.hold('w', name, forVm), { code: 'binary_missing' } as object);
    t.regex((missing as { hint?: string }).hint ?? '', /squashfs-tools/);
  },
);
