// What the agent asks of the host before it serves, and what follows when the host does not have it. A new installation is
// refused: nothing is lost, and a person is there. An agent that comes back to workloads takes them over, and the check becomes
// a condition; only what collides is refused. `refused` on a return is for what an agent cannot work without at all.
import { reportOf } from '../base/errors.js';
import type { Log } from '../base/log.js';

/** `first`: no workload is recorded here. `returning`: at least one is. */
export interface Outcome {
  readonly first: 'refused' | 'condition';
  /** `holds`: what is recorded is the proof. */
  readonly returning: 'refused' | 'condition' | 'holds';
  /** The code of what is thrown where it is refused. */
  readonly error?: string;
  /** The code of the condition where it is not. */
  readonly condition?: string;
}

/** Every check of a start. A new one is a line here and a row in the test, which fails without it. */
export const START_CHECKS = {
  /** Without root nothing of a workload can be seen or changed. */
  privileges: { first: 'refused', returning: 'refused', error: 'not_root' },
  /** In directories of somebody else it would delete what it does not know. */
  state: { first: 'refused', returning: 'holds', error: 'config_invalid' },
  /** Two agents would each undo the work of the other; the workloads have an agent. */
  sole: { first: 'refused', returning: 'refused', error: 'socket_in_use' },
  /** No workload of this boot can be running without it. */
  hierarchy: { first: 'refused', returning: 'refused', error: 'controller_missing' },
  /** The supervisor holds the processes: without it no agent sees an end or starts anything. */
  supervisor: { first: 'refused', returning: 'refused', error: 'supervisor_unavailable' },
  /** Nobody could give the agent an order. */
  socket: { first: 'refused', returning: 'refused', error: 'socket_in_use' },
  /** Specs that ask for a missing controller are refused one by one. */
  controllers: { first: 'condition', returning: 'condition', condition: 'controller_missing' },
  pools: { first: 'refused', returning: 'condition', error: 'pool_conflict', condition: 'pool_conflict' },
  tables: {
    first: 'refused',
    returning: 'condition',
    error: 'network_setup_failed',
    condition: 'network_setup_failed',
  },
  bridges: {
    first: 'refused',
    returning: 'condition',
    error: 'network_setup_failed',
    condition: 'network_setup_failed',
  },
  forwarding: { first: 'condition', returning: 'condition', condition: 'ip_forward_off' },
  web: { first: 'refused', returning: 'condition', error: 'socket_in_use', condition: 'web_unavailable' },
  /** web.config_file and the files that it names. */
  web_config: { first: 'refused', returning: 'condition', error: 'config_invalid', condition: 'web_unavailable' },
} as const satisfies Record<string, Outcome>;

export type StartCheck = keyof typeof START_CHECKS;

export class StartChecks {
  readonly #returning: boolean;
  readonly #log: Pick<Log, 'error'>;

  constructor(returning: boolean, log: Pick<Log, 'error'>) {
    this.#returning = returning;
    this.#log = log;
  }

  /** A check that did not hold. Throws `error` where that ends this start; otherwise its owner raises the condition. */
  failed(check: StartCheck, error: unknown): void {
    const outcome: Outcome = START_CHECKS[check];
    if ((this.#returning ? outcome.returning : outcome.first) === 'refused') throw error;
    this.#log.error(
      { check, ...reportOf(error) },
      'a check of the start does not hold; the agent starts with a condition',
    );
  }

  /** What `work` gives; undefined where it throws, and this start goes on without. */
  async run<T>(check: StartCheck, work: () => Promise<T> | T): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      this.failed(check, error);
      return undefined;
    }
  }
}
