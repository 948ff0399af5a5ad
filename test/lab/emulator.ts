// The lab's own QEMU, of the release the lab runs. That of Debian 12 (7.2) resets the whole host in about one of twenty
// boots of a nested KVM guest under emulation; in as many boots with that of Debian 13 (10.0) it was never seen.
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheRoot, once } from './cache.js';
import { contentHash } from './guest-recipe.js';
import { ensurePackages } from './prerequisites.js';
import { run } from './process.js';
import { type Progress, stderrProgress } from './progress.js';

const SUITE = 'trixie';

/** Runs a program of another release with its own loader and libraries, so that nothing of the outer host is mixed in. */
const WRAPPER = `#!/bin/sh
R=$(dirname "$0")
L=usr/lib/x86_64-linux-gnu
export QEMU_MODULE_DIR="$R/$L/qemu"
exec "$R/$L/ld-linux-x86-64.so.2" --library-path "$R/$L" "$R/usr/bin/qemu-system-x86_64" \\
  -L "$R/usr/share/qemu" -L "$R/usr/share/seabios" "$@"
`;

const ARGUMENTS = ['--variant=extract', '--include=qemu-system-x86', SUITE];

export interface EmulatorOptions {
  readonly signal?: AbortSignal | undefined;
  readonly progress?: Progress | undefined;
}

/** The path of a program that is called as qemu-system-x86_64; taken from Debian's packages once, then cached. */
export async function emulator(options: EmulatorOptions = {}): Promise<string> {
  const { signal, progress = stderrProgress() } = options;
  const directory = join(cacheRoot(), `qemu-${contentHash([ARGUMENTS, WRAPPER])}`);
  const program = join(directory, 'qemu');
  const make = async (temporary: string): Promise<void> => {
    await ensurePackages(['mmdebstrap'], { why: "to get the lab's emulator", signal });
    await progress.step(`emulator: QEMU of Debian ${SUITE}`, async () => {
      await run('mmdebstrap', [...ARGUMENTS, temporary], { signal });
      await writeFile(join(temporary, 'qemu'), WRAPPER, { mode: 0o755 });
      await run(join(temporary, 'qemu'), ['--version'], { signal });
    });
  };
  await once(directory, () => existsSync(program), make, { signal });
  return program;
}
