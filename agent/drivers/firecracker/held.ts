// Files of the host that a spec gives a microVM, held open until its jail shows them: what somebody else puts in their place
// meanwhile is not shown.
import { type FileHandle, open } from 'node:fs/promises';
import { invalidField, requireFile } from '../files.js';
import { openSource } from '../mounts.js';
import type { HeldDrive } from './lent.js';
import { drivesOf, type Firecracker } from './machine-config.js';

const O_PATH = 0o10000000;

export interface HeldFiles {
  /** By path in the spec: /proc/PID/fd/N of what was opened there. */
  readonly held: ReadonlyMap<string, string>;
  /** Those that the guest writes to. */
  readonly written: readonly HeldDrive[];
  readonly release: () => Promise<void>;
}

/**
 * Drives without following a symbolic link: who may write to their directory could have any file shown. A kernel and an initrd
 * are often links of a package. Throws `invalid_spec` and `image_missing`; then nothing is held.
 */
export async function holdFiles(firecracker: Firecracker): Promise<HeldFiles> {
  const handles: FileHandle[] = [];
  const held = new Map<string, string>();
  const written: HeldDrive[] = [];
  const release = async (): Promise<void> => {
    for (const handle of handles.splice(0)) await handle.close();
  };
  const keep = async (path: string, field: string, handle: FileHandle): Promise<string> => {
    handles.push(handle);
    if (!(await handle.stat()).isFile()) throw invalidField(field, `${path} must be a regular file`);
    const file = `/proc/${process.pid}/fd/${handle.fd}`;
    held.set(path, file);
    return file;
  };
  try {
    for (const name of ['kernel', 'initrd'] as const) {
      const path = firecracker[name];
      if (path === undefined) continue;
      await requireFile(path, `firecracker.${name}`);
      await keep(path, `firecracker.${name}`, await open(path, O_PATH));
    }
    for (const { drive, field } of drivesOf(firecracker)) {
      const { path, readOnly } = drive;
      const file = await keep(path, field, (await openSource(path, ['/'], field)).handle);
      if (!readOnly) written.push({ file, path, field });
    }
    return { held, written, release };
  } catch (error) {
    await release();
    throw error;
  }
}
