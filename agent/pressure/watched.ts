// Cgroups of others that the operator has named for protection against futile reclaim.
import { readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** No pattern may cost more than this, whatever runs on the host. */
const MAX_MATCHES = 256;

/** Directories below `mount` that `patterns` name now; `*` in the last part stands for anything. Those that are not there are left out. */
export function watchedDirectories(mount: string, patterns: readonly string[]): string[] {
  const found = new Set<string>();
  for (const pattern of patterns) {
    const parent = join(mount, dirname(pattern));
    const matches = matcher(basename(pattern));
    for (const name of directories(parent).filter(matches).slice(0, MAX_MATCHES)) found.add(join(parent, name));
  }
  return [...found].sort();
}

function directories(path: string): string[] {
  try {
    return readdirSync(path, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? entry.name : []));
  } catch {
    return [];
  }
}

function matcher(pattern: string): (name: string) => boolean {
  const text = pattern.split('*').map((part) => part.replaceAll(/[\\^$.|?+()[\]{}]/g, '\\$&'));
  const expression = new RegExp(`^${text.join('.*')}$`);
  return (name) => expression.test(name);
}
