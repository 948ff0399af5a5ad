// Changes by patch: read, merge and write are one step, under every interleaving and at every moment at which the agent may die.
import test, { type ExecutionContext } from 'ava';
import { BerthError } from '../../../protocol/errors.js';
import type { Life } from './fake-world.js';
import { newLife, nextLife, specOf, state } from './fake-world.js';

const MIB = 1 << 20;

async function running(t: ExecutionContext, over: Record<string, unknown> = {}) {
  const life = newLife();
  t.teardown(() => life.manager.close());
  await life.manager.recover();
  await life.manager.create(
    specOf({ resources: { memory: { limit: '256Mi' }, pids: 9 }, labels: { app: 'web' }, ...over }),
  );
  await life.until(state('running'));
  return life;
}

const file = ({ host }: Life, name: string) => host.cgroups.get('acme/web-1')?.get(name);

test('a patch changes what it names, in record, kernel and event, and leaves the rest', async (t) => {
  const life = await running(t);
  const actor = { role: 'operator', uid: 0 } as const;
  const patch = { resources: { memory: { limit: '512Mi' } }, labels: { tier: 'front' } };
  const answer = await life.manager.patch('web-1', patch, { by: actor });
  t.is(answer.generation, 2);
  t.deepEqual(answer.changes, [
    { field: 'labels.tier', to: 'front' },
    { field: 'resources.memory.limit', from: 256 * MIB, to: 512 * MIB },
  ]);
  t.is(file(life, 'memory.max'), String(512 * MIB));
  t.is(file(life, 'pids.max'), '9');
  t.deepEqual(answer.spec.labels, { app: 'web', tier: 'front' });
  const updated = life.events.filter(({ type }) => type === 'workload.updated');
  t.is(updated.length, 1);
  t.like(updated[0], { workload: 'web-1', actor, data: { generation: 2 } });
  t.deepEqual(updated[0]?.data?.fields, ['labels.tier', 'resources.memory.limit']);
});

test('the same patch again is the same: no generation, no event, no call', async (t) => {
  const life = await running(t);
  const patch = { resources: { pids: 20 }, labels: { app: null } };
  t.is((await life.manager.patch('web-1', patch)).generation, 2);
  const [calls, events, writes] = [life.host.calls.length, life.events.length, life.journal.asked.length];
  const again = await life.manager.patch('web-1', patch);
  t.is(again.generation, 2);
  t.deepEqual(again.changes, []);
  t.deepEqual([life.host.calls.length, life.events.length, life.journal.asked.length], [calls, events, writes]);
  // Also with the generation of before: the answer of the first may have been lost.
  t.is((await life.manager.patch('web-1', patch, { ifGeneration: 1 })).generation, 2);
});

test('null takes a field back to its default, and the limit is lifted', async (t) => {
  const life = await running(t, { priority: 7 });
  const answer = await life.manager.patch('web-1', { resources: { pids: null }, priority: null });
  t.is(answer.spec.priority, 100);
  t.is(file(life, 'pids.max'), 'max');
});

test('patches at once: of many none is lost; with a generation, one wins and the others are told the fields', async (t) => {
  const life = await running(t);
  const names = ['a', 'b', 'c', 'd', 'e'];
  await Promise.all(names.map((name) => life.manager.patch('web-1', { labels: { [name]: '1' } })));
  const { record } = life.manager.actor('web-1');
  t.deepEqual(Object.keys(record.spec.labels).sort(), [...names, 'app'].sort());
  t.is(record.generation, 6);
  const outcomes = await Promise.allSettled(
    names.map((name) => life.manager.patch('web-1', { labels: { winner: name } }, { ifGeneration: 6 })),
  );
  t.is(outcomes.filter(({ status }) => status === 'fulfilled').length, 1);
  const refused = outcomes.flatMap((one) => (one.status === 'rejected' ? [one.reason as BerthError] : []));
  for (const error of refused)
    t.like(error, {
      code: 'conflict',
      data: { id: 'web-1', generation: 7, ifGeneration: 6, fields: ['labels.winner'] },
    });
});

