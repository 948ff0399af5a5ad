// Why a process is no more: what the supervisor saw (wait status), what the kernel counted and logged, what berth had decided,
// and what a VM said of its guest, joined into one record.
//
// The counters tell of a kill; the log only says whose memory ran out and who the victim was, and may be missing. A
// guest's console is the guest's own word, and believed of itself alone.
import { defined } from '../../linux/defined.js';
import type { ExitRecord } from '../../systemd/supervisor/protocol.js';
import { formatSize } from '../base/units.js';
import type { Before, EndRecord, Evicted, Killed, PressurePoint, ProcessRecord, Victim } from '../model/record.js';
import { type Evidence, NOTHING_BEFORE, type Places } from './evidence.js';
import { type KernelKill, within } from './kmsg.js';

export interface EndFacts {
  readonly exit: ExitRecord;
  readonly process: ProcessRecord | null;
  readonly before: Before | null;
  readonly evidence: Evidence;
  readonly places: Places;
  readonly tenant: string;
  /** A stop, a restart or a removal was wanted. */
  readonly asked: boolean;
  /** It was asked because it had to go for others. */
  readonly evicted: Told | null;
  readonly killed: Killed | null;
  /** Of a VM: bytes of its cgroup that the guest and the VMM are thought to need; null: not a VM. */
  readonly need: number | null;
  /** What the driver makes of the output of this run and of how the VMM exited. */
  readonly guest: { readonly by: 'guest' | 'vmm'; readonly detail: string } | undefined;
  readonly pressure: readonly PressurePoint[];
}

/** Why it was asked to end, where that is not just a wish. */
export type Told = Pick<Evicted, 'by' | 'detail'> & { readonly cause: Evicted['cause'] | 'suspended' };

type Level = 'limit' | 'tenant' | 'host';

/** What the kernel killed in a workload since `Before`. */
export interface KernelKills {
  /** memory.events oom_kill. */
  readonly count: number;
  readonly level: Level;
  /** Whether the main process is among the dead. */
  readonly main: 'surely' | 'perhaps' | 'no';
  readonly victim: Victim | undefined;
  /** Where, with the figures; the end of a sentence that begins with `killed by the kernel`. */
  readonly detail: string;
}

type KillFacts = Pick<EndFacts, 'process' | 'before' | 'evidence' | 'places' | 'tenant'>;

/** Undefined: none. */
export function kernelKills(facts: KillFacts): KernelKills | undefined {
  const { process, evidence, places } = facts;
  const before = facts.before ?? NOTHING_BEFORE;
  const count = evidence.counters.oomKill - before.oomKill;
  const kills = (evidence.kills ?? []).filter(({ cgroup, pid }) =>
    cgroup === null ? pid === process?.pid : within(cgroup, places.own),
  );
  if (count <= 0) return undefined;
  const ofMain = kills.find(({ pid }) => pid === process?.pid);
  const told = ofMain ?? kills.at(-1);
  const group = evidence.counters.oomGroupKill > before.oomGroupKill;
  const main = group || ofMain !== undefined ? 'surely' : kills.length > 0 ? 'no' : 'perhaps';
  // Of a group the first was chosen by the kernel, and the others died for it.
  const victim = group ? kills[0] : told;
  const level = levelOf(told?.exhausted ?? null, facts, before);
  return {
    ...{ count, level, main },
    victim: victim === undefined ? undefined : { pid: victim.pid, command: victim.command, memory: victim.rss },
    detail: `${whereOf(level, told, facts)}, memory.events oom_kill ${count})${victimWords(victim)}`,
  };
}

/** The log when it names the cgroup, else the counters, from the inside out. */
function levelOf(exhausted: string | null, { evidence, places }: KillFacts, before: Before): Level {
  if (exhausted !== null) {
    if (within(exhausted, places.own)) return 'limit';
    return exhausted === places.tenant ? 'tenant' : 'host';
  }
  if (evidence.counters.oom > before.oom) return 'limit';
  return evidence.counters.tenantOom > before.tenantOom ? 'tenant' : 'host';
}

