// What a guest of an image boots and is told.
import { execFileSync } from 'node:child_process';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import test from 'ava';
import { shellQuoted } from '../../../../agent/base/shell.js';
import { configurationDrive, type GuestConfiguration } from '../../../../agent/drivers/guest/configuration.js';
import { archiveOf, directory, file } from '../../../../agent/drivers/guest/cpio.js';
import { GuestInitrds, needsLibraries } from '../../../../agent/drivers/guest/initrd.js';
import { kernelRelease, releaseOf } from '../../../../agent/drivers/guest/kernel-release.js';
import { imageGuestEnd, programExit } from '../../../../agent/drivers/guest/last-words.js';
import { dependencies, modulesDirectory, modulesOf } from '../../../../agent/drivers/guest/modules.js';
import { RUN } from '../../../../agent/drivers/guest/scripts.js';
import { which } from '../../../../agent/host/which.js';
import { temporary } from '../fixture.js';

const HOSTILE = ["it's", '"$(id)"', '`id`', 'a\nb', '\\', '', ' ', '-n', '$HOME', "'", "''", '\r\t*', 'ä €'];

const guest = (more: Partial<GuestConfiguration> = {}): GuestConfiguration => ({
  ...{
    hostname: 'w',
    address: '10.0.0.1/32',
    gateway: '169.254.1.1',
    argv: ['/bin/true'],
    env: {},
    cwd: '/',
    home: '/',
  },
  ...{ user: { uid: 5, gid: 6, additionalGids: [] }, writable: '50%', readOnly: false, signal: 'SIGTERM' as const },
  ...{ resolvConf: '', hosts: '', ...more },
});

/** Content of a file of the archive, as cpio(1) of busybox finds it. */
async function unpack(t: Parameters<typeof temporary>[0], archive: Buffer): Promise<string> {
  const into = await temporary(t);
  execFileSync('busybox', ['cpio', '-i'], { cwd: into, input: archive, stdio: ['pipe', 'ignore', 'ignore'] });
  return into;
}

test('an archive holds what it is given, and ends on a whole sector', async (t) => {
  const long = Buffer.alloc(70_001, 'x');
  const entries = [directory('d', 0o750), file('d/long', long, 0o600), file('empty', ''), file('run', '#!', 0o755)];
  const archive = archiveOf(entries);
  t.is(archive.length % 512, 0);
  t.deepEqual(archive, archiveOf(entries));
  const at = await unpack(t, archive);
  t.deepEqual(await readFile(join(at, 'd', 'long')), long);
  t.is((await readFile(join(at, 'empty'))).length, 0);
  const modes = await Promise.all(
    ['d', 'd/long', 'run'].map(async (path) => (await stat(join(at, path))).mode & 0o777),
  );
  t.deepEqual(modes, [0o750, 0o600, 0o755]);
});

test('a word is one word to a shell, whatever is in it', (t) => {
  const script = `printf '%s\\0' ${HOSTILE.map(shellQuoted).join(' ')}`;
  const found = execFileSync('busybox', ['sh', '-c', script]).toString('utf8');
  t.deepEqual(found.split('\0').slice(0, -1), HOSTILE);
});

test('what the guest is told is data to its shells', async (t) => {
  const [word = ''] = [HOSTILE.join('+')];
  const drive = configurationDrive(
    guest({ hostname: word, cwd: `/${word}`, argv: [word], env: { A: word }, home: 'a:b\nc' }),
  );
  const at = await unpack(t, drive);
  const settings = await readFile(join(at, 'settings'), 'utf8');
  const print = 'printf "%s\\0%s\\0%s" "$NAME" "$DIRECTORY" "$SIGNAL"';
  t.is(execFileSync('busybox', ['sh', '-c', `${settings}\n${print}`]).toString(), `${word}\0/${word}\0TERM`);
  t.is(await readFile(join(at, 'passwd'), 'utf8'), 'berth:x:5:6::/:/bin/sh\n');
  execFileSync('busybox', ['sh', '-n', join(at, 'start')]);
});

