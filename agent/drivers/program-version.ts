// Programs rename options and gain fields; which ones they take is known by their version only.
import { stat } from 'node:fs/promises';
import { runProgram } from '../../linux/run-program.js';
import { DEFAULT_PATH } from './environment.js';

export type Version = readonly [number, number];

const TIMEOUT_MS = 20_000;

/** "QEMU emulator version 7.2.22 (Debian ...)" -> [7, 2], "Firecracker v1.7.0" -> [1, 7]; undefined for anything else. */
export function parseVersion(text: string): Version | undefined {
  const match = /(?:version |\bv)(\d+)\.(\d+)/.exec(text);
  return match === null ? undefined : [Number(match[1]), Number(match[2])];
}

export function isBefore([major, minor]: Version, [sinceMajor, sinceMinor]: Version): boolean {
  return major < sinceMajor || (major === sinceMajor && minor < sinceMinor);
}

/** Asks a binary once and remembers the answer until the file changes. */
export function versionReader(): (binary: string) => Promise<Version> {
  const known = new Map<string, Promise<Version>>();
  return async (binary) => {
    const key = `${binary} ${(await stat(binary)).mtimeMs}`;
    const found = known.get(key) ?? ask(binary);
    known.set(key, found);
    found.catch(() => known.delete(key));
    return found;
  };
}

async function ask(binary: string): Promise<Version> {
  const options = { env: { PATH: DEFAULT_PATH }, deadlineMs: TIMEOUT_MS };
  const { stdout } = await runProgram(binary, ['--version'], options);
  const version = parseVersion(stdout);
  if (version === undefined) throw new Error(`${binary} --version says ${JSON.stringify(stdout.slice(0, 80))}`);
  return version;
}
