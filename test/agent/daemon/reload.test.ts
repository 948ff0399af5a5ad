import test from 'ava';
import { configSchema } from '../../../agent/config/schema.js';
import { needRestart, Reloading } from '../../../agent/daemon/reload.js';
import { BerthError } from '../../../protocol/errors.js';

interface Heard {
  readonly words: string[];
  /** max_workloads of each configuration that was taken. */
  readonly taken: number[];
}

function reloading(
  load: () => Promise<ReturnType<typeof configSchema.parse>>,
  limits = async () => new Map([['acme', '9 MiB are in use']]),
): Heard & { reloading: Reloading } {
  const heard: Heard = { words: [], taken: [] };
  const say = (word: string) => (): void => void heard.words.push(word);
  const parts = {
    facts: { cpusOnline: 2 },
    world: {
      config: configSchema.parse({}),
      density: {
        setConfig: ({ density }: { density: { max_workloads: number } }) => heard.taken.push(density.max_workloads),
        look: () => {},
      },
      log: { info: () => {}, warn: say('warn'), error: say('error') },
    },
    events: { append: ({ type }: { type: string }) => heard.words.push(type) },
    governor: { configure: () => {} },
    late: {},
    prediction: { configure: async () => {} },
    limits: { reload: limits },
    pressure: { configure: async () => {} },
    observation: { web: { reload: async () => {} } },
  };
  const notify = { reloading: say('RELOADING'), ready: say('READY') };
  return { ...heard, reloading: new Reloading(parts as never, load, notify as never) };
}

const withMost = (max_workloads: number) => configSchema.parse({ density: { max_workloads } });

test('a reload answers when the new configuration is in force, with what waits and what is not met', async (t) => {
  const {
    reloading: one,
    words,
    taken,
  } = reloading(async () => configSchema.parse({ density: { max_workloads: 7 }, node: { labels: { zone: 'b' } } }));
  t.deepEqual(await one.run(), { restart: ['node'], unmet: [{ tenant: 'acme', why: '9 MiB are in use' }] });
  t.deepEqual(taken, [7]);
  t.deepEqual(words, ['RELOADING', 'warn', 'config.reloaded', 'READY']);
});

test('a configuration that is not valid changes nothing, is told, and the next one is taken', async (t) => {
  const answers = [Promise.reject(new BerthError('config_invalid', 'no such key')), Promise.resolve(withMost(3))];
  const { reloading: one, words, taken } = reloading(() => answers.shift() ?? Promise.reject(new Error('asked again')));
  await t.throwsAsync(one.run(), { code: 'config_invalid' });
  t.deepEqual(words, ['RELOADING', 'config.rejected', 'error', 'READY']);
  t.deepEqual(taken, []);
  await one.run();
  t.deepEqual(taken, [3]);
});

test('what fails on the way is not told as a configuration that is not valid', async (t) => {
  const limits = async (): Promise<never> => {
    throw new BerthError('internal', 'EIO');
  };
  const { reloading: one, words, taken } = reloading(async () => withMost(5), limits);
  await t.throwsAsync(one.run(), { message: 'EIO' });
  t.deepEqual(words, ['RELOADING', 'error', 'READY']);
  t.deepEqual(taken, [5]);
});

test('reloads come one after the other: the files of the last are in force at the end', async (t) => {
  let go = (): void => undefined;
  const slow = new Promise<void>((resolve) => {
    go = resolve;
  });
  let asked = 0;
  const { reloading: one, taken } = reloading(async () => {
    asked += 1;
    const mine = asked;
    if (mine === 1) await slow;
    return withMost(mine);
  });
  const both = [one.run(), one.run()];
  await new Promise((resolve) => setImmediate(resolve));
  t.is(asked, 1);
  go();
  await Promise.all(both);
  t.deepEqual(taken, [1, 2]);
});

test('sections that are taken live need no restart', (t) => {
  const before = configSchema.parse({});
  t.deepEqual(needRestart(before, withMost(3)), []);
  t.deepEqual(needRestart(before, configSchema.parse({ node: { labels: { a: 'b' } } })), ['node']);
});
