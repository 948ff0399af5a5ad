// QEMU renames options; which ones it takes is known by its version only.
import { stat } from 'node:fs/promises';
import { runProgram } from '../../../linux/run-program.js';
import { DEFAULT_PATH } from '../environment.js';

export type QemuVersion = readonly [number, number];

const TIMEOUT_MS = 20_000;

/** "QEMU emulator version 7.2.22 (Debian ...)" -> [7, 2]; undefined for anything else. */
export function parseVersion(text: string): QemuVersion | undefined {
  const match = /version (\d+)\.(\d+)/.exec(text);
  return match === null ? undefined : [Number(match[1]), Number(match[2])];
}

/** Asks a binary once and remembers the answer until the file changes. */
export function versionReader(): (binary: string) => Promise<QemuVersion> {
  const known = new Map<string, Promise<QemuVersion>>();
  return async (binary) => {
    const key = `${binary} ${(await stat(binary)).mtimeMs}`;
    const found = known.get(key) ?? ask(binary);
    known.set(key, found);
    found.catch(() => known.delete(key));
    return found;
  };
}

async function ask(binary: string): Promise<QemuVersion> {
  const options = { env: { PATH: DEFAULT_PATH }, deadlineMs: TIMEOUT_MS };
  const { stdout } = await runProgram(binary, ['--version'], options);
  const version = parseVersion(stdout);
  if (version === undefined) throw new Error(`${binary} --version says ${JSON.stringify(stdout.slice(0, 80))}`);
  return version;
}