const BAD: readonly (readonly [patch: Record<string, unknown>, code: string, message: RegExp])[] = [
  [{ priority: 'high' }, 'invalid_spec', /priority: must be a number/],
  [{ resources: { memory: { limit: 'lots' } } }, 'invalid_spec', /resources\.memory\.limit: must be a size/],
  [{ resources: null, colour: 'red' }, 'invalid_spec', /colour: is not known/],
  [{ resources: 'none' }, 'invalid_spec', /resources: must be an object/],
  [{ resources: { memory: { request: '1Gi' } } }, 'invalid_spec', /resources\.memory\.request/],
  [{ exec: null }, 'invalid_spec', /exec: is needed/],
  [{ id: 'web-2' }, 'immutable_field', /^id cannot be changed/],
  [{ id: null }, 'invalid_spec', /id: is missing/],
  [{ tenant: 'globex' }, 'immutable_field', /^tenant cannot be changed/],
  [{ class: 'besteffort' }, 'immutable_field', /^class cannot be changed/],
  [{ exec: { env: { A: 'secret' } } }, 'immutable_field', /^exec cannot be changed/],
  [{ network: { mode: 'none' } }, 'immutable_field', /^network\.mode cannot be changed/],
  [{ resources: { cpu: { limit: 400 } } }, 'admission_refused', /cpu/],
];

for (const [patch, code, message] of BAD)
  test(`refused, nothing changes, and a dry run says so: ${JSON.stringify(patch)}`, async (t) => {
    const life = await running(t);
    const before = life.manager.actor('web-1').record;
    const rows = life.manager.capacity();
    const writes = life.journal.asked.length;
    const error = await t.throwsAsync(life.manager.patch('web-1', patch), { instanceOf: BerthError, message });
    t.is(error?.code, code as never);
    t.false(JSON.stringify([error?.message, error?.data]).includes('secret'));
    const dryRun = await life.manager.patch('web-1', patch, { dryRun: true }).then(
      ({ refused }) => refused,
      (thrown: BerthError) => thrown,
    );
    t.is(dryRun?.code, code as never);
    t.is(life.manager.actor('web-1').record, before);
    t.is(life.journal.asked.length, writes);
    t.deepEqual(life.manager.capacity(), rows);
    t.is(file(life, 'memory.max'), String(256 * MIB));
  });

test('a dry run says what would change, and changes nothing', async (t) => {
  const life = await running(t);
  const [calls, events] = [life.host.calls.length, life.events.length];
  const before = life.manager.actor('web-1').record;
  const rows = life.manager.capacity();
  const answer = await life.manager.patch('web-1', { resources: { pids: 3 } }, { dryRun: true });
  t.deepEqual(answer.changes, [{ field: 'resources.pids', from: 9, to: 3 }]);
  t.is(answer.refused, undefined);
  t.is(answer.generation, 1);
  t.is(life.manager.actor('web-1').record, before);
  t.deepEqual([life.host.calls.length, life.events.length], [calls, events]);
  t.deepEqual(life.manager.capacity(), rows);
});

test('a patch keeps the fields of a later version', async (t) => {
  const life = await running(t);
  const actor = life.manager.actor('web-1');
  await actor.patch({ spec: { ...actor.record.spec, later: { value: 1 } } as never });
  await life.manager.patch('web-1', { priority: 8 });
  t.like(actor.record.spec, { later: { value: 1 }, priority: 8 });
});

for (const arrives of [false, true])
  for (const calls of [0, 1, 2, 3])
    test(`killed after ${calls} calls of a patch, or at its write (it ${arrives ? 'arrives' : 'does not arrive'}): old or new, kernel as record`, async (t) => {
      const first = await running(t);
      await first.journal.idle();
      const before = first.manager.actor('web-1').record.spec;
      if (calls === 0) first.journal.dieAfter(0, arrives);
      else first.host.dieAfter(calls - 1);
      const patch = { resources: { memory: { limit: '300Mi' }, pids: 20 }, labels: { app: null, tier: 'x' } };
      void first.manager.patch('web-1', patch).catch(() => undefined);
      const second = await nextLife(first);
      t.teardown(() => second.manager.close());
      const { record } = second.manager.actor('web-1');
      const isNew = record.generation === 2;
      if (calls === 0) t.is(isNew, arrives);
      const wanted = isNew
        ? { ...before, resources: { memory: { ...before.resources.memory, limit: 300 * MIB }, pids: 20 } }
        : before;
      t.deepEqual(record.spec.resources, wanted.resources);
      t.deepEqual(record.spec.labels, isNew ? { tier: 'x' } : { app: 'web' });
      const again = await second.manager.patch('web-1', patch);
      t.is(again.generation, 2);
      t.is(file(second, 'memory.max'), String(300 * MIB));
      t.is(file(second, 'pids.max'), '20');
    });
