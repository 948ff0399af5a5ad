// Which workloads are expected to behave alike: the same driver, the same thing to run, the same limits.
import { createHash } from 'node:crypto';
import { alikeBy } from '../../model/driver-kinds.js';
import type { WorkloadSpec } from '../../model/spec.js';

/** `exec/3f9a...`: the driver, so that people see something in it, and a hash of all the rest. */
export function shapeOf(spec: WorkloadSpec): string {
  const text = JSON.stringify([spec.driver, alikeBy(spec), spec.resources], sorted);
  return `${spec.driver}/${createHash('sha256').update(text).digest('hex').slice(0, 16)}`;
}

/** The order in which somebody wrote the fields down is no difference. */
function sorted(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}
