// The effects, on files that hold still; test/host does it to real memory.
import { getEventListeners } from 'node:events';
import { readFileSync, readlinkSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { shrinkMemory } from '../../cgroups/shrink.js';
import { shrinkDeadline } from '../../cgroups/shrink-plan.js';
import type { SlowWrite } from '../../cgroups/slow-writes.js';
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

/** memory.reclaim is at it for as long as it likes; other files take what is written. */
function hangingReclaim() {
  const waiting: (() => void)[] = [];
  const slowly: SlowWrite = async (fd, text) => {
    if (readlinkSync(`/proc/self/fd/${fd}`).endsWith('memory.reclaim'))
      await new Promise<void>((resolve) => waiting.push(resolve));
    else writeSync(fd, text, 0);
  };
  return { slowly, waiting };
}

async function until(look: () => boolean): Promise<void> {
  while (!look()) await new Promise((resolve) => setTimeout(resolve, 1));
}

test('a signal does not wait for a step that the kernel is at', async (t) => {
  const { dir, max } = cgroup(t);
  const { slowly, waiting } = hangingReclaim();
  const stop = new AbortController();
  const pending = shrinkMemory(dir, { from: 256 * MIB, to: 100 * MIB, signal: stop.signal, slowly });
  await until(() => waiting.length === 1);
  t.true(Number(max()) < 256 * MIB, 'the limit follows from above');
  stop.abort();
  t.like(await pending, { outcome: 'refused', why: 'aborted', achieved: 256 * MIB });
  t.is(max(), String(256 * MIB));
  t.is(getEventListeners(stop.signal, 'abort').length, 0);
  waiting[0]?.();
  await new Promise(setImmediate);
  t.is(max(), String(256 * MIB), 'nor does the step change anything when it ends');
});

test('a step that the kernel never ends is given up at the deadline', async (t) => {
  const { dir, max } = cgroup(t);
  const { slowly } = hangingReclaim();
  // A thread in the kernel keeps the process; this one is not there.
  const alive = setInterval(() => undefined, 1000);
  t.teardown(() => clearInterval(alive));
  const shrink = await shrinkMemory(dir, { from: 256 * MIB, to: 100 * MIB, signal, slowly, deadlineMs: 300 });
  t.like(shrink, { outcome: 'refused', why: 'late', achieved: 256 * MIB });
  t.is(max(), String(256 * MIB));
});

test('the deadline grows with what there is to reclaim', (t) => {
  t.is(shrinkDeadline(-5), 60_000);
  t.is(shrinkDeadline(64 * MIB), 61_024);
  t.true(shrinkDeadline(1024 * 1024 * MIB) > 16_000_000);
});
