// While the supervisor does not answer at the start, nothing is known of what runs: the agent serves what tells of the node,
// and refuses the rest.
import { BerthError } from '../../protocol/errors.js';
import type { MethodName } from '../control/methods.js';

const SERVED: ReadonlySet<string> = new Set<MethodName>([
  ...(['session.hello', 'session.ping', 'node.describe', 'node.doctor'] as const),
  ...(['events.subscribe', 'events.ack'] as const),
]);

export class StartGate {
  #open: boolean;

  constructor(open: boolean) {
    this.#open = open;
  }

  /** The workloads have been taken over. */
  open(): void {
    this.#open = true;
  }

  /** Undefined: the method is served. */
  refusal(method: string): BerthError | undefined {
    if (this.#open || SERVED.has(method)) return undefined;
    return new BerthError(
      'supervisor_unavailable',
      `${method.slice(0, 63)}: the agent has not taken over the workloads yet, because their supervisor does not answer`,
      { hint: 'See `berth doctor`, condition supervisor_unavailable, and try again.' },
    );
  }
}
