import { cpSync, existsSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';

const FILES = ['package.json', 'LICENSE.txt', 'index.js', 'index.cjs', 'src/koffi'];

/**
 * Copies koffi, the one dependency with native code, without its sources, headers, documentation and other platforms.
 * `platform` as koffi names it, e.g. `x64`.
 */
export function copyKoffi(modules: string, target: string, platform: string): void {
  // trampolines.cjs generates sources.
  const isRuntime = (file: string) => !/\.(cc|hh|inc|S|asm|def|ts)$|trampolines\.cjs$/.test(file);
  for (const file of FILES) copy(join(modules, 'koffi', file), join(target, 'koffi', file), isRuntime);
  const binary = `@koromix/koffi-linux-${platform}`;
  if (!existsSync(join(modules, binary)))
    throw new Error(`${binary} is not installed: run npm ci without --omit=optional`);
  for (const file of ['package.json', 'index.js', `linux_${platform}`]) {
    copy(join(modules, binary, file), join(target, binary, file), isRuntime);
  }
}

function copy(from: string, to: string, filter: (file: string) => boolean): void {
  mkdirSync(dirname(to), { recursive: true });
  cpSync(from, to, { recursive: true, filter });
}
