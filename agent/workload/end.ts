// Asks every witness of an end, and of a kill that a workload has survived.
import type { ExitRecord } from '../../systemd/supervisor/protocol.js';
import { describeEnd, evictedWords, type KernelKills, kernelKills, type Told } from '../ends/cause.js';
import { NOTHING_BEFORE, type Places, readCounters, readEvidence } from '../ends/evidence.js';
import type { KernelLog } from '../ends/kernel-log.js';
import type { CgroupPort } from '../limits/cgroup-port.js';
import type { Before, EndRecord, PressurePoint, WorkloadRecord } from '../model/record.js';
import type { DriverSet } from './driver-set.js';
import type { OutputStore } from './output.js';

export interface EndPorts {
  readonly cgroups: Pick<CgroupPort, 'path'>;
  readonly drivers: Pick<DriverSet, 'of'>;
  readonly kernelLog: KernelLog;
  readonly output: Pick<OutputStore, 'position' | 'tail'>;
  /** The last 60 s of a workload, oldest first; none when it is not measured. */
  readonly history: (id: string) => readonly PressurePoint[];
}

/** What is known of the ends of processes, and of kills that a workload has survived. */
export interface Witnesses {
  /** To be asked while the cgroup still exists. */
  explain(record: WorkloadRecord, exit: ExitRecord, asked: boolean): Promise<EndRecord>;
  /** What the kernel has killed in it since its `before`, and the `before` from which to count the next. */
  kernelKills(record: WorkloadRecord): Promise<Survived | undefined>;
}

export interface Survived {
  readonly kills: KernelKills;
  readonly before: Before;
}

/** Of the console of a VM: a panic with its register dump and call trace is some 5 KiB. */
const TAIL_BYTES = 32_768;

export async function before(ports: EndPorts, { id, spec, sandbox }: WorkloadRecord): Promise<Before> {
  const counters = readCounters(placesOf(ports, spec.tenant, sandbox.cgroup));
  const [kernelLog, output] = await Promise.all([ports.kernelLog.position(), ports.output.position(id)]);
  return { ...counters, kernelLog, output };
}

/** Of one that was told to go while nothing of it ran. */
export function endUnstarted({ end, evicted }: Pick<WorkloadRecord, 'end' | 'evicted'>): EndRecord {
  const never = { at: Date.now(), code: null, signal: null };
  if (evicted) return { ...never, ...evictedWords(evicted) };
  return end ?? { ...never, cause: 'stopped', detail: 'stopped before it started' };
}

/** See Witnesses. */
export async function explainEnd(
  ports: EndPorts,
  record: WorkloadRecord,
  exit: ExitRecord,
  asked: boolean,
): Promise<EndRecord> {
  const { id, spec, sandbox, process, killed } = record;
  const evicted = record.evicted ?? suspended(record);
  const { vm } = ports.drivers.of(spec.driver);
  const places = placesOf(ports, spec.tenant, sandbox.cgroup);
  const from = record.before ?? NOTHING_BEFORE;
  const [evidence, tail] = await Promise.all([
    readEvidence(places, from, ports.kernelLog),
    vm === undefined ? '' : ports.output.tail(id, from.output, TAIL_BYTES),
  ]);
  // A VMM whose guest went down ends with 0, whatever became of the program in it.
  const code = exit.code === 0 ? vm?.exitCode?.(spec, tail) : undefined;
  const described = describeEnd({
    ...{
      exit: code === undefined ? exit : { ...exit, code },
      process,
      before: record.before,
      evidence,
      places,
      tenant: spec.tenant,
      asked,
      evicted,
      killed,
    },
    need: vm?.charged(spec) ?? null,
    guest: vm?.explainEnd(spec, tail, exit),
    pressure: ports.history(id),
  });
  return process === null ? described : { ...described, process };
}

function suspended({ id, saved }: WorkloadRecord): Told | null {
  if (saved?.phase !== 'waiting' || saved.of !== id) return null;
  return { cause: 'suspended', detail: `suspended: its state is in snapshot ${saved.name}` };
}

/** See Witnesses. */
export async function kernelKillsOf(ports: EndPorts, record: WorkloadRecord): Promise<Survived | undefined> {
  const { spec, sandbox, process } = record;
  const places = placesOf(ports, spec.tenant, sandbox.cgroup);
  const since = record.before ?? NOTHING_BEFORE;
  const evidence = await readEvidence(places, since, ports.kernelLog);
  const kills = kernelKills({ process, before: since, evidence, places, tenant: spec.tenant });
  if (kills === undefined) return undefined;
  const kernelLog = evidence.kills?.at(-1)?.sequence ?? since.kernelLog;
  return { kills, before: { ...since, ...evidence.counters, kernelLog } };
}

function placesOf({ cgroups }: Pick<EndPorts, 'cgroups'>, tenant: string, cgroup: string): Places {
  return { own: cgroups.path(cgroup), tenant: cgroups.path(tenant) };
}
