// One action, carried out: the hook is asked, the actuator acts, and an event, a log line and a counter tell it with the
// figures that led to it, whatever the outcome. There is no silent path.

import type { Value } from '../../cgroups/types.js';
import { messageOf } from '../../linux/errors.js';
import { orLate } from '../../linux/timers.js';
import { runHook } from './hook.js';
import type { KillReason, PressureWorld } from './ports.js';
import type { Action, ActionKind } from './types.js';

/** `failed` counts as done: what did not work once is not what helps next. */
export type Outcome = 'done' | 'dry-run' | 'failed' | 'vetoed';

export interface Hook {
  readonly path: string;
  readonly timeoutMs: number;
}

export interface Order {
  readonly action: Action;
  readonly tenant: string;
  readonly dryRun: boolean;
  /** Undefined: none, or it has had its say. */
  readonly hook: Hook | undefined;
  /** Whether exit code 75 still counts. */
  readonly mayVeto: boolean;
  readonly figures: Readonly<Record<string, unknown>>;
  /** All that the layer `pressure` is to hold of the target now. */
  values(): readonly Value[];
  /** Whether another scope wants it frozen, or its balloon of this size, even when this one does not any more. */
  stillFrozen(): boolean;
  balloon(): number;
}

/** A kernel that is out of memory answers late; longer than this, the next step must not wait. */
const DEADLINE_MS = 10_000;
const LATE = Symbol('late');

export class Performer {
  readonly #world: Pick<PressureWorld, 'actuator' | 'events' | 'log'>;
  readonly #counts = new Map<string, { action: ActionKind; dryRun: boolean; count: number }>();
  readonly #abort = new AbortController();
  readonly #deadlineMs: number;

  constructor(world: Pick<PressureWorld, 'actuator' | 'events' | 'log'>, deadlineMs = DEADLINE_MS) {
    this.#world = world;
    this.#deadlineMs = deadlineMs;
  }

  counts(): readonly { readonly action: ActionKind; readonly dryRun: boolean; readonly count: number }[] {
    return [...this.#counts.values()];
  }

  /** Hooks that run are killed; what they would have held up goes on. */
  close(): void {
    this.#abort.abort();
  }

  /** Never rejects. */
  async perform(order: Order): Promise<Outcome> {
    const { action, dryRun, hook } = order;
    const asked = action.kind === 'freeze' || action.kind === 'kill';
    let said = '';
    if (!dryRun && asked && hook !== undefined) {
      const { path, timeoutMs } = hook;
      const { kind, scope, resource, target, why, ranked } = action;
      const { figures, tenant } = order;
      const document = { action: kind, scope, resource, workload: target, tenant, why, figures, ranked };
      const answer = await runHook(path, document, { timeoutMs, signal: this.#abort.signal });
      const vetoed = answer.verdict === 'veto';
      said = vetoed && !order.mayVeto ? 'wanted to put it off again' : answer.detail;
      if (vetoed && order.mayVeto) return this.#tell(order, 'vetoed', { hook: said });
    }
    const hookSaid = said === '' ? {} : { hook: said };
    if (dryRun) return this.#tell(order, 'dry-run', {});
    try {
      await inTime(this.#move(order), this.#deadlineMs);
      return this.#tell(order, 'done', hookSaid);
    } catch (error) {
      return this.#tell(order, 'failed', {
        ...hookSaid,
        error: messageOf(error),
      });
    }
  }

  #move(order: Order): Promise<unknown> {
    const { actuator } = this.#world;
    const { action } = order;
    const { target } = action;
    switch (action.kind) {
      case 'suppress':
      case 'release':
        return actuator.set(target, 'pressure', order.values());
      case 'reclaim':
        return actuator.reclaim(target, action.bytes);
      case 'balloon':
      case 'deflate':
        return actuator.balloon(target, order.balloon()) ?? Promise.reject(new Error('it has no balloon any more'));
      case 'freeze':
        return actuator.freeze(target);
      case 'thaw':
        return order.stillFrozen() ? Promise.resolve() : actuator.thaw(target);
      case 'kill':
        return actuator.kill(target, reasonOf(order));
    }
  }

  #tell(
    { action, tenant, dryRun, figures }: Order,
    outcome: Outcome,
    more: Readonly<Record<string, unknown>>,
  ): Outcome {
    const { kind, scope, resource, target, why, ranked, skipped } = action;
    const key = `${kind} ${dryRun}`;
    const before = this.#counts.get(key)?.count ?? 0;
    this.#counts.set(key, { action: kind, dryRun, count: before + 1 });
    const data = {
      ...{ scope, resource, action: kind, dryRun, target, outcome, why, figures, ranked, skipped },
      ...('applied' in action && action.applied !== null ? { holds: holdsOf(action.applied) } : {}),
      ...('bytes' in action ? { bytes: action.bytes } : {}),
      ...more,
    };
    // A scheduler sees the events of its tenants, and must learn nothing of others from them; the log has all of it.
    const own = { ...data, ranked: ranked.filter((one) => one.tenant === tenant) };
    this.#world.events.append({ type: 'pressure.action', workload: target, tenant, data: own });
    const level = outcome === 'failed' || (kind === 'kill' && outcome === 'done') ? 'error' : 'warn';
    this.#world.log[level]({ workload: target, ...data }, 'pressure.action');
    return outcome;
  }
}

function holdsOf({ values, bytes, depth }: { values: readonly Value[]; bytes: number; depth: number }): object {
  if (bytes > 0) return { balloon: bytes };
  return values.length === 0 ? { frozen: true } : { depth, values };
}

function reasonOf({ action, figures }: Order): KillReason {
  const { scope, resource, why } = action;
  return { cause: 'pressure', scope, resource, detail: `killed by the pressure ladder: ${why}`, figures };
}

async function inTime(work: Promise<unknown>, ms: number): Promise<void> {
  if ((await orLate(work, ms, LATE)) === LATE) throw new Error(`took longer than ${ms} ms`);
}