test('the supplementary groups of a user', async (t) => {
  const at = await unpack(t, configurationDrive(guest({ user: { uid: 1, gid: 2, additionalGids: [7, 8] } })));
  t.is(await readFile(join(at, 'group'), 'utf8'), 'g7:x:7:berth\ng8:x:8:berth\n');
});

function kernelOf(version: string): Buffer {
  const image = Buffer.alloc(4096);
  image.write('HdrS', 0x202);
  image.writeUInt16LE(0x300, 0x20e);
  image.write(`${version}\0`, 0x500);
  return image;
}

async function putKernel(path: string, release: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, kernelOf(`${release} (x) #1`));
}

test('the release of a kernel stands in its setup header', (t) => {
  const image = kernelOf('6.12.48+deb13-cloud-amd64 (debian-kernel@lists.debian.org) #1');
  t.is(releaseOf(image), '6.12.48+deb13-cloud-amd64');
  image.write('../../etc \0', 0x500);
  t.is(releaseOf(image), undefined);
  t.is(releaseOf(Buffer.from('\x7fELF')), undefined);
  t.is(releaseOf(Buffer.alloc(4096)), undefined);
});

test('the release of an uncompressed kernel stands in its banner, wherever that is', async (t) => {
  const path = join(await temporary(t), 'vmlinux');
  const banner = 'Linux version 6.12.48+deb13-cloud-amd64 (debian-kernel@lists.debian.org)';
  for (const before of [64, (1 << 20) - 20, 3 << 20]) {
    await writeFile(path, Buffer.concat([Buffer.from('\x7fELF'), Buffer.alloc(before), Buffer.from(banner)]));
    t.is(await kernelRelease(path), '6.12.48+deb13-cloud-amd64', `${before} bytes before it`);
  }
  // An Image of arm64.
  await writeFile(
    path,
    Buffer.concat([Buffer.alloc(56), Buffer.from('ARM\x64'), Buffer.alloc(99), Buffer.from(banner)]),
  );
  t.is(await kernelRelease(path), '6.12.48+deb13-cloud-amd64');
  await writeFile(path, Buffer.concat([Buffer.from('\x7fELF'), Buffer.from('Linux version ../../etc (x)')]));
  t.is(await kernelRelease(path), undefined);
});

const moduleOf = (name: string, depends: string) =>
  Buffer.from(`\x7fELF\0name=${name}\0depends=${depends}\0`, 'latin1');

test('modules come in an order in which a kernel takes them, whatever packs them', async (t) => {
  const root = await temporary(t);
  const tree = join(root, 'lib', 'modules', '6.1');
  await mkdir(join(tree, 'kernel', 'fs'), { recursive: true });
  const put = (name: string, content: Buffer) => writeFile(join(tree, 'kernel', 'fs', name), content);
  await put('squashfs.ko', moduleOf('squashfs', ''));
  await put('overlay.ko.gz', gzipSync(moduleOf('overlay', 'first-one,second')));
  await put('first_one.ko', moduleOf('first_one', 'second'));
  await put('second.ko.xz', execFileSync('xz', ['-c'], { input: moduleOf('second', 'first_one') }));
  await put('unwanted.ko', moduleOf('unwanted', ''));
  t.is(await modulesDirectory(join(root, 'boot', 'vmlinuz'), '6.1'), tree);
  t.is(await modulesDirectory(join(root, 'boot', 'vmlinuz'), '6.2'), undefined);
  const found = await modulesOf(tree, which);
  t.deepEqual(
    found.map(({ name }) => name),
    ['squashfs', 'second', 'first_one', 'overlay'],
  );
  t.deepEqual(dependencies(found[3]?.content ?? new Uint8Array()), ['first_one', 'second']);
  const error = await t.throwsAsync(modulesOf(tree, (name) => (name === 'xz' ? undefined : which(name))));
  t.like(error, { code: 'binary_missing' });
});

