// The supervisor's records against whatever may lie in their place, and against what another version writes.
import { appendFileSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { clearFile } from '../../systemd/supervisor/odd.js';
import { RecordStore } from '../../systemd/supervisor/records.js';
import { ODD_THINGS } from '../agent/odd-things.js';
import { temporaryDirectory } from '../runner/temporary.js';

const BOOT = 'boot';
const held = { id: 'web', phase: 'live', pid: 7, startTime: 8, startedAt: 9, cgroup: '/c', uptimeTicks: 10 } as const;

for (const { name, make } of ODD_THINGS) {
  test(`${name} among the records takes none of the others with it`, async (t) => {
    const runtime = temporaryDirectory('records');
    const store = new RecordStore(runtime, BOOT);
    store.writeHeld(held);
    for (const directory of ['held', 'exits'])
      for (const file of ['odd.json', 'odd.json.tmp', 'odd']) await make(join(runtime, directory, file));
    const found = new RecordStore(runtime, BOOT).load();
    t.deepEqual(found.held, [{ ...held, boot: BOOT }]);
    t.deepEqual(found.ended, []);
    t.is(found.damaged.length, 2);
    // The next start has nothing left to tell, and nothing is kept for ever.
    t.deepEqual(new RecordStore(runtime, BOOT).load().damaged, []);
    t.deepEqual(readdirSync(join(runtime, 'held')), ['web.json']);
  });

  test(`${name} in the place of a directory of records, or of the lock, is set aside`, async (t) => {
    const runtime = temporaryDirectory('records');
    for (const directory of ['held', 'exits']) await make(join(runtime, directory));
    const store = new RecordStore(runtime, BOOT);
    store.writeHeld(held);
    t.is(store.load().held.length, 1);
    const lock = join(runtime, 'supervisor.lock');
    await make(lock);
    clearFile(lock);
    t.notThrows(() => appendFileSync(lock, ''));
  });
}

test('a record of another version is held: with fields more, with fields less, and with a phase that nobody knows', (t) => {
  const runtime = temporaryDirectory('records');
  mkdirSync(join(runtime, 'held'));
  const write = (id: string, record: object) =>
    writeFileSync(join(runtime, 'held', `${id}.json`), JSON.stringify({ boot: BOOT, id, ...record }));
  write('later', { ...held, id: 'later', later: { a: 1 } });
  write('least', { pid: 7, startTime: 8, cgroup: '/c' });
  write('paused', { ...held, id: 'paused', phase: 'paused' });
  const found = new RecordStore(runtime, BOOT).load();
  t.deepEqual(found.damaged, []);
  t.deepEqual(
    found.held.map(({ id, phase, pid }) => [id, phase, pid]),
    [
      ['later', 'live', 7],
      ['least', 'live', 7],
      ['paused', 'live', 7],
    ],
  );
  t.like(found.held[0], { later: { a: 1 } });
});

test('what names no process, no cgroup or another id is no record', (t) => {
  const runtime = temporaryDirectory('records');
  mkdirSync(join(runtime, 'held'));
  const wrong: readonly object[] = [
    { ...held, pid: '7' },
    { ...held, pid: -1 },
    { ...held, startTime: 1.5 },
    { ...held, cgroup: 7 },
    { ...held, id: 'other' },
    { ...held, id: 7 },
  ];
  for (const [at, record] of wrong.entries())
    writeFileSync(join(runtime, 'held', `web${at}.json`), JSON.stringify({ boot: BOOT, ...record }));
  const found = new RecordStore(runtime, BOOT).load();
  t.deepEqual(found.held, []);
  t.is(found.damaged.length, wrong.length);
});
