// The real Docker and the real podman do what the double does.
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { conforms } from './conformance.js';
import { KINDS, RealEngine } from './real.js';
import type { Stand } from './stand.js';

for (const engine of ['docker', 'podman'] as const) {
  const open = async (): Promise<Stand> => {
    const made = new RealEngine(KINDS[engine], mkdtempSync(join(tmpdir(), `berth-${engine}-`)));
    await made.up();
    await made.load();
    return made;
  };
  const { tellsChanges, tellsStops } = KINDS[engine];
  conforms({ test, engine, open, deadlineMs: 4000, tellsChanges, tellsStops });
}
