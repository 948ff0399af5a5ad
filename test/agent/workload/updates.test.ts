// Updates that lower memory for as long as the kernel needs, and who ends them: record and kernel agree whoever does.
import { getEventListeners } from 'node:events';
import test, { type ExecutionContext } from 'ava';
import { Updates } from '../../../agent/workload/updates.js';
import { BerthError } from '../../../protocol/errors.js';
import { newLife, nextLife, specOf, state } from './fake-world.js';

const MIB = 1 << 20;
const before = specOf({ resources: { memory: { limit: '256Mi' } } });
const after = specOf({ resources: { memory: { limit: '128Mi' } } });

/** A workload whose memory is being lowered until a signal calls that off, or `finish` says that it is done. */
async function shrinking(t: ExecutionContext) {
  const life = newLife();
  const { manager, host, world } = life;
  t.teardown(() => manager.close());
  await manager.recover();
  await manager.create(before);
  await life.until(state('running'));
  const max = () => Number(host.cgroups.get('acme/web-1')?.get('memory.max'));
  const shrink = world.cgroups.shrinkMemory.bind(world.cgroups);
  const held: { readonly signal: AbortSignal; readonly finish: () => void }[] = [];
  Object.assign(world.cgroups, {
    shrinkMemory: async (name: string, to: number, signal: AbortSignal) => {
      const from = max();
      host.cgroups.get(name)?.set('memory.max', String(from - MIB));
      const aborted = await new Promise<boolean>((resolve) => {
        held.push({ signal, finish: () => resolve(false) });
        signal.addEventListener('abort', () => resolve(true), { once: true });
      });
      if (!aborted) return shrink(name, to, signal);
      host.cgroups.get(name)?.set('memory.max', String(from));
      return { outcome: 'refused', why: 'aborted', achieved: from, current: from, steps: 1, reclaimed: 0 };
    },
  });
  const asked = new AbortController();
  const updating = manager.update('web-1', after, { signal: asked.signal });
  const outcome = updating.then(
    () => 'done',
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );
  while (held.length === 0) await new Promise(setImmediate);
  return { ...life, asked, outcome, held, max };
}

test('the end of a request leaves the old limit and the old record, and the next update works', async (t) => {
  const { manager, asked, outcome, held, max } = await shrinking(t);
  asked.abort(new BerthError('shutting_down', 'the session has ended'));
  t.is(await outcome, 'the session has ended');
  t.is(max(), 256 * MIB);
  t.like(manager.actor('web-1').record, { generation: 1, spec: before });
  t.is(getEventListeners(asked.signal, 'abort').length, 0);
  const again = manager.update('web-1', after);
  while (held.length === 1) await new Promise(setImmediate);
  held[1]?.finish();
  t.is((await again).generation, 2);
  t.is(max(), 128 * MIB);
  t.deepEqual(manager.actor('web-1').record.spec, after);
});

test('a request that ended while it waited for its turn changes nothing', async (t) => {
  const { manager, outcome, held, max } = await shrinking(t);
  const asked = new AbortController();
  const second = t.throwsAsync(manager.update('web-1', before, { signal: asked.signal }), { message: 'gone' });
  asked.abort(new Error('gone'));
  held[0]?.finish();
  t.is(await outcome, 'done');
  await second;
  t.is(max(), 128 * MIB);
  t.like(manager.actor('web-1').record, { generation: 2 });
  await t.throwsAsync(manager.update('web-1', before, { signal: asked.signal }), { message: 'gone' });
});

for (const wish of ['stop', 'delete'] as const)
  test(`a ${wish} does not wait until memory is lower`, async (t) => {
    const life = await shrinking(t);
    const desired = wish === 'stop' ? 'stopped' : 'deleted';
    await life.manager.wish('web-1', wish, { now: true });
    t.is(await life.outcome, `the update of workload "web-1" was called off: it is to be ${desired}`);
    await life.until(
      wish === 'stop' ? ({ type }) => type === 'workload.ended' : ({ type }) => type === 'workload.deleted',
    );
    t.is(life.manager.has('web-1'), wish === 'stop');
  });

test('a kill for pressure does not wait until memory is lower', async (t) => {
  const { manager, outcome } = await shrinking(t);
  t.true(await manager.killForPressure('web-1', 'the host stalls'));
  t.is(await outcome, 'the update of workload "web-1" was called off: it is to be killed for pressure');
});

test('the end of the agent puts the limit back, and the next one reads the old record', async (t) => {
  const life = await shrinking(t);
  await life.manager.endUpdates();
  t.is(life.max(), 256 * MIB, 'before the agent goes on with its end');
  t.is(await life.outcome, 'the agent is stopping');
  await t.throwsAsync(life.manager.update('web-1', after), { code: 'shutting_down' });
  const next = await nextLife(life);
  t.teardown(() => next.manager.close());
  t.like(next.manager.actor('web-1').record, { generation: 1, spec: before, state: 'running' });
});

test('nothing is kept of updates that have ended, however they did', async (t) => {
  const updates = new Updates();
  const asked = new AbortController();
  t.is(await updates.run('a', asked.signal, async () => 1), 1);
  await t.throwsAsync(
    updates.run('a', asked.signal, async () => {
      throw new Error('no');
    }),
    { message: 'no' },
  );
  t.is(getEventListeners(asked.signal, 'abort').length, 0);
  const other = updates.run('b', undefined, async (signal) => {
    await new Promise(setImmediate);
    return signal.aborted;
  });
  updates.callOff('a', 'not this one');
  t.false(await other);
  await updates.close();
});
