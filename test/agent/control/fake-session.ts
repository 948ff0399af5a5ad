import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { EpochFence } from '../../../agent/control/authorise.js';
import { EventLog } from '../../../agent/control/event-log.js';
import { LIMITS, type Limits } from '../../../agent/control/limits.js';
import { NumberFile } from '../../../agent/control/number-file.js';
import type { AgentService } from '../../../agent/control/service.js';
import { Session } from '../../../agent/control/session.js';
import { Counters } from '../../../agent/control/stats.js';
import { fakeService } from './fake-service.js';
import { temporaryDirectory } from './harness.js';

export interface FakeSession {
  readonly session: Session;
  readonly service: AgentService;
  readonly closes: readonly number[];
  /** Sends one text; resolves with the next message from the agent. */
  ask(text: string): Promise<string>;
  /** What the agent could not explain: none, in a healthy one. */
  readonly defects: readonly unknown[];
}

/** A session of the local socket, without a socket: answers arrive at once. */
export function fakeSession(t: ExecutionContext, service: AgentService = fakeService(), limits: Partial<Limits> = {}) {
  const directory = temporaryDirectory(t);
  const events = new EventLog({ directory, bootId: 'boot-1' });
  const closes: number[] = [];
  const defects: unknown[] = [];
  const waiting: ((text: string) => void)[] = [];
  const session = new Session(
    {
      service,
      events,
      fence: new EpochFence(
        new NumberFile(join(directory, 'epochs.json'), { fsync: false, onDamage: () => undefined }),
      ),
      counters: new Counters(),
      limits: { ...LIMITS, requestsPerSecond: Number.POSITIVE_INFINITY, ...limits },
      now: () => 0,
      onDefect: (error) => defects.push(error),
    },
    {
      bufferedAmount: 0,
      send: (text, sent) => {
        sent();
        waiting.shift()?.(text);
      },
      close: (code) => closes.push(code),
    },
    { kind: 'local', uid: 0, role: 'operator', scopes: [], allow: null },
  );
  t.teardown(() => events.close());
  const ask = (text: string): Promise<string> =>
    new Promise((resolve) => {
      waiting.push(resolve);
      session.receive(text);
    });
  return { session, service, closes, defects, ask } satisfies FakeSession;
}
