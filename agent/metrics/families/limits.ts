// Families of limits, cpus and pressure: what others have changed, what the ladder does, who has cpus to itself.
import type { PlacementCapacity } from '../../placement/capacity.js';
import type { PressureStatus } from '../../pressure/status.js';
import { ACTION_KINDS, type Level } from '../../pressure/types.js';
import type { Collectors } from '../collectors.js';

export interface LimitFigures {
  /** Changes of limits by others, found and put back, by file. */
  readonly changes: Readonly<Record<'found' | 'repaired', ReadonlyMap<string, number>>>;
  /** Files that are left to others, and cgroups that cannot be removed. */
  readonly contested: number;
  readonly leaks: number;
  /** Below berth's own root: cgroups that are removed and held by what they are still charged for. */
  readonly dying: number;
  readonly pressure: PressureStatus;
  readonly cpus: PlacementCapacity;
  /** Exclusive cpus that something of the host may use as well. */
  readonly violations: number;
}

export interface LimitsSource {
  limits(): LimitFigures;
}

const LEVELS: readonly Level[] = ['calm', 'warn', 'act'];
const RESOURCES = ['memory', 'cpu', 'io'] as const;

export function addLimitFamilies(c: Collectors, source: LimitsSource): void {
  const figures = () => source.limits();
  const one = (name: string, help: string, value: (figures: LimitFigures) => number): void =>
    c.gauge(name, help, [], () => [[{}, value(figures())]]);
  one('berth_limits_contested', 'Limits that others keep changing and that are left as they are.', (f) => f.contested);
  one('berth_cgroup_leaks', 'Cgroups of ended workloads that cannot be removed.', (f) => f.leaks);
  one(
    'berth_cgroup_dying_descendants',
    'Removed cgroups of berth that the kernel keeps for the memory still charged to them.',
    (f) => f.dying,
  );
  one('berth_exclusive_cpus', 'Cpus that a workload has to itself, idle siblings included.', (f) => f.cpus.held);
  one('berth_exclusive_cpus_free', 'Cpus that could still be given to one workload alone.', (f) => f.cpus.free);
  one('berth_placement_violations', 'Exclusive cpus that services of the host may use, too.', (f) => f.violations);
  c.gauge('berth_pressure_level', 'Pressure of the host: 0 calm, 1 warn, 2 act.', ['resource'], () => {
    const { scopes } = figures().pressure;
    return RESOURCES.map((resource) => {
      const found = scopes.find((one) => one.scope === 'host' && one.resource === resource);
      return [{ resource }, LEVELS.indexOf(found?.level ?? 'calm')] as const;
    });
  });
  c.gauge('berth_pressure_scopes', 'Scopes (host, tenants, workloads) that are not calm, by level.', ['level'], () => {
    const { scopes } = figures().pressure;
    return (['warn', 'act'] as const).map(
      (level) => [{ level }, scopes.filter((scope) => scope.level === level).length] as const,
    );
  });
  c.counter(
    'berth_pressure_actions_total',
    'Steps of the pressure ladder, up and down; dry_run: only told.',
    ['action', 'dry_run'],
    () => {
      // A counter that appears with its first event hides that event from `increase`.
      const zeros = ['false', 'true'].flatMap((dry_run) =>
        ACTION_KINDS.map((action) => [{ action, dry_run }, 0] as const),
      );
      const counts = figures().pressure.counts.map(
        ({ action, dryRun, count }) => [{ action, dry_run: String(dryRun) }, count] as const,
      );
      return [...zeros, ...counts];
    },
  );
  c.counter('berth_futile_reclaim_total', 'Cgroups found stalled at memory.high with nothing to reclaim.', [], () => [
    [{}, figures().pressure.futile],
  ]);
}
