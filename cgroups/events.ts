// Told by the kernel when the counters of a cgroup change, instead of asking.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { sysErrorFrom } from '../linux/errors.js';
import { parseMemoryEvents } from './memory.js';
import { parsePidsEvents } from './pids.js';
import type { MemoryEvents } from './types.js';
import { type CgroupState, isGone, readState, tryWatch } from './watch.js';

export interface CgroupEvents extends CgroupState {
  readonly memory?: MemoryEvents;
  /** Forks refused because of pids.max. */
  readonly pidsMax?: number;
}

export interface WatchOptions {
  /** Ends the watch. */
  readonly signal: AbortSignal;
  /** Changes within this many milliseconds are told once. The kernel itself holds back for 10 ms. */
  readonly coalesceMs?: number;
  /** How often to look whether the cgroup is still there; kernfs sends nothing when it goes. Default 5000. */
  readonly goneMs?: number;
}

const WATCHED = ['cgroup.events', 'memory.events', 'pids.events'] as const;

/** Undefined when the cgroup is gone. Throws SysError when reading fails otherwise. */
export function readEvents(dir: string): CgroupEvents | undefined {
  const state = readState(dir);
  if (state === undefined) return undefined;
  const memory = readFile(join(dir, 'memory.events'));
  const pids = readFile(join(dir, 'pids.events'));
  return {
    ...state,
    ...(memory === undefined ? {} : { memory: parseMemoryEvents(memory) }),
    ...(pids === undefined ? {} : { pidsMax: parsePidsEvents(pids) }),
  };
}

/**
 * Calls `onChange` once at the start and then after changes; with undefined, for the last time, when the cgroup is
 * gone. Three inotify watches; returns false when the kernel gave none of them: then the caller must poll readEvents.
 */
export function watchEvents(
  dir: string,
  onChange: (events: CgroupEvents | undefined) => void,
  options: WatchOptions,
): boolean {
  const { signal, coalesceMs = 20, goneMs = 5000 } = options;
  if (signal.aborted) return false;
  let timer: NodeJS.Timeout | undefined;
  let ended = false;
  let last: string | undefined;
  const end = (): void => {
    ended = true;
    clearTimeout(timer);
    clearInterval(poll);
    for (const watcher of watchers) watcher.close();
    signal.removeEventListener('abort', end);
  };
  const tell = (): void => {
    timer = undefined;
    const events = tryRead(dir);
    if (events === 'unreadable') return;
    if (events === undefined) end();
    const text = JSON.stringify(events) ?? '';
    if (text === last) return;
    last = text;
    onChange(events);
  };
  const soon = (): void => {
    if (!ended) timer ??= setTimeout(tell, coalesceMs);
  };
  const watchers = WATCHED.flatMap((file) => tryWatch(join(dir, file), soon) ?? []);
  for (const watcher of watchers) watcher.unref();
  const poll = setInterval(() => existsSync(dir) || soon(), goneMs).unref();
  signal.addEventListener('abort', end, { once: true });
  tell();
  return watchers.length > 0;
}

// Out of descriptors for a moment, say. Counters only grow: the next change tells of this one as well.
function tryRead(dir: string): CgroupEvents | undefined | 'unreadable' {
  try {
    return readEvents(dir);
  } catch {
    return 'unreadable';
  }
}

function readFile(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch (error) {
    if (isGone(error)) return undefined;
    throw sysErrorFrom(error, 'read', path);
  }
}
