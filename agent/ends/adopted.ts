// Why a workload of another engine is no more: what its engine says, and what the kernel's log says of its cgroup. The cgroup
// itself is gone when the engine tells the end. Pure.
import { defined } from '../../linux/defined.js';
import { signalName } from '../../linux/wait.js';
import { formatSize } from '../base/units.js';
import type { EndedWorkload } from '../model/adopted.js';
import type { EndRecord } from '../model/record.js';
import { type KernelKill, within } from './kmsg.js';

export type AdoptedEnd = Pick<EndRecord, 'code' | 'signal' | 'cause' | 'detail' | 'actor' | 'victim'>;

type Level = 'limit' | 'host';
type Facts = Pick<EndedWorkload, 'engine' | 'id' | 'pid' | 'memory' | 'code' | 'asked' | 'oom'>;

const SIGKILL = 9;
const FIRST_SIGNAL = 128;
/** SIGRTMAX. */
const LAST_SIGNAL = 64;

/** `kills`: of this run or of others, oldest first; null: the log cannot be read. */
export function describeAdoptedEnd(facts: Facts, kills: readonly KernelKill[] | null): AdoptedEnd {
  const kill = killOf(facts, kills ?? []);
  // A label of the container may stand for its exit code in the words of Docker; nothing of it stands in the log.
  const number = kill !== undefined && isFirst(kill, facts) ? SIGKILL : signalOf(facts.code);
  const signal = number === null ? null : signalName(number);
  const code = number === null ? facts.code : null;
  return { code, signal, ...reasonOf(facts, number === SIGKILL, kill) };
}

/** A program may exit with such a code, too; every engine shows both alike. */
function signalOf(code: number | null): number | null {
  const signal = code === null ? 0 : code - FIRST_SIGNAL;
  return signal > 0 && signal <= LAST_SIGNAL ? signal : null;
}

interface Kill {
  readonly kernel: KernelKill;
  readonly level: Level;
  readonly where: string;
  /** Its first process is among the dead. Of one whose pid is not known any may be that. */
  readonly main: boolean;
}

/** The kill of its first process, else the last one in it. */
function killOf({ id, pid, memory }: Facts, kills: readonly KernelKill[]): Kill | undefined {
  const inside = kills.filter((one) => (one.cgroup === null ? one.pid === pid : ownOf(one.cgroup, id) !== undefined));
  const kernel = inside.find((one) => one.pid === pid) ?? inside.at(-1);
  if (kernel === undefined) return undefined;
  const { level, where } = placeOf(kernel, id, memory);
  return { kernel, level, where, main: pid === null || kernel.pid === pid };
}

/** For certain: of a kill whose cgroup the log does not name, the pid may be one of before. */
function isFirst({ kernel }: Kill, { pid }: Facts): boolean {
  return kernel.cgroup !== null && kernel.pid === pid;
}

/** The directory of its cgroup, whichever version of cgroups the engine uses: ids are in the paths of both. */
function ownOf(cgroup: string, id: string): string | undefined {
  const at = cgroup.indexOf(id);
  if (at < 0) return undefined;
  const end = cgroup.indexOf('/', at);
  return end < 0 ? cgroup : cgroup.slice(0, end);
}

function placeOf({ exhausted, cgroup }: KernelKill, id: string, memory: number | null): Pick<Kill, 'level' | 'where'> {
  const own = ownOf(cgroup ?? '', id);
  const limit = memory === null ? '' : ` (memory.max ${formatSize(memory)})`;
  if (exhausted === 'host') return { level: 'host', where: `because the host was out of memory${limit}` };
  if (exhausted === null)
    return { level: 'limit', where: `at a memory limit that the kernel log does not name${limit}` };
  if (own === undefined || !within(exhausted, own))
    return { level: 'host', where: `at the memory limit of ${exhausted}` };
  return exhausted === own
    ? { level: 'limit', where: `at its memory limit${limit}` }
    : { level: 'limit', where: `at a memory limit inside it, of ${exhausted.slice(own.length + 1)}${limit}` };
}

type Reason = Omit<AdoptedEnd, 'code' | 'signal'>;

function reasonOf(facts: Facts, killed: boolean, kill: Kill | undefined): Reason {
  const { engine, code, asked, oom } = facts;
  if (killed && kill?.main === true) {
    const { kernel, level, where } = kill;
    const { pid, command, rss: memory } = kernel;
    const victim = { pid, command, memory };
    const detail = `killed by the kernel ${where}: process ${pid} (${command}) had ${formatSize(memory)}`;
    return { cause: level, detail, actor: 'kernel', victim };
  }
  const also = kill === undefined ? '' : `; before that the kernel killed a process of it ${kill.where}`;
  if (killed && oom && kill === undefined && !asked)
    return { cause: 'limit', detail: `killed by the kernel for want of memory, as ${engine} says`, actor: 'kernel' };
  if (asked) return { cause: 'stopped', detail: `stopped through ${engine} (${howOf(code)})${also}` };
  if (code === null) return { cause: 'lost', detail: `ended, and ${engine} does not say how${also}` };
  const cause = signalOf(code) === null ? 'exit' : 'signal';
  return { cause, detail: `ended with ${howOf(code)}${also}`, ...defined({ actor: killed ? 'unknown' : undefined }) };
}

function howOf(code: number | null): string {
  const signal = signalOf(code);
  if (code === null) return 'exit code unknown';
  return signal === null ? `exit code ${code}` : `exit code ${code}, ${signalName(signal)}`;
}
