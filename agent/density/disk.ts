// How much output of workloads the file system of the state directory can take, what it has already included.
import { readdir, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';

/** Bytes; undefined when it cannot be told. */
export async function roomForOutput(stateDirectory: string): Promise<number | undefined> {
  try {
    const { bavail, bsize } = await statfs(stateDirectory);
    return bavail * bsize + (await sizeOf(join(stateDirectory, 'logs')));
  } catch {
    return undefined;
  }
}

/** Blocks, not length: a file that was cut while it is written to is sparse. With the older parts, which have a directory each. */
async function sizeOf(directory: string): Promise<number> {
  let bytes = 0;
  for (const name of await readdir(directory, { recursive: true }))
    bytes += await stat(join(directory, name)).then(
      ({ blocks }) => blocks * 512,
      () => 0,
    );
  return bytes;
}
