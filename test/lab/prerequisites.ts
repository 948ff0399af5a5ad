import { existsSync } from 'node:fs';
import { LabError } from './errors.js';
import { run } from './process.js';

export interface PackageOptions {
  /** Why they are needed, as the end of "needed ...": shown before anything is installed. */
  readonly why: string;
  readonly signal?: AbortSignal | undefined;
  readonly log?: ((line: string) => void) | undefined;
}

/**
 * Makes sure that Debian packages are there. As root on Debian it says which are missing and why, and installs
 * them; otherwise it throws `lab_prerequisite_missing` naming the command to run. Gives the packages installed.
 */
export async function ensurePackages(names: readonly string[], options: PackageOptions): Promise<readonly string[]> {
  const log = options.log ?? ((line: string) => process.stderr.write(`${line}\n`));
  const missing = await missingPackages(names, options.signal);
  if (missing.length === 0) return [];
  const root = process.getuid?.() === 0;
  if (!root || !existsSync('/usr/bin/apt-get')) throw prerequisiteError(missing, options.why);
  log(`installing Debian packages, needed ${options.why}: ${missing.join(' ')}`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const install = ['install', '-y', '-q', '--no-install-recommends', ...missing];
  const first = await run('apt-get', install, { env, check: false, signal: options.signal });
  if (first.code === 0) return missing;
  await run('apt-get', ['update', '-q'], { env, check: false, signal: options.signal });
  const second = await run('apt-get', install, { env, check: false, signal: options.signal });
  if (second.code !== 0) throw prerequisiteError(missing, options.why, second.stderr.trim());
  return missing;
}

export async function missingPackages(names: readonly string[], signal?: AbortSignal): Promise<readonly string[]> {
  if (names.length === 0) return [];
  if (!existsSync('/usr/bin/dpkg-query')) return names;
  // dpkg-query fails when one name is unknown and still prints the others.
  // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg-query has its own placeholders.
  const found = await run('dpkg-query', ['-W', '-f', '${Package} ${db:Status-Status}\n', ...names], {
    check: false,
    signal,
  });
  return notInstalled(names, found.stdout);
}

/** Pure: the names that dpkg-query's `Package Status` lines do not show as installed. */
export function notInstalled(names: readonly string[], listing: string): readonly string[] {
  const installed = new Set(
    listing.split('\n').flatMap((line) => {
      const [name, status] = line.split(' ');
      return name !== undefined && status === 'installed' ? [name] : [];
    }),
  );
  return names.filter((name) => !installed.has(name));
}

function prerequisiteError(missing: readonly string[], why: string, detail?: string): LabError {
  const more = detail === undefined || detail === '' ? '' : `; apt-get says: ${detail}`;
  return new LabError(
    'lab_prerequisite_missing',
    `Debian packages are missing, needed ${why}: ${missing.join(', ')}${more}`,
    { hint: `as root: apt-get install --no-install-recommends ${missing.join(' ')}` },
  );
}
