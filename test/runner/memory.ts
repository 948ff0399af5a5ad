import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const MOUNT = '/dev/shm';
const TMPFS_MAGIC = 0x01021994;
/** A hundred times what the unit tests need at once; in a container there are often 64 MiB. */
const ROOM_BYTES = 1 << 30;

/**
 * A directory for temporary files, gone when this process is: in memory where this machine has a tmpfs that runs programs. The
 * unit tier makes and removes some ten thousand directories and syncs most of its files, and what the disk keeps is not its matter.
 */
export function memoryDirectory(mount = MOUNT): string {
  const directory = mkdtempSync(join(isFit(mount) ? mount : tmpdir(), 'berth-'));
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

function isFit(mount: string): boolean {
  let directory: string | undefined;
  try {
    const { type, bavail, bsize } = statfsSync(mount);
    if (type !== TMPFS_MAGIC || bavail * bsize < ROOM_BYTES) return false;
    directory = mkdtempSync(join(mount, 'berth-'));
    const program = join(directory, 'program');
    writeFileSync(program, '#!/bin/sh\n', { mode: 0o755 });
    // Containers often have it mounted `noexec`.
    return spawnSync(program).status === 0;
  } catch {
    return false;
  } finally {
    if (directory !== undefined) rmSync(directory, { recursive: true, force: true });
  }
}
