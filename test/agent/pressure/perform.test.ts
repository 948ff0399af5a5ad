import test from 'ava';
import { type Order, Performer } from '../../../agent/pressure/perform.js';
import type { ActuatorPort } from '../../../agent/pressure/ports.js';
import type { Action } from '../../../agent/pressure/types.js';

const done = async () => undefined;

function performer(actuator: Partial<ActuatorPort>, deadlineMs = 60_000) {
  const events: { type: string; data: Readonly<Record<string, unknown>> }[] = [];
  const logged: string[] = [];
  const all: ActuatorPort = {
    ...{ set: done, held: () => [], reclaim: done, balloon: done, freeze: done, thaw: done, kill: done },
    ...actuator,
  };
  const log = (level: string) => () => void logged.push(level);
  const world = {
    ...{ actuator: all, events: { append: (event: (typeof events)[number]) => events.push(event) } },
    log: { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') },
  };
  return { performer: new Performer(world, deadlineMs), events, logged };
}

function order(action: Pick<Action, 'kind'> & Partial<Action>, more: Partial<Order> = {}): Order {
  const rest = { scope: 'host', resource: 'memory', target: 'w', why: 'because', ranked: [], skipped: [] };
  return {
    ...{ action: { ...rest, applied: null, bytes: 1, ...action } as unknown as Action, tenant: 'acme', dryRun: false },
    ...{ hook: undefined, mayVeto: true, figures: {}, values: () => [], stillFrozen: () => false, balloon: () => 0 },
    ...more,
  };
}

test("what does not end within the deadline has failed, and what it says later is nobody else's", async (t) => {
  let late: (error: Error) => void = () => undefined;
  const freeze = () => new Promise<void>((_resolve, reject) => (late = reject));
  const { performer: one, events, logged } = performer({ freeze }, 1);
  t.is(await one.perform(order({ kind: 'freeze' })), 'failed');
  t.like(events[0]?.data, { outcome: 'failed', error: 'took longer than 1 ms' });
  t.deepEqual(logged, ['error']);
  late(new Error('and then it failed, too'));
});

test('a guest whose balloon is gone is told, not passed over', async (t) => {
  const { performer: one, events } = performer({ balloon: () => undefined });
  t.is(await one.perform(order({ kind: 'balloon' })), 'failed');
  t.regex(String(events[0]?.data.error), /no balloon/);
});

test('whom another scope wants frozen stays so', async (t) => {
  const thawed: string[] = [];
  const thaw = async (id: string) => void thawed.push(id);
  const { performer: one } = performer({ thaw });
  await one.perform(order({ kind: 'thaw' }, { stillFrozen: () => true }));
  t.deepEqual(thawed, []);
  await one.perform(order({ kind: 'thaw' }));
  t.deepEqual(thawed, ['w']);
});

test('an event names nobody of another tenant', async (t) => {
  const { performer: one, events } = performer({});
  const of = (id: string, tenant: string) => ({
    id,
    tenant,
    class: 'besteffort' as const,
    priority: 1,
    over: 1,
    usage: 1,
  });
  await one.perform(order({ kind: 'kill', ranked: [of('w', 'acme'), of('secret', 'bank')] }));
  t.like(events[0]?.data, { ranked: { length: 1, 0: { id: 'w' } } });
});
