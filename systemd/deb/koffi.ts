// koffi, the one dependency with native code. npm installs its binary for this machine; that of another one is fetched, and must be what
// the lock file says.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';

const FILES = ['package.json', 'LICENSE.txt', 'index.js', 'index.cjs', 'src/koffi'];

/** The package with the binary for one platform. */
export interface KoffiBinary {
  readonly name: string;
  readonly version: string;
  /** As the lock file has it: `sha512-` and base64. */
  readonly integrity: string;
  /** Where it is unpacked. */
  readonly directory: string;
  /** As koffi names it, e.g. `x64`. */
  readonly platform: string;
}

/** Takes what is installed, or fetches it below `cache`. Throws when it is none of the lock file, or not what the lock file says. */
export function koffiBinary(root: string, platform: string, cache: string): KoffiBinary {
  const name = `@koromix/koffi-linux-${platform}`;
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
    readonly packages: Readonly<Record<string, Pick<KoffiBinary, 'version' | 'integrity'>>>;
  };
  const locked = lock.packages[`node_modules/${name}`];
  if (locked === undefined) throw new Error(`package-lock.json has no ${name}`);
  const { version, integrity } = locked;
  const installed = join(root, 'node_modules', name);
  const found = { name, version, integrity, platform };
  if (existsSync(installed)) return { ...found, directory: installed };
  const archive = join(cache, `${name.slice(1).replace('/', '-')}-${version}.tgz`);
  mkdirSync(cache, { recursive: true });
  if (!existsSync(archive))
    execFileSync('npm', ['pack', `${name}@${version}`, '--silent', '--pack-destination', cache], { stdio: 'pipe' });
  const directory = join(cache, platform);
  unpackVerified(archive, integrity, directory);
  return { ...found, directory };
}

/** Throws, and unpacks nothing, where the archive has another digest. */
export function unpackVerified(archive: string, integrity: string, directory: string): void {
  const digest = `sha512-${createHash('sha512').update(readFileSync(archive)).digest('base64')}`;
  if (digest !== integrity) throw new Error(`${archive} is not what package-lock.json says: ${digest}; delete it`);
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  execFileSync('tar', ['-xzf', archive, '-C', directory, '--strip-components=1', '--no-same-owner']);
}

/** Without sources, headers, documentation and other platforms. */
export function copyKoffi(modules: string, binary: KoffiBinary, target: string): void {
  // trampolines.cjs generates sources.
  const isRuntime = (file: string) => !/\.(cc|hh|inc|S|asm|def|ts)$|trampolines\.cjs$/.test(file);
  for (const file of FILES) copy(join(modules, 'koffi', file), join(target, 'koffi', file), isRuntime);
  for (const file of ['package.json', 'index.js', `linux_${binary.platform}`])
    copy(join(binary.directory, file), join(target, binary.name, file), isRuntime);
}

function copy(from: string, to: string, filter: (file: string) => boolean): void {
  mkdirSync(dirname(to), { recursive: true });
  cpSync(from, to, { recursive: true, filter });
}
