// The effects, on files that hold still; test/host does it to real memory.
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { shrinkMemory } from '../../cgroups/shrink.js';
import { scratch } from './fixture.js';

const MIB = 1 << 20;

function cgroup(t: ExecutionContext): { dir: string; max: () => string } {
  const dir = scratch(t, 'leaf');
  writeFileSync(join(dir, 'memory.max'), String(256 * MIB));
  writeFileSync(join(dir, 'memory.reclaim'), '');
  return { dir, max: () => readFileSync(join(dir, 'memory.max'), 'utf8').trim() };
}

const signal = new AbortController().signal;

test('with room enough the limit is written and nothing is reclaimed', async (t) => {
  const { dir, max } = cgroup(t);
  const shrink = await shrinkMemory(dir, { from: 256 * MIB, to: 160 * MIB, signal });
  t.like(shrink, { outcome: 'done', achieved: 160 * MIB, current: 128 * MIB, steps: 0, reclaimed: 0 });
  t.is(max(), String(160 * MIB));
  t.is(readFileSync(join(dir, 'memory.reclaim'), 'utf8'), '');
});

test('what cannot be reclaimed is refused, and the limit is what it was', async (t) => {
  const { dir, max } = cgroup(t);
  const shrink = await shrinkMemory(dir, { from: 256 * MIB, to: 100 * MIB, pauseMs: 0, signal });
  t.like(shrink, { outcome: 'refused', why: 'futile', achieved: 256 * MIB, current: 128 * MIB, steps: 2 });
  t.is(max(), String(256 * MIB));
  t.is(readFileSync(join(dir, 'memory.reclaim'), 'utf8'), String(Math.round(128 * MIB * 0.05)));
});

test('a signal ends it and the limit is what it was', async (t) => {
  const { dir, max } = cgroup(t);
  const stop = new AbortController();
  const pending = shrinkMemory(dir, { from: 256 * MIB, to: 100 * MIB, pauseMs: 60_000, signal: stop.signal });
  stop.abort();
  t.like(await pending, { outcome: 'refused', why: 'aborted', achieved: 256 * MIB });
  t.is(max(), String(256 * MIB));
});

test('a kernel without memory.reclaim is said to be one', async (t) => {
  const { dir, max } = cgroup(t);
  rmSync(join(dir, 'memory.reclaim'));
  const shrink = await shrinkMemory(dir, { from: 256 * MIB, to: 100 * MIB, signal });
  t.like(shrink, { outcome: 'refused', why: 'unsupported', achieved: 256 * MIB });
  t.is(max(), String(256 * MIB));
});
