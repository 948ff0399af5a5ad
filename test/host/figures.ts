// What the kernel of the lab says of cgroups, in figures: read there, so that the way to the lab is not measured.
import type { Host } from '../lab/host.js';
import { sh } from './scenario.js';

export const MOUNT = '/sys/fs/cgroup';

/** The values of one cgroup file, a line each; empty for a file that is not there. */
export async function filesOf(host: Host, directory: string, ...files: readonly string[]): Promise<readonly string[]> {
  const text = await sh(host, `cd ${directory}; for f in ${files.join(' ')}; do echo "$(cat $f 2>/dev/null)"; done`);
  const lines = text.split('\n');
  // The shell's answer comes without the empty lines at its end.
  return files.map((_, at) => lines[at] ?? '');
}

/** What every cgroup of workloads and tenants holds, by file, as text to compare. */
export function limitsHeld(host: Host, tree: string): Promise<string> {
  const files = ['cpu.max', 'cpu.max.burst', 'cpu.weight', 'cpu.idle', 'cpuset.cpus', 'pids.max', 'io.max'];
  const memory = ['min', 'low', 'high', 'max', 'swap.max', 'oom.group'].map((name) => `memory.${name}`);
  return sh(
    host,
    `cd ${tree}; for d in */ */*/; do for f in ${[...files, ...memory, 'cgroup.freeze'].join(' ')}; do [ -e $d$f ] && echo "$d$f $(xargs < $d$f)"; done; done; true`,
  );
}

/**
 * How much each of `counters` grows a second, over `seconds` of the guest's own clock. A counter is a shell command that
 * prints a number.
 */
export async function ratesOf(host: Host, counters: readonly string[], seconds: number): Promise<readonly number[]> {
  const look = `{ cut -d' ' -f1 /proc/uptime; ${counters.join('; ')}; } | xargs`;
  const text = await sh(host, `a=$(${look}); sleep ${seconds}; b=$(${look}); echo "$a"; echo "$b"`);
  const [before = [], after = []] = text.split('\n').map((line) => line.split(' ').map(Number));
  const elapsed = (after[0] ?? 0) - (before[0] ?? 0);
  return counters.map((_, i) => ((after[i + 1] ?? 0) - (before[i + 1] ?? 0)) / elapsed);
}

/** Microseconds of cpu. */
export const cpuUsage = (cgroup: string): string => `awk '/^usage_usec/ { print $2 }' ${cgroup}/cpu.stat`;

/** A key of io.stat, over all devices. */
export const ioStat = (cgroup: string, key: 'rbytes' | 'wbytes' | 'rios' | 'wios'): string =>
  `grep -o ' ${key}=[0-9]*' ${cgroup}/io.stat | awk -F= '{ n += $2 } END { print n + 0 }'`;

export interface Stall {
  /** Seconds. */
  readonly longest: number;
  readonly total: number;
}

/**
 * Watches a cgroup until `until` succeeds: the longest time on end in which all its tasks stood still for memory (more than
 * nine tenths of each quarter of a second), and all of it.
 */
export async function stallOf(host: Host, cgroup: string, until: string, seconds: number): Promise<Stall> {
  const script = `import os, sys, time
cgroup, until, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
def stalled():
  with open(cgroup + "/memory.pressure") as f: return int(f.read().split("full")[1].split("total=")[1]) / 1e6
begin = last = time.monotonic(); first = before = stalled(); run = longest = 0.0
while last - begin < seconds:
  time.sleep(0.25)
  now, full = time.monotonic(), stalled()
  run = run + now - last if full - before > 0.9 * (now - last) else 0.0
  longest = max(longest, run); last, before = now, full
  if run == 0.0 and os.system(until) == 0: break
else: sys.exit("still not so")
print(longest, before - first)`;
  const text = await sh(host, `python3 -c '${script}' ${cgroup} '${until}' ${seconds}`);
  const [longest = Number.NaN, total = Number.NaN] = text.split(' ').map(Number);
  return { longest, total };
}

/** A tenant with a limit of each kind, as configuration. */
export const limitedTenant = (name: string, memory: string): string => `[tenant.${name}.limits]
memory = "${memory}"
pids = 40
cpu = 0.5
cpu_weight = 77
descendants = 9
io = [{ device = "/dev/vda", writeBps = "8Mi" }]
`;

/** What the cgroup of such a tenant holds. */
export const limitsOfTenant = (host: Host, directory: string): Promise<readonly string[]> =>
  filesOf(host, directory, 'memory.max', 'pids.max', 'cpu.max', 'cpu.weight', 'cgroup.max.descendants', 'io.max');
