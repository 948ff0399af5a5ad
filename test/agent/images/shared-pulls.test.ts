import test from 'ava';
import { SharedPulls } from '../../../agent/images/shared-pulls.js';

/** Pulls that end when they are told to. */
function made(most: number) {
  const pulls = new SharedPulls<string>(() => most);
  const running: string[] = [];
  const end = new Map<string, () => void>();
  const pull = (key: string, signal?: AbortSignal) =>
    pulls.run(
      key,
      async () => {
        running.push(key);
        await new Promise<void>((resolve) => end.set(key, resolve));
        return key;
      },
      signal,
    );
  return { pulls, running, end, pull };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

test('whoever waits for its turn gets it, whoever before it has gone away', async (t) => {
  for (const gone of [[], ['b'], ['b', 'c'], ['c'], ['b', 'd']]) {
    const { running, end, pull } = made(1);
    const first = pull('a');
    const leaving = new Map(['b', 'c', 'd', 'e'].map((key) => [key, new AbortController()] as const));
    const waiting = [...leaving].map(([key, { signal }]) => pull(key, signal).catch(() => `${key} gone`));
    await turn();
    for (const key of gone) leaving.get(key)?.abort(new Error('gone'));
    await turn();
    t.deepEqual(running, ['a']);
    end.get('a')?.();
    await first;
    const left = ['b', 'c', 'd', 'e'].filter((key) => !gone.includes(key));
    for (const key of left) {
      await turn();
      t.is(running.at(-1), key, `without ${gone.join(' and ')}`);
      end.get(key)?.();
      await turn();
    }
    t.deepEqual(
      await Promise.all(waiting),
      ['b', 'c', 'd', 'e'].map((key) => (gone.includes(key) ? `${key} gone` : key)),
    );
  }
});

test('who ask for one image wait for one pull, which ends with the last of them', async (t) => {
  const { pulls, running, end, pull } = made(2);
  const [one, two] = [new AbortController(), new AbortController()];
  const both = [pull('a', one.signal), pull('a', two.signal)];
  await turn();
  t.deepEqual(running, ['a']);
  one.abort(new Error('gone'));
  await t.throwsAsync(both[0] as Promise<string>, { message: 'gone' });
  end.get('a')?.();
  t.is(await both[1], 'a');
  await turn();
  t.is(pulls.size, 0);
});
