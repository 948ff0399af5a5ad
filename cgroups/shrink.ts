// A live shrink of memory.max: see shrink-plan.ts for what is decided, and why.
//
// Called off, it leaves the old limit. A kill between any two lines leaves a memory.max that was above the usage when it was
// written, with a step of room, and never below the target: nobody is killed for it, and writing either the old or the new
// limit goes on from there.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { defined } from '../linux/defined.js';
import { codeOf, sysErrorFrom } from '../linux/errors.js';
import { timeLimit } from '../linux/timers.js';
import { applyValues } from './apply.js';
import { wholeAt } from './keyed.js';
import { parseMemoryEvents } from './memory.js';
import { parsePressure } from './psi.js';
import { reclaimMemory } from './reclaim.js';
import { nextStep, type Reading, type ShrinkState, shrinkDeadline, type Why } from './shrink-plan.js';
import type { SlowWrite } from './slow-writes.js';
import { isGone } from './watch.js';

export interface ShrinkOptions {
  /** memory.max that is in force, and is put back after a refusal. Bytes. */
  readonly from: number | 'max';
  /** memory.max that is wanted. Bytes. */
  readonly to: number;
  /** Ends it, as a refusal; a step that the kernel is at is not waited for. */
  readonly signal?: AbortSignal;
  /** Milliseconds; then it is refused as `late`. Default: by what there is to reclaim. */
  readonly deadlineMs?: number;
  /** Bytes of one step, at most 64 MiB. Default: 5 % of what is in use, at least 4 MiB. */
  readonly stepBytes?: number;
  /** Bytes that must be free below the new limit, or the next allocation meets it. Default 1 MiB. */
  readonly slackBytes?: number;
  /** Milliseconds between two steps, in which refaults show. Default 50. */
  readonly pauseMs?: number;
  /** See ApplyOptions. */
  readonly slowly?: SlowWrite;
}

export interface Shrink {
  readonly outcome: 'done' | 'refused';
  /** Of a refusal. */
  readonly why?: Why;
  /** memory.max afterwards, as read back: the target, or what it was. */
  readonly achieved: number | 'max';
  /** memory.current at the end. */
  readonly current: number;
  readonly steps: number;
  /** How much less is in use than at the beginning. */
  readonly reclaimed: number;
  readonly figures: {
    readonly before: number;
    /** The least that was in use. */
    readonly least: number;
    readonly durationMs: number;
    /** Microseconds of full memory stall meanwhile. */
    readonly stalledUsec: number;
  };
}

const SLACK = 1 << 20;
const PAUSE_MS = 50;

/** Throws SysError when a file cannot be read or written, ENOENT when the cgroup is gone; the limit is put back then too. */
export async function shrinkMemory(dir: string, options: ShrinkOptions): Promise<Shrink> {
  const { from, to, signal, stepBytes, slackBytes: slack = SLACK, pauseMs = PAUSE_MS, slowly } = options;
  const how = slowly === undefined ? {} : { slowly };
  const first = read(dir);
  const limit = timeLimit(options.deadlineMs ?? shrinkDeadline(first.current - to), { within: signal });
  let state: ShrinkState = {
    target: to,
    slack,
    stepBytes,
    limit: from,
    poor: 0,
    asked: 0,
    before: undefined,
    window: undefined,
  };
  let reading = first;
  let least = first.current;
  let steps = 0;
  const end = async (limit: number | 'max', why?: Why): Promise<Shrink> => {
    const [held] = await applyValues(dir, [{ file: 'memory.max', value: String(limit) }], how);
    const last = read(dir);
    return {
      outcome: why === undefined ? 'done' : 'refused',
      ...defined({ why }),
      achieved: held?.value === 'max' ? 'max' : Number(held?.value),
      current: last.current,
      steps,
      reclaimed: first.current - last.current,
      figures: {
        before: first.current,
        least: Math.min(least, last.current),
        durationMs: last.atMs - first.atMs,
        stalledUsec: last.fullUsec - first.fullUsec,
      },
    };
  };
  try {
    for (;;) {
      if (limit.signal.aborted) return await end(from, signal?.aborted === true ? 'aborted' : 'late');
      const { state: next, action } = nextStep(state, reading);
      state = next;
      if (action.kind === 'done') return await end(action.limit);
      if (action.kind === 'refused') return await end(from, action.why);
      if (action.limit !== undefined)
        await applyValues(dir, [{ file: 'memory.max', value: String(action.limit) }], how);
      const reclaimed = await unlessAborted(reclaim(dir, action.bytes, slowly), limit.signal);
      if (reclaimed === 'aborted') continue;
      if (!reclaimed) return await end(from, 'unsupported');
      steps += 1;
      await sleep(pauseMs, undefined, { signal: limit.signal }).catch(() => undefined);
      reading = read(dir);
      least = Math.min(least, reading.current);
    }
  } catch (error) {
    await applyValues(dir, [{ file: 'memory.max', value: String(from) }], how).catch(() => undefined);
    throw error;
  } finally {
    limit.done();
  }
}

/** The kernel does not let go of a step (at most 64 MiB) when it is told to; it ends by itself, and nobody needs its outcome. */
function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T | 'aborted'> {
  return new Promise((resolve, reject) => {
    const abort = (): void => resolve('aborted');
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}

/** False where the kernel cannot. */
async function reclaim(dir: string, bytes: number, slowly: SlowWrite | undefined): Promise<boolean> {
  try {
    await reclaimMemory(dir, bytes, slowly);
    return true;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false;
    throw error;
  }
}

function read(dir: string): Reading {
  const bytes = readBytes(dir, 'memory.current');
  const events = parseMemoryEvents(readBytes(dir, 'memory.events'));
  return {
    atMs: performance.now(),
    current: wholeAt(bytes, bytes.length),
    fullUsec: pressureOf(dir),
    maxEvents: events.max,
    oomKills: events.oomKill,
  };
}

/** 0 where the kernel keeps no account of it; then only progress is judged. */
function pressureOf(dir: string): number {
  try {
    return parsePressure(readFileSync(join(dir, 'memory.pressure'))).fullUsec;
  } catch (error) {
    if (isGone(error) || codeOf(error) === 'EOPNOTSUPP') return 0;
    throw sysErrorFrom(error, 'read', join(dir, 'memory.pressure'));
  }
}

function readBytes(dir: string, file: string): Buffer {
  try {
    return readFileSync(join(dir, file));
  } catch (error) {
    throw sysErrorFrom(error, 'read', join(dir, file));
  }
}
