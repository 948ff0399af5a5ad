// The double for Firecracker and its jailer, as two programs.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface Binaries {
  readonly binary: string;
  readonly jailer: string;
}

/** Writes the two programs of the double into `directory`. */
export async function doubleBinaries(directory: string, version = '1.7.0'): Promise<Binaries> {
  const jailer = fileURLToPath(new URL('./double/jailer.js', import.meta.url));
  const scripts = {
    firecracker: `#!/bin/sh\necho 'Firecracker v${version}'\n`,
    jailer: `#!/bin/sh\nexec ${process.execPath} ${jailer} "$@"\n`,
  };
  await mkdir(directory, { recursive: true });
  for (const [name, script] of Object.entries(scripts)) await writeFile(join(directory, name), script, { mode: 0o755 });
  return { binary: join(directory, 'firecracker'), jailer: join(directory, 'jailer') };
}