function whereOf(level: Level, kill: KernelKill | undefined, { evidence, places, tenant }: KillFacts): string {
  const { memory } = evidence;
  const own = `memory.max ${size(memory?.limit)}, memory.peak ${size(memory?.peak, 'unknown')}`;
  const exhausted = kill?.exhausted ?? null;
  if (level === 'limit') {
    const inside = exhausted !== null && exhausted !== places.own;
    return inside
      ? `at a memory limit inside it, of ${exhausted.slice(places.own.length + 1)} (${own}`
      : `at its memory limit (${own}`;
  }
  if (level === 'tenant') {
    const figures = `memory.max ${size(memory?.tenant.limit)}, memory.peak ${size(memory?.tenant.peak, 'unknown')}`;
    return `at the memory limit of tenant ${tenant} (${figures}; its own ${own}`;
  }
  return exhausted === null || exhausted === 'host'
    ? `because the host was out of memory (${own}`
    : `at the memory limit of ${exhausted}, above all tenants (${own}`;
}

function victimWords(kill: KernelKill | undefined): string {
  return kill === undefined ? '' : `: process ${kill.pid} (${kill.command}) had ${formatSize(kill.rss)}`;
}

function size(bytes: number | null | undefined, none = 'max'): string {
  return bytes === null || bytes === undefined ? none : formatSize(bytes);
}

export function describeEnd(facts: EndFacts): EndRecord {
  const { at, code, signal } = facts.exit;
  const { memory } = facts.evidence;
  return {
    ...{ at, code, signal },
    ...reasonOf(facts, kernelKills(facts)),
    ...defined({ memory }),
    ...(facts.pressure.length === 0 ? {} : { pressure: facts.pressure }),
  };
}

type Reason = Pick<EndRecord, 'cause' | 'detail' | 'actor' | 'victim' | 'by'>;

/** Of an end that came about because others needed the room. */
export function evictedWords({ cause, by, detail }: Told): Reason {
  return { cause, detail, ...defined({ by }) };
}

function reasonOf(facts: EndFacts, kills: KernelKills | undefined): Reason {
  const { exit, killed, asked, evicted, guest } = facts;
  const { code, signal } = exit;
  const unseen = code === null && signal === null;
  const fatal = signal === 'SIGKILL' || unseen;
  // Whoever else had reason to kill it at that time is believed before a kill that may have been that of a child.
  const kernel = kills?.main === 'surely' || (kills?.main === 'perhaps' && !asked && killed === null);
  if (kills !== undefined && fatal && kernel) return killedByKernel(facts, kills);
  if (killed !== null && fatal) return { cause: killed.by, detail: killed.detail, actor: 'berth' };
  const also = kills === undefined ? '' : `; before that the kernel killed a process of it ${kills.detail}`;
  if (asked && evicted !== null)
    return { ...evictedWords(evicted), detail: `${evicted.detail} (${howOf(exit)})${also}` };
  if (asked) return { cause: 'stopped', detail: `stopped on request (${howOf(exit)})${also}` };
  if (guest?.by === 'guest') return { cause: 'guest', detail: guest.detail, actor: 'guest' };
  if (signal !== null) {
    const actor = signal === 'SIGKILL' ? { actor: 'unknown' as const } : {};
    return { cause: 'signal', detail: `ended by signal ${signal}${also}`, ...actor };
  }
  const said = guest === undefined ? '' : `: ${guest.detail}`;
  if (code !== null) return { cause: 'exit', detail: `exited with code ${code}${said}${also}` };
  return { cause: 'lost', detail: `ended while nobody could see its exit status${also}` };
}

function killedByKernel({ need, evidence }: EndFacts, { level, detail, victim }: KernelKills): Reason {
  const reason = { actor: 'kernel' as const, ...defined({ victim }) };
  const limit = evidence.memory?.limit ?? null;
  if (level !== 'limit' || need === null || limit === null)
    return { cause: level, detail: `killed by the kernel ${detail}`, ...reason };
  const needs = `guest and VMM are counted with ${formatSize(need)}`;
  return limit < need
    ? { cause: 'limit', detail: `killed by the kernel ${detail}; ${needs}, which is more than the limit`, ...reason }
    : {
        cause: 'vmm',
        detail: `the VMM needs more than its overhead: ${needs}, and it was killed ${detail}`,
        ...reason,
      };
}

function howOf(exit: ExitRecord): string {
  if (exit.signal !== null) return `signal ${exit.signal}`;
  return exit.code === null ? 'exit status unknown' : `exit code ${exit.code}`;
}
