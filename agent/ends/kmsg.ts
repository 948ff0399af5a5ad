// What the kernel's log says of each process it kills for want of memory (mm/oom_kill.c): a summary line, the victim, and,
// where memory.oom.group is set, the rest of the cgroup.
//
//   oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/t,task_memcg=/t/w,task=hog,pid=7,uid=0
//   Memory cgroup out of memory: Killed process 7 (hog) total-vm:75876kB, anon-rss:30368kB, file-rss:2316kB, ...
//   Tasks in /t/w are going to be killed due to memory.oom.group set
//   Memory cgroup out of memory: Killed process 8 (helper) total-vm:...
//
// A host without memory says `global_oom` in place of oom_memcg, and begins with `Out of memory: `. The summary is rate
// limited (10 in 5 s), the victims are not.
import type { KmsgRecord } from '../../linux/kmsg.js';

export interface KernelKill {
  /** Of the record in the log. */
  readonly sequence: number;
  readonly pid: number;
  readonly command: string;
  /** Bytes of memory that the process had: anonymous, of files, and shared. */
  readonly rss: number;
  /** Directory of its cgroup; null: the log does not say. */
  readonly cgroup: string | null;
  /** Whose memory ran out: directory of the cgroup with the limit, `host`, or null: a cgroup that the log does not name. */
  readonly exhausted: string | null;
}

interface Summary {
  readonly exhausted: string;
  readonly cgroup: string;
  readonly pid: number;
}

/** Turns records, in order, into kills. A name of a process or cgroup may hold anything, so both ends are anchored. */
export class KillParser {
  readonly #mount: string;
  #summary: Summary | undefined;
  #group: string | undefined;

  /** `mount`: of the hierarchy; the log names cgroups from its root. */
  constructor(mount: string) {
    this.#mount = mount;
  }

  /** The kill that this record completes. A victim that is killed once more with its group is told twice. */
  feed({ sequence, text }: KmsgRecord): KernelKill | undefined {
    const summary = parseSummary(text);
    if (summary !== undefined) {
      const { exhausted, cgroup, pid } = summary;
      const where = exhausted === 'host' ? exhausted : this.#directory(exhausted);
      this.#summary = { exhausted: where, cgroup: this.#directory(cgroup), pid };
      this.#group = undefined;
      return undefined;
    }
    const group = /^Tasks in (\/.*) are going to be killed due to memory\.oom\.group set$/.exec(text)?.[1];
    if (group !== undefined) {
      this.#group = this.#directory(group);
      return undefined;
    }
    const victim = parseVictim(text);
    return victim === undefined ? undefined : { sequence, ...victim.process, ...this.#placeOf(victim) };
  }

  #directory(path: string): string {
    return path === '/' ? this.#mount : `${this.#mount}${path}`;
  }

  #placeOf({ process, host }: Victim): Pick<KernelKill, 'cgroup' | 'exhausted'> {
    const summary = this.#summary;
    if (summary?.pid === process.pid) return { cgroup: summary.cgroup, exhausted: summary.exhausted };
    // Of the group of the last victim, or of one whose summary was held back: the group tells, the summary may be of another.
    if (this.#group !== undefined) {
      const same = summary !== undefined && within(summary.cgroup, this.#group);
      return { cgroup: this.#group, exhausted: host ? 'host' : same ? summary.exhausted : null };
    }
    return { cgroup: null, exhausted: host ? 'host' : null };
  }
}

/** Whether one directory is another, or below it. */
export function within(directory: string, of: string): boolean {
  return directory === of || directory.startsWith(`${of}/`);
}

function parseSummary(text: string): Summary | undefined {
  const match =
    /^oom-kill:constraint=CONSTRAINT_\w+,nodemask=.*?,cpuset=.*?,mems_allowed=.*?,(?:global_oom|oom_memcg=(\/.*?)),task_memcg=(\/.*?),task=.*,pid=(\d+),uid=\d+$/.exec(
      text,
    );
  const [, limited, cgroup, pid] = match ?? [];
  if (cgroup === undefined || pid === undefined) return undefined;
  return { exhausted: limited ?? 'host', cgroup, pid: Number(pid) };
}

interface Victim {
  readonly process: Pick<KernelKill, 'pid' | 'command' | 'rss'>;
  readonly host: boolean;
}

/** The words before `Killed process` are the cause; a task that asked for memory may be the victim without a choice. */
function parseVictim(text: string): Victim | undefined {
  const match =
    /^(Memory cgroup out of memory|Out of memory(?: \([^)]*\))?): Killed process (\d+) \((.*)\) total-vm:\d+kB, anon-rss:(\d+)kB, file-rss:(\d+)kB, shmem-rss:(\d+)kB/.exec(
      text,
    );
  const [, why = '', pid, command, ...sizes] = match ?? [];
  if (pid === undefined || command === undefined) return undefined;
  const rss = sizes.reduce((sum, size) => sum + Number(size) * 1024, 0);
  return { process: { pid: Number(pid), command, rss }, host: why.startsWith('Out of memory') };
}
