import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The directories of groups begin with it. */
export const RUN = 'run-';

/** So many files share a worker: more of them leave the second processor idle at the end, fewer start more workers (a second of cpu each). */
const FILES = 24;

/** A file with one of these has a worker of its own: hooks are of all tests of a worker, and so is a changed module of Node. */
const ALONE = /\btest\.(before|after)|\bfileFaults\(|\bsyncBuiltinESMExports\(/;

export interface Groups {
  readonly alone: readonly string[];
  readonly groups: readonly (readonly string[])[];
}

/** Neighbours go to different groups: they take similar times. */
export function group(files: readonly string[], text: (file: string) => string): Groups {
  const alone = files.filter((file) => ALONE.test(text(file)));
  const rest = files.filter((file) => !alone.includes(file));
  const count = Math.ceil(rest.length / FILES);
  return {
    alone,
    groups: Array.from({ length: count }, (_, at) => rest.filter((_, index) => index % count === at)),
  };
}

/** Where ava looks for tests; a second run at the same time has its own. */
const directory = fileURLToPath(new URL(`../${RUN}${process.pid}`, import.meta.url));

/** Writes a file for each group, until this process ends, and returns what ava is to run in place of the files. */
export function grouped(files: readonly string[]): string[] {
  const { alone, groups } = group(files, (file) => readFileSync(file, 'utf8'));
  mkdirSync(directory, { recursive: true });
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }));
  const entries = groups.map((members, at) => {
    const entry = join(directory, `${String(at + 1).padStart(2, '0')}.test.js`);
    const list = JSON.stringify(members.map((file) => resolve(file)));
    writeFileSync(entry, `import { together } from '../runner/together.js';\nawait together(${list});\n`);
    return entry;
  });
  return [...alone, ...entries];
}
