// What an image holds was written by others: it has no effect outside its directory, and what breaks a rule is refused.
import { execFileSync } from 'node:child_process';
import { lstat, mkdir, readdir, readFile, readlink, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import test, { type ExecutionContext } from 'ava';
import { type UnpackJob, unpackLayer } from '../../../agent/images/unpack.js';
import { getXattr } from '../../../linux/xattr.js';
import { directoryOf } from './fixture.js';
import { sha256 } from './layout.js';
import { dir, type Entry, file, hardLink, link, tarOf } from './tar-writer.js';

interface Case {
  readonly entries?: readonly Entry[];
  readonly archive?: Buffer;
  readonly compress?: (archive: Buffer) => Buffer;
  readonly below?: readonly string[];
  readonly job?: Partial<UnpackJob>;
}

async function unpack(
  t: ExecutionContext,
  { entries = [], archive = tarOf(entries), compress = gzipSync, ...of }: Case,
) {
  const outside = await directoryOf(t);
  const blob = join(outside, 'blob');
  const bytes = compress(archive);
  await writeFile(blob, bytes);
  const directory = join(outside, 'layer');
  const found = await unpackLayer({
    ...{ blob, digest: sha256(bytes), size: bytes.length, diffId: sha256(archive), directory, below: of.below ?? [] },
    ...{ maxBytes: 1 << 24, maxEntries: 1000, zstd: '/usr/bin/zstd', ...of.job },
  });
  t.deepEqual((await readdir(outside)).sort(), ['blob', 'layer']);
  return { directory, found, at: (path: string) => join(directory, path) };
}

test('files, links, modes, owners, times and capabilities are as the layer says', async (t) => {
  const capability = Buffer.from('0100000200040000000000000000000000000000', 'hex');
  const long = `${'deep/'.repeat(30)}name`;
  const { at, found } = await unpack(t, {
    entries: [
      dir('./'),
      dir('usr', { mode: 0o750, uid: 7, gid: 8, mtime: 1_000_000 }),
      file('usr/tool', 'content', { mode: 0o4755, uid: 1000, gid: 1001, mtime: 1_600_000_000 }),
      hardLink('usr/same', './usr/tool'),
      link('usr/link', '/etc/nowhere'),
      file('usr/able', 'x', {
        pax: { 'SCHILY.xattr.security.capability': capability, 'SCHILY.xattr.trusted.overlay.redirect': '/etc' },
      }),
      file(long, 'far'),
      file('umläut', 'name'),
      { path: 'pipe', type: '6', mode: 0o644 },
      { path: 'dev-node', type: '3' },
    ],
  });
  const tool = await stat(at('usr/tool'));
  t.deepEqual([tool.mode & 0o7777, tool.uid, tool.gid, tool.mtimeMs, tool.nlink], [0o4755, 1000, 1001, 1.6e12, 2]);
  const usr = await stat(at('usr'));
  t.deepEqual([usr.mode & 0o7777, usr.uid, usr.gid, usr.mtimeMs], [0o750, 7, 8, 1e9]);
  t.is(await readlink(at('usr/link')), '/etc/nowhere');
  t.is(await readFile(at(long), 'utf8'), 'far');
  t.is(await readFile(at('umläut'), 'utf8'), 'name');
  t.true((await lstat(at('pipe'))).isFIFO());
  t.is(getXattr(at('usr/able'), 'trusted.overlay.redirect'), undefined);
  t.truthy(getXattr(at('usr/able'), 'security.capability'));
  t.false((await readdir(at('.'))).includes('dev-node'));
  t.is(found.skipped, 1);
});

test('whiteouts are those of overlayfs, and hide nothing of their own layer', async (t) => {
  const { at } = await unpack(t, {
    entries: [
      dir('a'),
      file('a/.wh.gone', ''),
      file('a/.wh..wh..opq', ''),
      dir('anew'),
      file('anew/kept', 'x'),
      file('.wh.anew', ''),
      file('.wh.again', ''),
      dir('again'),
      file('.wh.later', ''),
      file('later/inside', 'x'),
      file('stays', 'x'),
      file('.wh.stays', ''),
      file('.wh..wh.plnk', ''),
    ],
  });
  const gone = await lstat(at('a/gone'));
  t.true(gone.isCharacterDevice());
  t.is(gone.rdev, 0);
  for (const opaque of ['a', 'anew', 'again', 'later'])
    t.is(getXattr(at(opaque), 'trusted.overlay.opaque'), 'y', opaque);
  t.is(await readFile(at('anew/kept'), 'utf8'), 'x');
  t.is(await readFile(at('stays'), 'utf8'), 'x');
  t.deepEqual((await readdir(at('.'))).sort(), ['a', 'again', 'anew', 'later', 'stays']);
});

test('a directory that a layer does not describe is as in the layers below', async (t) => {
  const lower = join(await directoryOf(t), 'lower');
  await mkdir(join(lower, 'tmp'), { recursive: true });
  execFileSync('chmod', ['1777', join(lower, 'tmp')]);
  const { at } = await unpack(t, { entries: [file('tmp/x', '1'), file('other/x', '1')], below: [lower] });
  t.is((await stat(at('tmp'))).mode & 0o7777, 0o1777);
  t.is((await stat(at('other'))).mode & 0o7777, 0o755);
});

test('links of an image lead nowhere but into the image', async (t) => {
  const outside = await directoryOf(t);
  await writeFile(join(outside, 'victim'), 'untouched', { mode: 0o600 });
  const { at } = await unpack(t, {
    entries: [
      link('out', outside),
      file('out/victim', 'overwritten', { mode: 0o666 }),
      link('up', '../../../../../..'),
      file(`up/${outside}/victim`, 'overwritten'),
      link('victim', join(outside, 'victim')),
      file('victim', 'a file instead of the link'),
      link('here', '.'),
      file('here/here/here/plain', 'x'),
    ],
  });
  t.is(await readFile(join(outside, 'victim'), 'utf8'), 'untouched');
  t.is((await stat(join(outside, 'victim'))).mode & 0o777, 0o600);
  t.deepEqual(await readdir(outside), ['victim']);
  t.is(await readFile(at(join(outside, 'victim')), 'utf8'), 'overwritten');
  t.is(await readFile(at('victim'), 'utf8'), 'a file instead of the link');
  t.is(await readFile(at('plain'), 'utf8'), 'x');
});

test('every compression that builders use gives the same tree', async (t) => {
  const entries = [dir('d'), file('d/f', 'x'.repeat(100_000))];
  const zstd = (archive: Buffer) => execFileSync('zstd', ['-c'], { input: archive, stdio: ['pipe', 'pipe', 'ignore'] });
  // Several members one behind the other, as pigz and eStargz write.
  const members = (archive: Buffer) =>
    Buffer.concat([gzipSync(archive.subarray(0, 700)), gzipSync(archive.subarray(700))]);
  for (const compress of [gzipSync, members, zstd, (archive: Buffer) => archive]) {
    const { at, found } = await unpack(t, { entries, compress });
    t.is((await readFile(at('d/f'))).length, 100_000);
    t.is(found.bytes, tarOf(entries).length);
  }
});

const BAD: Readonly<Record<string, readonly [Case, RegExp]>> = {
  'a name that goes up': [{ entries: [file('../escape', 'x')] }, /entry of the name/],
  'a name that goes up in the middle': [{ entries: [dir('a'), file('a/../../escape', 'x')] }, /entry of the name/],
  'a whiteout of the directory above': [{ entries: [dir('a'), file('a/.wh...', '')] }, /entry of the name/],
  'a whiteout of the directory itself': [{ entries: [file('.wh..', '')] }, /entry of the name/],
  'a hard link out': [{ entries: [hardLink('shadow', '/etc/shadow')] }, /no directory|hard link/],
  'a hard link up': [{ entries: [hardLink('shadow', '../../etc/shadow')] }, /entry of the name/],
  'a hard link through a link': [{ entries: [link('e', '/etc'), hardLink('s', 'e/shadow')] }, /no directory/],
  'a hard link to a directory': [{ entries: [dir('d'), hardLink('e', 'd')] }, /hard link/],
  'a file as a directory': [{ entries: [file('f', ''), file('f/g', '')] }, /no directory/],
  'links in a circle': [{ entries: [link('a', 'b'), link('b', 'a'), file('a/x', '')] }, /more than 40 links/],
  'too many files': [{ entries: [file('a/b/c/d', '')], job: { maxEntries: 3 } }, /more than 3 files/],
  'a bomb of zeros': [{ entries: [file('zeros', Buffer.alloc(1 << 22))], job: { maxBytes: 1 << 20 } }, /max_size/],
  'another digest': [{ entries: [file('f', 'x')], job: { digest: sha256('other') } }, /another digest/],
  'another diff id': [{ entries: [file('f', 'x')], job: { diffId: sha256('other') } }, /is not sha256/],
  'more bytes than told': [{ entries: [file('f', 'x')], job: { size: 10 } }, /larger than its manifest/],
  'a type that nobody knows': [{ entries: [{ path: 'x', type: 'S' }] }, /unknown type/],
  'a content that ends early': [{ archive: tarOf([file('f', 'x', { size: 100_000 })]) }, /in the middle of f/],
  'a number that is none': [{ archive: spoiled((bytes) => bytes.write('zzz', 124)) }, /checksum/],
  'gzip that is cut off': [
    { entries: [file('f', 'x')], compress: (b) => gzipSync(b).subarray(0, -20) },
    /uncompressed/,
  ],
  'zstd that is none': [
    { entries: [file('f', 'x')], compress: () => Buffer.from('28b52ffd00000000', 'hex') },
    /zstd|another|is not/,
  ],
  'a name longer than any': [{ entries: [file('n'.repeat(300), 'x')] }, /entry of the name/],
  'an empty link': [{ entries: [link('l', '')] }, /cannot be made/],
};

function spoiled(change: (bytes: Buffer) => unknown): Buffer {
  const bytes = tarOf([file('f', 'x')]);
  change(bytes);
  return bytes;
}

for (const [what, [of, message]] of Object.entries(BAD))
  test(`refused: ${what}`, async (t) => {
    await t.throwsAsync(unpack(t, of), { message, name: 'Error' });
  });
