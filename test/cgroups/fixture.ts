import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ExecutionContext } from 'ava';

/** The directory of a captured tree (format of Linux 6.12); the compiled tests stand in dist/, the trees do not. */
export function fixture(name: string): string {
  return fileURLToPath(new URL(`../../../test/cgroups/fixtures/${name}`, import.meta.url));
}

/** A copy that the test may write to. */
export function scratch(t: ExecutionContext, name?: string): string {
  const dir = mkdtempSync(join(tmpdir(), 'berth-cgroups-'));
  t.teardown(() => rmSync(dir, { recursive: true }));
  if (name !== undefined) cpSync(fixture(name), dir, { recursive: true });
  return dir;
}
