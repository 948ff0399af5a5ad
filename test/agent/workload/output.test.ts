// The end of an output by lines, over its parts: as tail(1) would say, whatever was written.
import { appendFileSync, mkdirSync, renameSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { logChunk } from '../../../agent/workload/log-chunk.js';
import { OutputStore } from '../../../agent/workload/output.js';
import { olderOf } from '../../../systemd/supervisor/output-file.js';
import { noteTime, timesOf } from '../../../systemd/supervisor/output-times.js';
import { fc, holdsAsync } from '../../runner/property.js';
import { temporaryDirectory } from '../../runner/temporary.js';

async function storeWith(id: string, older: Buffer, current: Buffer, gone: number): Promise<OutputStore> {
  const state = temporaryDirectory('output');
  const store = new OutputStore({ state, runtime: join(state, 'run'), maxBytes: 1 << 20 });
  await store.setup();
  const path = store.path(id);
  if (older.length > 0) {
    mkdirSync(olderOf(path));
    writeFileSync(join(olderOf(path), String(gone + older.length)), older);
  }
  writeFileSync(path, current);
  return store;
}

/** Where the last lines begin, read from the front. */
function expected(all: string, lines: number): number {
  const begins = [0, ...[...all.matchAll(/\n/g)].map(({ index }) => index + 1)].filter((at) => at < all.length);
  return lines === 0 ? all.length : (begins.at(-lines) ?? 0);
}

/** Mostly short lines, and now and then one that is longer than a block. */
const text = fc
  .array(fc.oneof(fc.constantFrom('\n', 'a', 'bc\n', '\n\n', 'ü\n'), fc.constant('x'.repeat(70_000))), {
    maxLength: 12,
  })
  .map((parts) => parts.join(''));

test('the last lines begin where they would be counted from the front, over a rotation and between blocks', async (t) => {
  await holdsAsync(
    t,
    fc.asyncProperty(text, fc.nat(100), fc.nat(8), fc.constantFrom(0, 7), async (all, percent, lines, gone) => {
      const bytes = Buffer.from(all, 'latin1');
      const cut = Math.floor((bytes.length * percent) / 100);
      const older = bytes.subarray(0, cut);
      const before = older.length > 0 ? gone : 0;
      const store = await storeWith('w', older, bytes.subarray(cut), before);
      t.is(await store.startOfLast('w', lines), before + expected(all, lines));
    }),
    { numRuns: 60 },
  );
});

test('the time of each byte and the start of what is new, over a rotation, for any marks', async (t) => {
  const piece = fc.record({ bytes: fc.integer({ min: 1, max: 9 }), later: fc.nat(3) });
  await holdsAsync(
    t,
    fc.asyncProperty(fc.array(piece, { maxLength: 12 }), fc.nat(12), fc.nat(40), async (list, cut, since) => {
      const state = temporaryDirectory('output');
      const store = new OutputStore({ state, runtime: join(state, 'run'), maxBytes: 1 << 20 });
      await store.setup();
      const path = store.path('w');
      // What came when, byte by byte, and the same in files.
      const cameAt: number[] = [];
      let at = 10;
      let base = 0;
      for (const [index, { bytes, later }] of list.entries()) {
        if (index === cut && index > 0) {
          base = cameAt.length;
          mkdirSync(olderOf(path));
          renameSync(path, join(olderOf(path), String(base)));
          renameSync(timesOf(path), timesOf(path, base));
        }
        at += later;
        noteTime(path, 1 << 20, { offset: cameAt.length - base, at });
        appendFileSync(path, 'x'.repeat(bytes));
        for (let byte = 0; byte < bytes; byte++) cameAt.push(at);
      }
      const first = cameAt.findIndex((came) => came >= since);
      t.is(await store.startSince('w', since), first < 0 ? cameAt.length : first);
      const read: number[] = [];
      for (let next = 0; next < cameAt.length; ) {
        const found = await store.read('w', { offset: next, limit: 5, times: true });
        const { times = [], bytes } = found;
        for (let byte = next; byte < next + bytes.length; byte++)
          read.push(times.findLast(({ offset }) => offset <= byte)?.at ?? -1);
        next = found.next;
      }
      t.deepEqual(read, cameAt);
    }),
    { numRuns: 60 },
  );
});

test('many marks: a piece ends where its times are as many as an answer has', async (t) => {
  const store = await storeWith('w', Buffer.alloc(0), Buffer.alloc(1500, 'x'), 0);
  for (let offset = 0; offset < 1500; offset++) noteTime(store.path('w'), 1 << 20, { offset, at: offset });
  const first = await store.read('w', { offset: 0, limit: 1500, times: true });
  t.deepEqual([first.next, first.times?.length, first.end], [1000, 1000, false]);
  const rest = await store.read('w', { offset: first.next, limit: 1500, times: true });
  t.deepEqual([rest.next, rest.times?.[0]], [1500, { offset: 1000, at: 1000 }]);
});

test('an output without times is as new as its last byte; marks beyond its end are of another', async (t) => {
  const store = await storeWith('w', Buffer.alloc(0), Buffer.from('old\n'), 0);
  const path = store.path('w');
  utimesSync(path, 100, 100);
  t.is(await store.startSince('w', 100_000), 0);
  t.is(await store.startSince('w', 100_001), 4);
  noteTime(path, 1 << 20, { offset: 9, at: 200_000 });
  t.deepEqual((await store.read('w', { limit: 10, times: true })).times, []);
  // Who cut the file begins anew: the mark beyond goes.
  noteTime(path, 1 << 20, { offset: 0, at: 50 });
  t.deepEqual((await store.read('w', { limit: 10, times: true })).times, [{ offset: 0, at: 50 }]);
  // A clock that was set back.
  noteTime(path, 1 << 20, { offset: 2, at: 20 });
  t.deepEqual((await store.read('w', { limit: 10, times: true })).times?.[1], { offset: 2, at: 50 });
});

test('of an output that is not there, the last lines begin at its start', async (t) => {
  const state = temporaryDirectory('output');
  const store = new OutputStore({ state, runtime: state, maxBytes: 1 << 20 });
  t.is(await store.startOfLast('nobody', 5), 0);
  t.is(await store.startOfLast('nobody', 0), 0);
});

const piece = (bytes: Buffer) => ({ bytes, next: 10 + bytes.length, end: true, missing: 0 });

test('a chunk is text where it is UTF-8 and bytes where it is not, and nothing is lost at the cut of a character', (t) => {
  t.deepEqual(logChunk(piece(Buffer.from('grün')), 'auto'), { next: 15, text: 'grün', end: true });
  const wild = Buffer.from([0x61, 0xff, 0x62]);
  t.deepEqual(logChunk(piece(wild), 'auto'), { next: 13, text: '', base64: wild.toString('base64'), end: true });
  const torn = Buffer.from('grü').subarray(0, 3);
  t.deepEqual(logChunk(piece(torn), 'auto'), { next: 12, text: 'gr', end: false });
  const rest = torn.subarray(2);
  t.deepEqual(logChunk(piece(rest), 'auto'), { next: 11, text: '', base64: rest.toString('base64'), end: true });
});
