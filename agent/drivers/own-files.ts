// The files of berth itself: no tree of the operator, however wide, gives them to a workload. In its state are the workloads of
// all tenants, and whoever connects to its socket as root of a container is root of the host.
import { realpath } from 'node:fs/promises';
import { BerthError } from '../../protocol/errors.js';
import type { Config } from '../config/schema.js';
import { isWithin } from '../model/mounts-spec.js';
import type { WorkloadSpec } from '../model/spec.js';
import { namedSources, rootOf } from './mounts.js';

const CONFIGURATION = '/etc/berth';

export function ownFiles({ paths, control, secrets }: Pick<Config, 'paths' | 'control' | 'secrets'>): string[] {
  const all = [paths.state, paths.runtime, control.socket, secrets.directory, CONFIGURATION];
  // An empty one is where the others are, or nowhere.
  return all.filter((path) => path !== '');
}

/** Throws `not_permitted` for a source that is one of `own`, lies in it, or has it below. Links of `roots` are followed, as at a start. */
export async function requireApart(
  spec: Pick<WorkloadSpec, 'mounts' | 'envFile'>,
  roots: readonly string[],
  own: readonly string[],
): Promise<void> {
  const sources = namedSources(spec);
  if (sources.length === 0) return;
  const closed = await Promise.all(own.map(real));
  for (const [field, source] of sources) {
    const root = rootOf(source, roots);
    const place = root === undefined ? source : `${await real(root)}${source.slice(root.length)}`;
    const met = closed.find((path) => isWithin(place, path) || isWithin(path, place));
    if (met === undefined) continue;
    throw new BerthError(
      'not_permitted',
      `${field}: ${source} would give the workload files of berth itself (${met})`,
      {
        data: { field, path: source, roots },
        hint: `Name a directory that does not contain ${met}.`,
      },
    );
  }
}

async function real(path: string): Promise<string> {
  return realpath(path).catch(() => path);
}
