// What berth would change of workloads of other engines, where it may advise: conditions, each with the command that cures it.
import { inSlices } from '../../../linux/sliced.js';
import type { AdoptedWorkload } from '../../model/adopted.js';
import type { Condition } from '../../model/condition.js';
import type { Change } from './engine.js';

/** As measured over the last half minute or more; absent: not known. Cores, bytes, processes. */
export interface Measured {
  readonly cpu?: number;
  readonly memory?: number;
  readonly pids?: number;
  /** Of the periods in which it ran, those in which its cpu limit held it back: 0 to 1. */
  readonly throttled?: number;
}

export interface Advised {
  readonly workload: AdoptedWorkload;
  readonly measured: Measured;
}

/** What a person does: a command to run, or a sentence where there is no command. */
type Command = (workload: AdoptedWorkload, change: Change) => string;

const MIB = 2 ** 20;
const MEMORY_STEP = 64 * MIB;
const FEWEST_PIDS = 1024;
/** Throttled in so many of its periods, with so much of its limit used, it waits for the limit and not for the cpu. */
const THROTTLED = 0.05;
const IDLE = 0.5;
/** Names in one condition. */
const MOST_NAMES = 3;

interface Rule {
  readonly code: string;
  readonly title: string;
  readonly why: string;
  /** Undefined: nothing is wrong with it. */
  readonly change: (advised: Advised) => Change | undefined;
}

const RULES: readonly Rule[] = [
  {
    code: 'adopted_no_memory_limit',
    title: 'A workload of another engine has no memory limit',
    why: 'it can take all memory of the host',
    // Twice what it uses: a limit at its use would kill it.
    change: ({ workload: { limits }, measured: { memory } }) =>
      limits.memory === null && memory !== undefined
        ? { memory: Math.max(1, Math.ceil((memory * 2) / MEMORY_STEP)) * MEMORY_STEP }
        : undefined,
  },
  {
    code: 'adopted_no_pids_limit',
    title: 'A workload of another engine has no limit of processes',
    why: 'a fork bomb in it takes all process ids of the host',
    change: ({ workload: { limits }, measured: { pids } }) =>
      limits.pids === null && pids !== undefined ? { pids: Math.max(FEWEST_PIDS, pids * 4) } : undefined,
  },
  {
    code: 'adopted_throttled_idle',
    title: 'A workload of another engine is throttled while it uses little of its cpu limit',
    why: 'short bursts meet the limit, and the workload waits although cpus are free',
    change: ({ workload: { limits }, measured: { cpu, throttled = 0 } }) =>
      limits.cpu !== null && cpu !== undefined && throttled >= THROTTLED && cpu < limits.cpu * IDLE
        ? { cpu: limits.cpu * 2 }
        : undefined,
  },
];

/** One condition a rule, with the command for the first workload. Cheap enough for thousands: to be made at each look. */
export async function adviceOf(all: Iterable<Advised>, command: Command): Promise<Condition[]> {
  const found = new Map<Rule, { readonly names: string[]; count: number; readonly fix: string }>();
  for await (const advised of inSlices(all))
    for (const rule of RULES) {
      const change = rule.change(advised);
      if (change === undefined) continue;
      const { engine, name } = advised.workload;
      const so = found.get(rule) ?? { names: [], count: 0, fix: command(advised.workload, change) };
      so.count++;
      if (so.names.length < MOST_NAMES) so.names.push(`${engine} ${name}`);
      found.set(rule, so);
    }
  return [...found].map(([{ code, title, why }, { names, count, fix }]): Condition => {
    const more = count - names.length;
    return {
      ...{ code, severity: 'info', title },
      why: `${names.join(', ')}${more === 0 ? '' : ` and ${more} more`}: ${why}.`,
      fix,
    };
  });
}
