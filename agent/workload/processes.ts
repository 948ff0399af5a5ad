// The end of a workload's processes: those of its cgroup, its first process wherever it is, and those that root of the host
// can have moved out of the cgroup. They are still in its network namespace, and cannot take off no_new_privs.
import { constants } from 'node:os';
import { SysError } from '../../linux/errors.js';
import { isShieldedFrom } from '../../linux/init-signals.js';
import { signalProcess } from '../../linux/pidfd.js';
import { pause } from '../../linux/timers.js';
import { parseDuration } from '../base/units.js';
import type { Config } from '../config/schema.js';
import type { CgroupPort } from '../limits/cgroup-port.js';
import { STOP_SIGNALS, type StopSignal } from '../model/container-spec.js';
import type { Escaped, ProcessRecord, WorkloadRecord } from '../model/record.js';
import type { NetworkPort } from '../network/network-port.js';

/** Nothing a kernel kills outlives this, except in uninterruptible sleep on dead storage. */
const KILL_TIMEOUT_MS = 30_000;
const LONGEST_PAUSE_MS = 100;
const EMPTY_ROUNDS = 20;
const { SIGKILL } = constants.signals;

/** Milliseconds between the signal and the kill. Who goes for others goes by the node's, where that is shorter; a drain may say its own. */
export function graceOf(
  { spec, evicted }: Pick<WorkloadRecord, 'spec' | 'evicted'>,
  { lifecycle }: Pick<Config, 'lifecycle'>,
): number {
  const usual = parseDuration(lifecycle.stop_grace) ?? 10_000;
  const own = parseDuration(spec.stop.grace ?? '') ?? usual;
  if (evicted?.graceMs !== undefined) return evicted.graceMs;
  return evicted && evicted.cause !== 'drained' ? Math.min(own, usual) : own;
}

/** What ends a process that has no handler for it; the others do nothing then. */
const ENDING = (signal: StopSignal): boolean => signal !== 'SIGWINCH';

/** Asks the first process to end. pid and start time together name a process; the number alone may have been given to another by now. */
export function terminate(target: ProcessRecord, signal: StopSignal = 'SIGTERM'): void {
  // A later version may have written another name.
  const number = STOP_SIGNALS[signal] ?? STOP_SIGNALS.SIGTERM;
  try {
    // The default action of a signal does not reach the first process of a pid namespace, which most programs count on.
    signalProcess(target, ENDING(signal) && isShieldedFrom(target.pid, number) ? SIGKILL : number);
  } catch {
    // Without a descriptor to spare nobody is asked: the end comes with the cgroup, after the grace period.
  }
}

/** Kills the cgroup, and the first process where it has left it. Rejects with SysError when something lives on. */
export async function killProcesses(
  cgroups: Pick<CgroupPort, 'kill' | 'waitEmpty'>,
  { sandbox, process }: WorkloadRecord,
): Promise<void> {
  await cgroups.kill(sandbox.cgroup);
  await cgroups.waitEmpty(sandbox.cgroup, { timeoutMs: KILL_TIMEOUT_MS });
  if (process === null) return;
  const round = (): Round => ({ left: signalProcess(process, SIGKILL) ? [process.pid] : [], complete: true });
  await untilNone(round, 'its first process lives on');
}

/**
 * Kills what is left in the namespace with no_new_privs. Every exec program has it, a bundle's where it says so. Who came from
 * outside, an administrator with `ip netns exec`, does not have it and is left alone. Nobody is killed before the
 * first `note` has resolved; it is told of each once. Rejects with SysError, and as `note` does.
 */
export async function killEscaped(
  network: Pick<NetworkPort, 'members'>,
  netns: string,
  note: (found: readonly Escaped[]) => Promise<void>,
): Promise<void> {
  const noted = new Set<string>();
  const round = async (): Promise<Round> => {
    // Once it is durable that some have left, all are killed at sight: one that goes on in a new process every few milliseconds
    // has done so again by the time a disk has answered.
    const { bound, complete } = await network.members(netns, { kill: noted.size > 0 });
    const fresh = bound.filter((seen) => !noted.has(nameOf(seen)));
    if (fresh.length > 0) await note(fresh.map(({ pid, comm }) => ({ pid, command: comm })));
    for (const seen of fresh) noted.add(nameOf(seen));
    for (const seen of bound) signalProcess(seen, SIGKILL);
    // Also one that has ended since it was seen: it may have started another.
    return { left: bound.map(({ pid }) => pid), complete };
  };
  await untilNone(round, `somebody in ${netns} lives on`);
}

/** pid and start time. */
function nameOf({ pid, startTime }: Pick<ProcessRecord, 'pid' | 'startTime'>): string {
  return `${pid} ${startTime}`;
}

interface Round {
  readonly left: readonly number[];
  readonly complete: boolean;
}

/** On a host where processes come and go no round may be complete: then many that find nobody count as one. */
async function untilNone(kill: () => Round | Promise<Round>, note: string): Promise<void> {
  const end = performance.now() + KILL_TIMEOUT_MS;
  for (let empty = 0, wait = 1; ; wait = empty > 0 ? 1 : Math.min(2 * wait, LONGEST_PAUSE_MS)) {
    const { left, complete } = await kill();
    empty = left.length === 0 ? empty + 1 : 0;
    if (empty > 0 && (complete || empty >= EMPTY_ROUNDS)) return;
    if (performance.now() > end) {
      const value = left.slice(0, 20).join(' ');
      throw new SysError('kill', constants.errno.ETIMEDOUT, { value, note });
    }
    await pause(wait);
  }
}
