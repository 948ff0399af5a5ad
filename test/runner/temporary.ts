import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A directory that is gone when the test file's process is. */
export function temporaryDirectory(name: string): string {
  const directory = mkdtempSync(join(tmpdir(), `berth-${name}-`));
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }));
  return directory;
}
