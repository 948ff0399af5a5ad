import test from 'ava';
import { Shared } from '../../../agent/base/shared.js';
import { Shutdown } from '../../../agent/daemon/shutdown.js';

test('a step that waits for ever or fails is logged, and the next one has its turn', async (t) => {
  const warned: string[] = [];
  const log = {
    warn: (fields: object, message: string) => void warned.push(`${Object.values(fields)[0]}: ${message}`),
  };
  const shutdown = new Shutdown({ log, allMs: 20, oneMs: 10 });
  const done: string[] = [];
  await shutdown.step('stuck', () => new Promise(() => undefined));
  await shutdown.step('broken', () => Promise.reject(new Error('no')));
  await shutdown.step('thrown', () => {
    throw new Error('no');
  });
  await shutdown.step('stuck too', () => new Promise(() => undefined));
  await shutdown.step('last', async () => {
    done.push('last');
  });
  t.deepEqual(done, ['last']);
  t.deepEqual(warned, [
    'stuck: shutdown step cut at its deadline',
    'broken: shutdown step failed',
    'thrown: shutdown step failed',
    'stuck too: shutdown step cut at its deadline',
  ]);
});

test('an answer is found once for all who ask, kept for a moment, and never a failure', async (t) => {
  let now = 0;
  let found = 0;
  let fails = false;
  const shared = new Shared(
    async () => {
      found++;
      if (fails) throw new Error('no');
      return found;
    },
    1000,
    () => now,
  );
  t.deepEqual(await Promise.all([shared.get(), shared.get(), shared.get()]), [1, 1, 1]);
  now = 999;
  t.is(await shared.get(), 1);
  now = 1000;
  t.is(await shared.get(), 2);
  shared.forget();
  fails = true;
  await t.throwsAsync(shared.get());
  fails = false;
  t.is(await shared.get(), 4);
});
