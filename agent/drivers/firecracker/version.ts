// Which versions of Firecracker the driver runs, and what only newer ones have.

import { BerthError } from '../../../protocol/errors.js';
import type { WorkloadSpec } from '../../model/spec.js';
import { invalidField } from '../files.js';
import { isBefore, type Version } from '../program-version.js';

type Firecracker = NonNullable<WorkloadSpec['firecracker']>;

/** Configuration files and API of these were read; Firecracker keeps its API within a major version. */
const OLDEST: Version = [1, 7];
const NEWEST: Version = [1, 17];

/** Fields that the oldest version lacks. */
const NEWER: readonly {
  readonly field: string;
  readonly since: Version;
  readonly asked: (f: Firecracker) => boolean;
}[] = [{ field: 'balloon.freePageReporting', since: [1, 14], asked: ({ balloon }) => balloon.freePageReporting }];

/** Throws `binary_missing` for a version that the driver does not run, `invalid_spec` for a field that this one lacks. */
export function requireVersion(version: Version, spec: Firecracker): void {
  const [major] = version;
  if (isBefore(version, OLDEST) || major > NEWEST[0])
    throw new BerthError(
      'binary_missing',
      `Firecracker ${words(version)} is installed; berth needs 1.7 or a later 1.x`,
      {
        data: { binary: 'firecracker', version: words(version) },
        hint: 'Install Firecracker 1.7 or a later 1.x, or name its path in drivers.firecracker.binary.',
      },
    );
  for (const { field, since, asked } of NEWER)
    if (asked(spec) && isBefore(version, since))
      throw invalidField(`firecracker.${field}`, `needs Firecracker ${words(since)}; this host has ${words(version)}`);
}

/** A warning for a version that nobody has read; undefined: it is a known one. */
export function unknownVersion(version: Version): string | undefined {
  if (!isBefore(NEWEST, version)) return undefined;
  return `Firecracker ${words(version)} is newer than ${words(NEWEST)}, the newest that berth knows`;
}

function words([major, minor]: Version): string {
  return `${major}.${minor}`;
}
