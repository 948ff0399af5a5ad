// Checks of limits: what others have changed, what cannot be kept, what should be asked for differently.
import { someOf } from '../base/some-of.js';
import type { Check } from './check.js';

/** More would be a report, not a line. */
const MOST = 3;

export const LIMIT_CHECKS: readonly Check[] = [
  {
    code: 'cgroup_second_writer',
    severity: 'warning',
    title: 'Somebody else changes limits of workloads',
    why: 'berth has put them back as often as cgroups.repairs allows and now leaves them as they are.',
    fix: 'Find who writes there (`auditctl -w /sys/fs/cgroup/berth.slice -p w`), and change limits with `berth workload update` instead.',
    when: (_facts, { limits }) => list(limits?.contested),
  },
  {
    code: 'cgroup_unwatched',
    severity: 'warning',
    title: 'Cgroups that cannot be watched',
    why: 'The kernel has no inotify watches left: changes by others and counters of memory are seen by the audit each minute only.',
    fix: 'Raise the limit: `sysctl -w fs.inotify.max_user_watches=1048576`, and keep it in /etc/sysctl.d/.',
    when: (_facts, { limits }) => ((limits?.unwatched ?? 0) === 0 ? undefined : String(limits?.unwatched)),
  },
  {
    code: 'tenant_over_limit',
    severity: 'warning',
    title: 'Tenants use more memory than their new limit',
    why: 'The kernel would kill to get there; the limit stays where it was until enough is given back.',
    fix: 'Stop or shrink workloads of the tenant; the limit is tried again each minute.',
    when: (_facts, { limits }) => list(limits?.tenants),
  },
  {
    code: 'cpu_throttled_idle',
    severity: 'info',
    title: 'Throttled while less than half of the limit is used',
    why: 'Threads that wake together use up the quota of a period at once and wait for the next one.',
    fix: 'Make the named change with `berth workload update`; it is taken live.',
    when: (_facts, { limits }) => list(limits?.throttled),
  },
  {
    code: 'memory_high_futile',
    severity: 'warning',
    title: 'memory.high where nothing can be given back',
    why: 'Without swap a workload of anonymous memory stalls at memory.high; berth lifts it when it sees that.',
    fix: 'Leave out resources.memory.high, or allow swap (resources.memory.swap) on a host that has some.',
    when: (_facts, { limits }) => list(limits?.high),
  },
  {
    code: 'cgroup_leak',
    severity: 'warning',
    title: 'Cgroups that cannot be removed',
    why: 'Something still holds them; their names and their memory stay in use.',
    fix: 'Look at the processes named in cgroup.procs there, or for one in uninterruptible sleep (`ps -eo pid,stat,wchan`).',
    when: (_facts, { limits }) => list(limits?.leaks),
  },
];

function list(found: readonly string[] = []): string | undefined {
  return found.length === 0 ? undefined : someOf(found, MOST);
}
