// Who waits for the root filesystem of a microVM, and for how long: with a program that ends when it is told to.
import { readdir, writeFile } from 'node:fs/promises';
import test, { type ExecutionContext } from 'ava';
import { type DiskLimits, Disks } from '../../../agent/images/disks.js';
import { Places } from '../../../agent/images/places.js';
import { directoryOf } from './fixture.js';

const chainOf = (digit: string) => [`sha256:${digit.repeat(64)}`];
const LIMITS: DiskLimits = { name: 'i', deadlineMs: 1000, maxBytes: 1 << 20, unpacked: 1000, minFree: 0 };

interface Run {
  readonly signal: AbortSignal | undefined;
  readonly end: () => void;
}

async function made(t: ExecutionContext) {
  const places = new Places(await directoryOf(t));
  const runs: Run[] = [];
  let onRun: () => void = () => undefined;
  const disks = new Disks({
    places,
    which: (name) => `/usr/bin/${name}`,
    run: (argv, { signal }) =>
      new Promise((resolve, reject) => {
        const end = async (): Promise<void> => {
          await writeFile(argv.find((word) => word.endsWith('.tmp/disk')) ?? '', 'a file system');
          resolve({ code: 0, output: '' });
        };
        signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
        runs.push({ signal, end: () => void end() });
        onRun();
      }),
  });
  await disks.open((damaged) => t.fail(damaged.problem));
  const nextRun = async (count: number): Promise<Run> => {
    while (runs.length < count) await new Promise<void>((resolve) => (onRun = resolve));
    return runs[count - 1] as Run;
  };
  return { places, disks, runs, nextRun };
}

test('one is made at a time, once for all who want it', async (t) => {
  const { disks, runs, nextRun } = await made(t);
  const all = ['a', 'a', 'b', 'a', 'b'].map((digit) => disks.provide(chainOf(digit), LIMITS));
  const first = await nextRun(1);
  await new Promise((resolve) => setImmediate(resolve));
  t.is(runs.length, 1);
  first.end();
  await all[0];
  (await nextRun(2)).end();
  await Promise.all(all);
  await disks.provide(chainOf('a'), LIMITS);
  t.is(runs.length, 2);
  t.not(disks.pathOf(chainOf('b')[0] ?? ''), undefined);
});

test('who no longer waits is told so at once; with the last of them it ends, and the next begins', async (t) => {
  const { places, disks, nextRun } = await made(t);
  const [one, two, three] = [new AbortController(), new AbortController(), new AbortController()];
  const [first, second] = [one, two].map(({ signal }) => disks.provide(chainOf('a'), { ...LIMITS, signal }));
  const run = await nextRun(1);
  const third = disks.provide(chainOf('b'), { ...LIMITS, signal: three.signal });
  const fourth = disks.provide(chainOf('c'), LIMITS);
  three.abort(new Error('third'));
  await t.throwsAsync(third, { message: 'third' });
  two.abort(new Error('second'));
  await t.throwsAsync(second as Promise<void>, { message: 'second' });
  t.false(run.signal?.aborted);
  one.abort(new Error('first'));
  await t.throwsAsync(first as Promise<void>, { message: 'first' });
  (await nextRun(2)).end();
  await fourth;
  t.is((await readdir(places.disks)).length, 2, 'the one of c, and what says that it is whole');
});

test('none is begun that the disk may have no room for', async (t) => {
  const { places, disks, runs, nextRun } = await made(t);
  const full = { ...LIMITS, maxBytes: Number.MAX_SAFE_INTEGER };
  for (const short of [{ unpacked: 2 ** 52 }, { minFree: 2 ** 52 }])
    await t.throwsAsync(disks.provide(chainOf('a'), { ...full, ...short }), { code: 'disk_full' } as object);
  t.is(runs.length, 0);
  t.deepEqual(await readdir(places.disks), []);
  const provided = disks.provide(chainOf('a'), LIMITS);
  (await nextRun(1)).end();
  await t.notThrowsAsync(provided);
});