test('an initrd is made once, and anew for another kernel', async (t) => {
  const initrds = new GuestInitrds(join(await temporary(t), 'guests'));
  const root = await temporary(t);
  const kernel = join(root, 'boot', 'vmlinuz');
  await putKernel(kernel, '6.1');
  const tree = join(root, 'lib', 'modules', '6.1');
  await mkdir(tree, { recursive: true });
  await writeFile(join(tree, 'squashfs.ko.xz'), execFileSync('xz', ['-c'], { input: moduleOf('squashfs', '') }));
  const asked: string[] = [];
  const counting = (name: string) => {
    asked.push(name);
    return which(name);
  };
  const unpacked = () => asked.filter((name) => name === 'xz').length;
  const made = await Promise.all([0, 1, 2].map(() => initrds.of(kernel, { which: counting })));
  t.is(new Set(made).size, 1);
  t.is(unpacked(), 1);
  t.is(await initrds.of(kernel, { which: counting }), made[0] ?? '');
  t.is(unpacked(), 1);
  await putKernel(kernel, '6.12');
  t.not(await initrds.of(kernel, { which }), made[0] ?? '');
});

test('what an agent before has not made to its end is removed, and all else is kept', async (t) => {
  const directory = await temporary(t);
  const kernel = join(await temporary(t), 'boot', 'vmlinuz');
  await putKernel(kernel, '6.1');
  const before = await new GuestInitrds(directory).of(kernel, { which });
  await writeFile(join(directory, 'x.cpio.1.tmp'), 'half');
  const initrds = new GuestInitrds(directory);
  t.is(await initrds.of(kernel, { which }), before);
  t.deepEqual(await readdir(directory), [basename(before)]);
});

test('who waits for an initrd no longer is told so at once', async (t) => {
  const initrds = new GuestInitrds(await temporary(t));
  const kernel = join(await temporary(t), 'boot', 'vmlinuz');
  await putKernel(kernel, '6.1');
  const signal = AbortSignal.abort(new Error('gone'));
  await t.throwsAsync(initrds.of(kernel, { which, signal }), { message: 'gone' });
});

test('a busybox that needs libraries is refused', async (t) => {
  t.false(needsLibraries(await readFile(which('busybox') ?? '')));
  t.true(needsLibraries(await readFile(which('setpriv') ?? '')));
  t.false(needsLibraries(Buffer.from('#!/bin/sh')));
  const wrong = (name: string) => (name === 'busybox' ? which('setpriv') : which(name));
  const error = await t.throwsAsync(new GuestInitrds('/nonexistent').of('/etc/passwd', { which: wrong }));
  t.like(error, { code: 'binary_missing', hint: 'Install the package busybox-static.' });
});

const LAST = 'berth: the program ended with exit code';

test('the exit code is what the guest says last, on a line of its own', (t) => {
  t.is(programExit(`out\r\n${LAST} 7\r\n[ 5.6] reboot: Restarting system\r\n`), 7);
  t.is(programExit(`${LAST} 1\n${LAST} 137\n`), 137);
  t.is(programExit(`x ${LAST} 1\n`), undefined);
  t.is(programExit(`${LAST} 1 or so\n${LAST} 999\n`), undefined);
});

test('a program whose last line has no end has an exit code, too', (t) => {
  const lastWords = RUN.split('\n').find((line) => line.includes(LAST)) ?? '';
  const script = `printf x; code=7; ${lastWords.replace('>/dev/console', '')}`;
  t.is(programExit(execFileSync('busybox', ['sh', '-c', script]).toString()), 7);
});

test('why a guest of an image ended', (t) => {
  t.is(imageGuestEnd(`${LAST} 1\n`, 0), undefined);
  t.like(imageGuestEnd('', 0), {
    by: 'guest',
    detail: 'the guest went down before the program of its image had ended',
  });
  t.is(imageGuestEnd('', null), undefined);
  t.is(imageGuestEnd('', 1), undefined, 'QEMU failed');
  t.like(imageGuestEnd('berth: the guest cannot start: no tmpfs\r\n', 0), {
    detail: 'the guest did not start: no tmpfs',
  });
  t.regex(imageGuestEnd('Kernel panic - not syncing: x\n', 0)?.detail ?? '', /gave up: x/);
});
