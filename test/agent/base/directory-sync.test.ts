import test from 'ava';
import { DirectorySync } from '../../../agent/base/directory-sync.js';

/** Syncs that end when they are told to. */
function held() {
  const syncs: { readonly path: string; readonly end: () => void; readonly fail: (error: Error) => void }[] = [];
  const entries = new DirectorySync(
    '/state',
    (path) => new Promise<void>((end, fail) => void syncs.push({ path, end, fail })),
  );
  return { entries, syncs };
}

const turn = () => new Promise(setImmediate);

test('all that come while a directory is synced share the next sync, which begins after them', async (t) => {
  const { entries, syncs } = held();
  const first = entries.sync();
  await turn();
  const others = [entries.sync(), entries.sync(), entries.sync()];
  await turn();
  t.deepEqual(
    syncs.map(({ path }) => path),
    ['/state'],
  );
  syncs[0]?.end();
  await first;
  await turn();
  t.is(syncs.length, 2, 'the sync under way may have missed them');
  syncs[1]?.end();
  await Promise.all(others);
  await turn();
  t.is(syncs.length, 2);
});

test('a failed sync is told to those who share it, and the next is tried', async (t) => {
  const { entries, syncs } = held();
  const first = entries.sync();
  await turn();
  const second = entries.sync();
  syncs[0]?.fail(new Error('no disk'));
  await t.throwsAsync(first, { message: 'no disk' });
  await turn();
  syncs[1]?.end();
  await t.notThrowsAsync(second);
});
