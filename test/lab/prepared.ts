// Saved hosts with something installed: prepared once per key, then each fresh copy begins where the preparation ended.
import { existsSync } from 'node:fs';
import { readdir, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheRoot, once } from './cache.js';
import { contentHash } from './guest-recipe.js';
import { freshHost, type Host } from './host.js';
import { imagePaths } from './image.js';
import { stderrProgress } from './progress.js';

/** A saved host takes up to a gigabyte, and each build of the package makes another: nobody asks for the old ones again. */
const UNUSED_MS = 3_600_000;

export interface Preparation {
  readonly what: string;
  /** All that the result depends on besides the image. */
  readonly of: unknown;
  readonly prepare: (host: Host) => Promise<unknown>;
}

/** The path of a disk with the prepared, running host saved in it, for `freshHost({ saved })`. */
export async function preparedDisk({ what, of, prepare }: Preparation): Promise<string> {
  const directory = join(cacheRoot(), 'prepared');
  const target = join(directory, `${contentHash([imagePaths().directory, of])}.qcow2`);
  const make = async (temporary: string): Promise<void> => {
    await dropUnused(directory);
    await stderrProgress().step(`prepared host: ${what}`, async () => {
      const host = await freshHost();
      try {
        await prepare(host);
        await host.save(temporary);
      } finally {
        await host.stop();
      }
    });
  };
  await once(target, () => existsSync(target), make);
  const now = new Date();
  await utimes(target, now, now);
  return target;
}

async function dropUnused(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    if (!name.endsWith('.qcow2')) continue;
    const path = join(directory, name);
    const age = await stat(path).then(
      ({ mtimeMs }) => Date.now() - mtimeMs,
      () => 0,
    );
    if (age > UNUSED_MS) await rm(path, { force: true });
  }
}
