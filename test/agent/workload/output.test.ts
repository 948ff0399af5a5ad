// The end of an output by lines, over its parts: as tail(1) would say, whatever was written.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { logChunk } from '../../../agent/workload/log-chunk.js';
import { OutputStore } from '../../../agent/workload/output.js';
import { olderOf } from '../../../systemd/supervisor/output-file.js';
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
