// A drain as it stands: what of it is done, and what a person is told about the node meanwhile. Pure.
import { type Clock, remaining } from '../base/clock.js';
import type { Condition } from '../model/condition.js';
import type { DrainOrder, DrainRequest, DrainView } from '../model/drain.js';
import { isAttachment } from '../model/external-spec.js';
import { isLeaving, isSettled } from '../model/lifecycle.js';
import type { WorkloadRecord } from '../model/record.js';
import { parseSelector, selects } from '../model/selector.js';
import { CLASSES } from '../model/spec.js';

/** After the deadline what is left was killed: what is there after this long does not go by itself. */
const LATE_MS = 30_000;
/** Workloads of which a view tells by name. */
const MOST_LEFT = 10;

export type Drained = Pick<DrainRequest, 'keepClass' | 'tenant' | 'selector'>;

/** Whether a drain is about a workload: networks of containers end with these, by their runtime. Throws `invalid_params` for a selector that is none. */
export function drainSelects({ keepClass, tenant, selector }: Drained): (record: WorkloadRecord) => boolean {
  const labels = selector === null ? [] : parseSelector(selector);
  // The highest class comes first.
  const kept = keepClass === null ? [] : CLASSES.slice(0, CLASSES.indexOf(keepClass) + 1);
  return ({ spec }) =>
    !isAttachment(spec) &&
    !kept.includes(spec.class) &&
    (tenant === null || spec.tenant === tenant) &&
    selects(labels, spec.labels);
}

/** What is left of a drain. */
export interface Undrained<T> {
  /** They run, or are to, and were not asked yet. */
  readonly waiting: readonly T[];
  /** On their way to rest, whoever asked them. */
  readonly stopping: readonly T[];
}

export function undrained<T extends { readonly record: WorkloadRecord }>(
  all: Iterable<T>,
  isMeant: (record: WorkloadRecord) => boolean,
): Undrained<T> {
  const left = [...all].filter(({ record }) => !isSettled(record.state) && (isMeant(record) || wasDrained(record)));
  return {
    waiting: left.filter(({ record }) => !isLeaving(record)),
    stopping: left.filter(({ record }) => isLeaving(record)),
  };
}

export function wasDrained({ evicted }: Pick<WorkloadRecord, 'evicted'>): boolean {
  return evicted?.cause === 'drained';
}

/** Milliseconds; negative: it is over since. */
export function drainTimeLeft({ deadline }: Pick<DrainOrder, 'deadline'>, clock: Clock, bootId: string): number {
  return deadline === null ? Number.POSITIVE_INFINITY : remaining(deadline, clock, bootId);
}

export function drainView(
  { deadline, lifting, opened: _, ...order }: DrainOrder,
  records: readonly WorkloadRecord[],
  { clock, bootId }: { readonly clock: Clock; readonly bootId: string },
): DrainView {
  const all = records.map((record) => ({ record }));
  const { waiting, stopping } = undrained(all, drainSelects(order));
  const stopped = records.filter((record) => isSettled(record.state) && wasDrained(record)).length;
  const leftMs = drainTimeLeft({ deadline }, clock, bootId);
  const open = waiting.length + stopping.length;
  const going = leftMs < -LATE_MS ? 'incomplete' : 'draining';
  return {
    ...order,
    phase: lifting ? 'lifting' : open === 0 ? 'drained' : going,
    deadlineAt: deadline === null ? null : Math.round(clock.wall() + leftMs),
    total: stopped + open,
    ...{ stopped, stopping: stopping.length, waiting: waiting.length },
    left: stopping.slice(0, MOST_LEFT).map(({ record: { id, spec, state, error } }) => ({
      ...{ id, tenant: spec.tenant, state, problem: error?.message ?? null },
    })),
  };
}

/** `drained` and `lifting` as well: whoever finds the node empty is told why. */
export function drainConditions(view: DrainView | null): readonly Condition[] {
  if (view === null) return [];
  const { phase, stopped, total, left } = view;
  const count = `${stopped} of ${total} workloads have stopped`;
  if (phase === 'incomplete')
    return [
      {
        ...{ code: 'drain_incomplete', severity: 'warning', title: 'The drain of this node is not complete' },
        why: `${count}, and the deadline is over. Left: ${left.map(leftText).join('; ')}.`,
        fix: 'See `berth workload show ID` for what holds each of them. `berth node uncordon` ends the drain.',
      },
    ];
  const titles = { draining: 'This node is being drained', drained: 'This node is drained', lifting: LIFTING };
  return [
    {
      ...{ code: 'node_drained', severity: 'info', title: titles[phase] },
      why:
        phase === 'lifting'
          ? 'Some workloads are waiting to start.'
          : `${count}. They stay stopped, after a reboot, too.`,
      fix: phase === 'lifting' ? 'No action is needed.' : '`berth node uncordon` starts them again.',
    },
  ];
}

const LIFTING = 'berth starts the workloads that the drain stopped';

export function leftText({ id, state, problem }: DrainView['left'][number]): string {
  return problem === null ? `${id} is ${state}` : `${id} is ${state}: ${problem}`;
}
