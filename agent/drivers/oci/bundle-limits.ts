// Limits in a bundle's config.json. berth runs the container in a cgroup of its own making, where the runtime sets none of
// linux.resources: each must stand in the spec, as strict or stricter, or the workload is refused. So none is lost.
import { PERIOD_USEC } from '../../../cgroups/cpu.js';
import type { WorkloadSpec } from '../../model/spec.js';
import type { OciConfig } from './config.js';

type Table = Readonly<Record<string, unknown>>;

/** What in `linux.resources` would not hold, each with what to write instead. */
export function unheldLimits(config: OciConfig, spec: Pick<WorkloadSpec, 'resources'>): string[] {
  const { cpu, memory, pids } = spec.resources;
  const { devices, ...resources } = tableOf(tableOf(config.linux).resources);
  const quota = numberOf(tableOf(resources.cpu).quota);
  const period = numberOf(tableOf(resources.cpu).period) ?? PERIOD_USEC;
  const cores = quota === undefined ? undefined : quota / period;
  // Of the bundle, of the spec, and its name there. The period alone limits nothing.
  const known: Readonly<Record<string, readonly [number | undefined, number | undefined, string]>> = {
    'memory.limit': [numberOf(tableOf(resources.memory).limit), memory?.limit, 'resources.memory.limit'],
    'pids.limit': [numberOf(tableOf(resources.pids).limit), pids, 'resources.pids'],
    'cpu.quota': [cores, cpu?.limit, `resources.cpu.limit${cores === undefined ? '' : ` (${cores})`}`],
    'cpu.period': [undefined, undefined, ''],
  };
  const found: string[] = [];
  for (const field of fieldsOf(resources)) {
    const [bundle, own, name] = known[field] ?? [];
    if (name === undefined) found.push(`linux.resources.${field}`);
    else if (bundle !== undefined && (own === undefined || own > bundle))
      found.push(`linux.resources.${field}: write ${name}`);
  }
  // The rule of every bundle that `runc spec` makes: no device but those that the runtime allows itself.
  const rules = Array.isArray(devices) ? devices.map(tableOf) : [];
  if (
    rules.some(
      ({ allow, access = 'rwm', ...rest }) => allow !== false || access !== 'rwm' || Object.keys(rest).length > 0,
    )
  )
    found.push('linux.resources.devices');
  return found;
}

/** Dotted names of what is set, two levels deep; -1 and null are no limits to the runtime specification. */
function fieldsOf(resources: Table): string[] {
  return Object.entries(resources).flatMap(([part, value]) => {
    if (Array.isArray(value)) return value.length === 0 ? [] : [part];
    if (typeof value !== 'object' || value === null) return isLimit(value) ? [part] : [];
    return Object.entries(value).flatMap(([key, one]) => (isLimit(one) ? [`${part}.${key}`] : []));
  });
}

function isLimit(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  return value !== undefined && value !== null && value !== -1 && value !== false && value !== '';
}

function tableOf(value: unknown): Table {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Table) : {};
}

/** Zero and less are no limit. */
function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' && value > 0 ? value : undefined;
}
