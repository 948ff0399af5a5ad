// The binary of koffi for another machine: what the lock file says, or nothing.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { copyKoffi, koffiBinary, unpackVerified } from '../../systemd/deb/koffi.js';
import { temporaryDirectory } from '../runner/temporary.js';

const NAME = '@koromix/koffi-linux-arm64';

/** A checkout whose lock file knows the archive that lies in its cache. */
function checkout() {
  const root = temporaryDirectory('koffi');
  const source = join(root, 'package');
  mkdirSync(join(source, 'linux_arm64'), { recursive: true });
  mkdirSync(join(source, 'musl_arm64'));
  for (const file of ['package.json', 'index.js', 'linux_arm64/koffi.node', 'musl_arm64/koffi.node'])
    writeFileSync(join(source, file), file);
  const cache = join(root, 'cache');
  mkdirSync(cache);
  const archive = join(cache, 'koromix-koffi-linux-arm64-1.2.3.tgz');
  execFileSync('tar', ['-czf', archive, '-C', root, 'package']);
  const integrity = `sha512-${createHash('sha512').update(readFileSync(archive)).digest('base64')}`;
  const packages = { [`node_modules/${NAME}`]: { version: '1.2.3', integrity } };
  writeFileSync(join(root, 'package-lock.json'), JSON.stringify({ packages }));
  return { root, cache, archive, integrity };
}

test('it is unpacked from the cache, and of it goes into the package what this libc loads', (t) => {
  const { root, cache, integrity } = checkout();
  const binary = koffiBinary(root, 'arm64', cache);
  t.like(binary, { name: NAME, version: '1.2.3', integrity, platform: 'arm64' });
  const modules = join(root, 'node_modules');
  for (const file of ['package.json', 'LICENSE.txt', 'index.js', 'index.cjs', 'src/koffi/index.cjs']) {
    mkdirSync(join(modules, 'koffi', 'src/koffi'), { recursive: true });
    writeFileSync(join(modules, 'koffi', file), '');
  }
  const target = join(root, 'target');
  copyKoffi(modules, binary, target);
  t.deepEqual(readdirSync(join(target, NAME)).sort(), ['index.js', 'linux_arm64', 'package.json']);
  t.is(readFileSync(join(target, NAME, 'linux_arm64/koffi.node'), 'utf8'), 'linux_arm64/koffi.node');
});

test('an archive with another digest is refused, and nothing of it is unpacked', (t) => {
  const { root, archive } = checkout();
  const directory = join(root, 'other');
  t.throws(() => unpackVerified(archive, 'sha512-AAAA', directory), { message: /not what package-lock\.json says/ });
  t.false(existsSync(directory));
});

test('what is installed is taken, and a platform that the lock file does not have is named', (t) => {
  const { root, cache } = checkout();
  const installed = join(root, 'node_modules', NAME);
  mkdirSync(installed, { recursive: true });
  t.is(koffiBinary(root, 'arm64', cache).directory, installed);
  t.throws(() => koffiBinary(root, 'vax', cache), { message: 'package-lock.json has no @koromix/koffi-linux-vax' });
});
