import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import test from 'ava';
import { build } from 'esbuild';
import { SysError } from '../../linux/errors.js';
import { removalOf } from '../../netns/defaults.js';
import { openNetworkRoom } from '../../netns/index.js';
import { decodeError, encodeError } from '../../netns/protocol.js';
import type { NetworkRoom } from '../../netns/types.js';
import { makeNames } from './lab.js';

const HERE = fileURLToPath(new URL('.', import.meta.url));

test('errors keep what they carry on their way between the threads', (t) => {
  for (const detail of [{}, { path: 'p' }, { path: 'p', value: 'v', note: 'n: m' }, { note: 'only' }]) {
    const error = new SysError('op', 17, detail);
    const copy = decodeError(structuredClone(encodeError(error)));
    t.true(copy instanceof SysError);
    t.is(copy.message, error.message);
    t.like(copy, { op: 'op', errno: 17, errnoName: 'EEXIST', path: error.path, value: error.value });
  }
  t.regex(decodeError(encodeError(new TypeError('odd'))).message, /odd/);
});

test('the loopback has counters', async (t) => {
  const room = openNetworkRoom();
  const [lo] = await room.stats('lo');
  t.is(lo?.name, 'lo');
  t.true(Number.isInteger(lo?.rxBytes));
  await room.close();
  await room.close();
  await t.throwsAsync(room.stats('lo'), { message: /stats: ECANCELED: it is closed/ });
});

for (const [how, told] of [
  ['crash', /could not return/],
  ['exit', /exited with code 3/],
] as const) {
  test(`a worker's death (${how}) fails the calls under way and the room goes on`, async (t) => {
    const crashes: string[] = [];
    const room = openNetworkRoom({
      workerUrl: new URL('./crashing-worker.js', import.meta.url),
      onCrash: (error) => crashes.push(error.message),
    });
    t.is((await room.stats('lo')).length, 1);
    const failed = await Promise.allSettled([room.stats(how), room.stats('lo')]);
    for (const one of failed) {
      if (one.status === 'fulfilled') return t.fail('answered by a thread that was dying');
      t.true(one.reason instanceof SysError);
      t.like(one.reason, { op: 'network thread', errnoName: 'ECANCELED' });
      t.regex(String(one.reason), told);
    }
    t.is((await room.stats('lo')).length, 1);
    t.is(crashes.length, 1);
    await room.close();
    t.is(crashes.length, 1);
  });
}

test('a worker that cannot start is reported and does not spin', async (t) => {
  const crashes: Error[] = [];
  const room = openNetworkRoom({ workerUrl: new URL('./absent.js', import.meta.url), onCrash: (e) => crashes.push(e) });
  await t.throwsAsync(room.stats('lo'), { message: /ECANCELED/ });
  t.is(crashes.length, 1);
  await room.close();
});

test('bad input is refused with the name of the field', async (t) => {
  const room = openNetworkRoom();
  const network = { ...makeNames(0).sandbox(1), netns: 'a/b' };
  await t.throwsAsync(room.create(network), { instanceOf: SysError, message: /netns \(value "a\/b"\): EINVAL/ });
  await t.throwsAsync(room.remove(removalOf(network)), { instanceOf: SysError, message: /EINVAL/ });
  await room.close();
});

test('it works from a bundle with the worker beside it', async (t) => {
  const directory = await mkdtemp(join(HERE, 'bundle-'));
  try {
    await build({
      entryPoints: { main: join(HERE, '../../netns/index.js'), worker: join(HERE, '../../netns/worker.js') },
      outdir: directory,
      bundle: true,
      platform: 'node',
      format: 'esm',
      external: ['koffi'],
      logLevel: 'silent',
    });
    await writeFile(join(directory, 'package.json'), '{"type":"module"}');
    const bundle: { openNetworkRoom(): NetworkRoom } = await import(pathToFileURL(join(directory, 'main.js')).href);
    const room = bundle.openNetworkRoom();
    t.is((await room.stats('lo'))[0]?.name, 'lo');
    await room.close();
  } finally {
    await rm(directory, { recursive: true });
  }
});
