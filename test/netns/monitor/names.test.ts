import { mkdirSync, mkdtempSync, renameSync, rmSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import test from 'ava';
import { HintSet } from '../../../netns/monitor/hints.js';
import { NameReader } from '../../../netns/monitor/names.js';

const SETTLED_MS = 50;

function directory(): string {
  return mkdtempSync(join(tmpdir(), 'berth-names-'));
}

function vanished(reader: NameReader): string[] {
  const hints = new HintSet();
  reader.read(hints);
  return hints.take().map(({ kind, link, object }) => `${kind} ${link} ${object}`);
}

test('names with the prefix that vanish are told once, whether just now or long after', async (t) => {
  const path = directory();
  for (const name of ['b-1', 'b-2', 'b-3', 'x-1']) writeFileSync(join(path, name), '');
  const reader = new NameReader(path, 'b-');
  t.deepEqual(vanished(reader), []);
  unlinkSync(join(path, 'b-1'));
  unlinkSync(join(path, 'x-1'));
  t.deepEqual(vanished(reader), ['netns null b-1']);
  t.deepEqual(vanished(reader), []);
  await setTimeout(SETTLED_MS);
  t.deepEqual(vanished(reader), []);
  writeFileSync(join(path, 'b-4'), '');
  t.deepEqual(vanished(reader), []);
  unlinkSync(join(path, 'b-4'));
  unlinkSync(join(path, 'b-2'));
  reader.forget(['b-2', 'b-3']);
  t.deepEqual(vanished(reader), ['netns null b-4']);
  unlinkSync(join(path, 'b-3'));
  t.deepEqual(vanished(reader), ['netns null b-3']);
  rmSync(path, { recursive: true });
});

test('a name that was handed out without a change of the directory is told when it vanishes', async (t) => {
  const path = directory();
  writeFileSync(join(path, 'b-1'), '');
  const reader = new NameReader(path, 'b-');
  await setTimeout(SETTLED_MS);
  t.deepEqual(vanished(reader), []);
  reader.forget(['b-1', 'link0']);
  t.deepEqual(vanished(reader), []);
  unlinkSync(join(path, 'b-1'));
  t.deepEqual(vanished(reader), ['netns null b-1']);
  rmSync(path, { recursive: true });
});

test('a directory with a time to come, as a clock that was set back leaves it, is read no more than any other', async (t) => {
  const path = directory();
  const change = (what: () => void): void => {
    what();
    // The same stamp each time: only a look that reads the names notices the change.
    utimesSync(path, 4e9, 4e9);
  };
  change(() => writeFileSync(join(path, 'b-1'), ''));
  const reader = new NameReader(path, 'b-');
  t.deepEqual(vanished(reader), []);
  change(() => unlinkSync(join(path, 'b-1')));
  t.deepEqual(vanished(reader), ['netns null b-1'], 'within a tick of the first look');
  await setTimeout(SETTLED_MS);
  t.deepEqual(vanished(reader), []);
  change(() => writeFileSync(join(path, 'b-2'), ''));
  t.deepEqual(vanished(reader), []);
  change(() => unlinkSync(join(path, 'b-2')));
  t.deepEqual(vanished(reader), []);
  rmSync(path, { recursive: true });
});

test('the directory may be absent, come, and be another one', async (t) => {
  const parent = directory();
  const path = join(parent, 'netns');
  const reader = new NameReader(path, '');
  t.deepEqual(vanished(reader), []);
  mkdirSync(path);
  writeFileSync(join(path, 'a'), '');
  t.deepEqual(vanished(reader), []);
  await setTimeout(SETTLED_MS);
  t.deepEqual(vanished(reader), []);
  renameSync(path, join(parent, 'away'));
  mkdirSync(path);
  t.deepEqual(vanished(reader), ['netns null a']);
  rmSync(path, { recursive: true });
  t.deepEqual(vanished(reader), []);
  rmSync(parent, { recursive: true });
});
