// What of the pressure engine a person should know, as conditions of the node.
import { someOf } from '../base/some-of.js';
import type { Condition } from '../model/condition.js';
import type { FutileIncident } from './guard.js';
import type { PressureStatus } from './status.js';

/** At level act for this long, the ladder has done what it may and it was not enough. */
const LONG_MS = 60_000;
const NAMED = 3;

export function pressureConditions(status: PressureStatus, incidents: readonly FutileIncident[]): Condition[] {
  return [...unobservable(status), ...lasting(status), ...futile(incidents)];
}

function unobservable({ unobserved }: PressureStatus): Condition[] {
  const refused = unobserved.filter(({ crowded }) => !crowded);
  const found: Condition[] = [];
  if (refused.length > 0)
    found.push({
      code: 'pressure_unobservable',
      severity: 'warning',
      title: `The kernel gives no pressure trigger for ${someOf(
        refused.map(({ key }) => key),
        NAMED,
        ', ',
      )}`,
      why: `${refused[0]?.reason}. Pressure there is seen with the samples of the metrics only, if at all.`,
      fix: 'Boot without psi=0 and with CONFIG_PSI; raise the limits of descriptors and of inotify watches.',
    });
  if (refused.length < unobserved.length)
    found.push({
      code: 'pressure_triggers_used_up',
      severity: 'info',
      title: `${unobserved.length - refused.length} scopes have no pressure trigger of their own`,
      why: 'The kernel runs a thread for each cgroup with a trigger; the others are looked at with the samples of the metrics.',
      fix: 'Raise pressure.max_triggers, if a few seconds matter for single workloads.',
    });
  return found;
}

function lasting({ scopes, mode }: PressureStatus): Condition[] {
  return scopes
    .filter(({ level, forMs }) => level === 'act' && forMs >= LONG_MS)
    .map(({ scope, resource, forMs, some, full, idle }) => ({
      ...{ code: 'pressure_lasting', severity: 'warning' as const },
      title: `${scope} is short of ${resource} for ${Math.round(forMs / 1000)} s`,
      why: `some ${Math.round(some)} ms/s, full ${Math.round(full)} ms/s; ${mode === 'dry-run' ? 'dry run; ' : ''}${idle ?? 'steps are being taken'}`,
      fix: 'Move workloads away, lower overcommit in section [density], or allow more steps in section [pressure].',
    }));
}

function futile(incidents: readonly FutileIncident[]): Condition[] {
  const last = incidents.at(-1);
  if (last === undefined) return [];
  const where = [...new Set(incidents.map(({ workload, dir }) => workload ?? dir))];
  return [
    {
      ...{ code: 'memory_futile', severity: 'warning' },
      title: `memory.high stalls ${someOf(where, NAMED, ', ')}, and reclaim cannot help`,
      why: last.detail,
      fix: 'Take memory.high away or raise it, or allow swap; memory.max alone ends a workload that needs more.',
    },
  ];
}
