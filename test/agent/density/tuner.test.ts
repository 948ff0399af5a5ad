import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test from 'ava';
import { Tuner } from '../../../agent/density/tuner.js';
import { temporaryDirectory } from '../../runner/temporary.js';

function host(values: Readonly<Record<string, number>>) {
  const root = temporaryDirectory('tuner');
  const path = (key: string) => join(root, 'proc/sys', key.replaceAll('.', '/'));
  for (const [key, value] of Object.entries(values)) {
    mkdirSync(dirname(path(key)), { recursive: true });
    writeFileSync(path(key), `${value}\n`);
  }
  const directory = join(root, 'state');
  return {
    tuner: new Tuner({ directory, root }),
    value: (key: string) => Number(readFileSync(path(key), 'utf8')),
    set: (key: string, value: number) => writeFileSync(path(key), `${value}\n`),
    conf: join(root, 'etc/sysctl.d/60-berth.conf'),
    rollback: join(directory, 'sysctl.rollback.json'),
  };
}

const LOW = { 'kernel.keys.maxkeys': 200, 'net.ipv4.neigh.default.gc_thresh3': 1024 };
const HIGH = { 'fs.inotify.max_user_watches': 99_000_000 };

test('what is too low is lifted and kept for the next boot; what is high enough is never lowered', async (t) => {
  const { tuner, value, conf } = host({ ...LOW, ...HIGH });
  t.deepEqual(await tuner.apply(1000), [
    { key: 'kernel.keys.maxkeys', before: 200, after: 4096, now: 4096 },
    { key: 'net.ipv4.neigh.default.gc_thresh3', before: 1024, after: 8192, now: 8192 },
  ]);
  t.is(value('net.ipv4.neigh.default.gc_thresh3'), 8192);
  t.is(value('fs.inotify.max_user_watches'), 99_000_000);
  t.is(
    readFileSync(conf, 'utf8'),
    '# Written by `berth doctor --fix`; `berth doctor --rollback` takes it back.\nkernel.keys.maxkeys = 4096\nnet.ipv4.neigh.default.gc_thresh3 = 8192\n',
  );
  t.deepEqual(await tuner.apply(1000), [], 'done again, there is nothing to do');
});

test('a plan changes nothing', async (t) => {
  const { tuner, value, conf } = host(LOW);
  t.is((await tuner.plan(1000)).length, 2);
  t.is(value('kernel.keys.maxkeys'), 200);
  t.false(existsSync(conf));
});

test('a rollback puts back the oldest values and the file of a person, and leaves alone what others changed', async (t) => {
  const { tuner, value, set, conf, rollback } = host(LOW);
  mkdirSync(dirname(conf), { recursive: true });
  const own = '# mine\nvm.swappiness = 10\nkernel/keys/maxkeys=300\n';
  writeFileSync(conf, own);
  await tuner.apply(1000);
  t.is(readFileSync(conf, 'utf8').match(/maxkeys/g)?.length, 1);
  t.regex(readFileSync(conf, 'utf8'), /# mine\nvm.swappiness = 10\n/);
  await tuner.apply(100_000);
  t.true(value('net.ipv4.neigh.default.gc_thresh3') > 8192);
  set('kernel.keys.maxkeys', 77_777);
  const settings = await tuner.rollback();
  t.is(value('net.ipv4.neigh.default.gc_thresh3'), 1024);
  t.is(value('kernel.keys.maxkeys'), 77_777);
  t.regex(settings.find(({ key }) => key === 'kernel.keys.maxkeys')?.problem ?? '', /somebody else/);
  t.is(readFileSync(conf, 'utf8'), own);
  t.false(existsSync(rollback));
  await t.throwsAsync(tuner.rollback(), { code: 'rollback_missing' });
});

test('a rollback cut short can be done again', async (t) => {
  const { tuner, value, rollback } = host(LOW);
  await tuner.apply(1000);
  const kept = readFileSync(rollback, 'utf8');
  await tuner.rollback();
  writeFileSync(rollback, kept);
  t.deepEqual(
    (await tuner.rollback()).map(({ now, problem }) => [now, problem]),
    [
      [200, undefined],
      [1024, undefined],
    ],
    'what is as it was is nobody else’s change',
  );
  t.is(value('kernel.keys.maxkeys'), 200);
});
