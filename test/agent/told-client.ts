// A client that looks at each answer and event: what is not as protocol/ says fails the call.

import { type Client, type ConnectOptions, connect as connectTo } from '../../agent/control/client.js';
import type { MethodName } from '../../agent/control/methods.js';
import { RESULTS, TYPES } from '../../protocol/results.js';

export type { Client } from '../../agent/control/client.js';

/** Throws an Error that names what differs. */
export function requireTold(what: MethodName | 'event', answer: unknown): void {
  const { error } = (what === 'event' ? TYPES.BerthEvent : RESULTS[what]).safeParse(answer);
  if (error === undefined) return;
  const wrong = error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
  throw new Error(`${what}: the answer is not as the protocol says: ${wrong.join('; ')}`);
}

/** As `connect` of agent/control/client.ts. */
export async function connect(target: string, options: ConnectOptions = {}): Promise<Client> {
  const client = await connectTo(target, options);
  return {
    address: client.address,
    closed: client.closed,
    async call(method, ...args) {
      const answer = await client.call(method, ...args);
      requireTold(method, answer);
      return answer;
    },
    async *events(since, given) {
      for await (const event of client.events(since, given)) {
        requireTold('event', event);
        yield event;
      }
    },
    open: (method, params, given) => client.open(method, params, given),
    onEvent: (listener) => client.onEvent(listener),
    close: () => client.close(),
  };
}
