// Who asked for a change is in its events: every method that changes something hands the actor on, and who sees it.
import test from 'ava';
import { type Context, dispatch } from '../../../agent/control/dispatch.js';
import type { MethodName } from '../../../agent/control/methods.js';
import { METHOD_CLASSES } from '../../../agent/control/roles.js';
import { actorOf, eventFor } from '../../../agent/control/scoped.js';
import type { AgentService } from '../../../agent/control/service.js';
import { Agent } from '../../../agent/daemon/agent.js';
import type { AgentParts } from '../../../agent/daemon/agent-parts.js';
import type { BerthEvent, EventActor, NewEvent } from '../../../agent/model/event.js';
import { parseSpec } from '../../../agent/model/spec.js';
import { newLife } from '../workload/fake-world.js';
import { fakeService, specOf } from './fake-service.js';
import { QUESTIONS } from './role-table.js';

const EVERYTHING = { deadlineMs: null, graceMs: null, keepClass: null, tenant: null, selector: null };
const actor: EventActor = { role: 'operator', scheduler: 's', uid: 1000, user: 'ann', pid: 7 };
const holds = (value: unknown): boolean =>
  value === actor || (typeof value === 'object' && value !== null && Object.values(value).some((one) => one === actor));

test('every method that changes something hands on who asked', async (t) => {
  // What opened a stream has named them already.
  const changing = (Object.keys(METHOD_CLASSES) as MethodName[]).filter(
    (method) => ['change', 'operate', 'operate_host'].includes(METHOD_CLASSES[method]) && !method.startsWith('stream.'),
  );
  t.true(changing.length >= 18);
  for (const method of changing) {
    const told: string[] = [];
    const service = fakeService();
    await service.create(parseSpec(specOf('web', 'acme')));
    const watch = <T extends object>(watched: T): T =>
      new Proxy(watched, {
        get: (target, name) => {
          const member: unknown = Reflect.get(target, name);
          if (typeof member === 'object' && member !== null) return watch(member);
          if (typeof member !== 'function') return member;
          return (...args: unknown[]) => {
            if (args.some(holds)) told.push(String(name));
            return Reflect.apply(member, target, args);
          };
        },
      });
    const watched = watch<AgentService>(service);
    const grant = { role: 'operator', scheduler: 's', tenants: null, allow: null } as const;
    const streams = { open: (make: () => unknown) => make() };
    const context = { service: watched, grant, actor, now: () => 0, signal: new AbortController().signal, streams };
    await dispatch(method, QUESTIONS[method], context as unknown as Context).catch(() => undefined);
    t.is(told.length, 1, method);
  }
});

test('the events of a change to a workload have it, and those that berth makes itself have none', async (t) => {
  const { manager, world } = newLife({ config: { density: { reserved_cpu: 0 } } });
  await manager.recover();
  t.teardown(() => manager.close());
  const events: NewEvent[] = [];
  const { append } = world.events;
  world.events.append = (event) => {
    events.push(event);
    return append.call(world.events, event);
  };
  const parts = { manager, world, facts: {}, cordon: { set: async () => undefined } };
  const agent = new Agent(parts as unknown as AgentParts);
  const spec = parseSpec(specOf('web'));
  await agent.create(spec, { scheduler: null, by: actor });
  await agent.update('web', { ...spec, labels: { a: 'b' } }, { by: actor });
  await agent.wish('web', 'stop', actor);
  await agent.wish('web', 'stop', actor);
  await agent.delete('web', { now: true, by: actor });
  await agent.setCordoned(true, actor);
  await agent.setCordoned(false);
  await agent.drain(EVERYTHING, actor);
  while (!events.some(({ type }) => type === 'node.drained')) await new Promise((resolve) => setImmediate(resolve));
  const of = (type: string) => events.filter((event) => event.type === type).map((event) => event.actor);
  for (const type of ['workload.created', 'workload.updated']) t.deepEqual(of(type), [actor], type);
  t.deepEqual(of('node.cordoned'), [actor, actor]);
  t.deepEqual([...of('node.draining'), ...of('node.drained')][0], actor);
  t.deepEqual(of('node.uncordoned'), [undefined]);
  const wishes = events.filter(({ type }) => type === 'workload.requested');
  t.deepEqual(
    wishes.map(({ data, actor: who }) => [data?.wish, who]),
    [
      ['stop', actor],
      ['delete', actor],
    ],
  );
  t.true(of('workload.state').every((who) => who === undefined));
});

test('a session with scopes is told of itself, and of nobody else', (t) => {
  const event = (by?: EventActor): BerthEvent => ({
    ...{ cursor: 1, at: 1, type: 'workload.created', workload: 'web', tenant: 'acme', data: {} },
    ...(by === undefined ? {} : { actor: by }),
  });
  const scoped = { role: 'tenant', scheduler: 's', tenants: new Set(['acme']), allow: [] } as const;
  const whole = { role: 'viewer', scheduler: null, tenants: null, allow: [] } as const;
  const peers = [
    { kind: 'scheduler', id: 's', scopes: ['acme'], role: 'tenant', allow: [] },
    { kind: 'local', uid: 1000, user: 'ann', pid: 7, scopes: ['acme'], role: 'tenant', allow: [] },
    { kind: 'local', uid: 1001, scopes: ['acme'], role: 'tenant', allow: [] },
  ] as const;
  const actors = peers.map((peer) => actorOf(peer, { role: 'tenant', scheduler: peer.kind === 'local' ? null : 's' }));
  t.deepEqual(actors, [
    { role: 'tenant', scheduler: 's' },
    { role: 'tenant', uid: 1000, user: 'ann', pid: 7 },
    { role: 'tenant', uid: 1001 },
  ]);
  for (const self of actors)
    for (const by of [...actors, actor, undefined]) {
      t.deepEqual(eventFor(whole, event(by), self), event(by));
      t.deepEqual(eventFor(scoped, event(by), self), event(self === by ? by : undefined));
    }
});
