// The counters that the kernel announces: it sends IN_MODIFY for these files (cgroup-v2.rst), see signals/ for the listener.
import { closeSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf, sysErrorFrom } from '../linux/errors.js';
import { counter } from './keyed.js';
import { parseMemoryEvents } from './memory.js';
import { parsePidsEvents } from './pids.js';
import type { MemoryEvents } from './types.js';
import { type CgroupState, isGone } from './watch.js';

export interface CgroupEvents extends CgroupState {
  readonly memory?: MemoryEvents;
  /** Forks refused because of pids.max. */
  readonly pidsMax?: number;
}

const STATE = 'cgroup.events';
const MEMORY = 'memory.events';
const PIDS = 'pids.events';
export const EVENTS_FILES: readonly string[] = [STATE, MEMORY, PIDS];

/** Many readers may share one. None of these files is longer. */
export function eventsBuffer(): Buffer {
  return Buffer.alloc(1024);
}

/** Undefined when the cgroup is gone. Throws SysError when reading fails otherwise. */
export function readEvents(dir: string): CgroupEvents | undefined {
  const reader = EventsReader.open(dir);
  try {
    return reader?.read();
  } finally {
    reader?.close();
  }
}

/** Keeps up to three descriptors, which also keeps the files' inodes in memory: the kernel announces changes of no others. */
export class EventsReader {
  readonly #dir: string;
  readonly #fds = new Map<string, number>();
  readonly #buffer: Buffer;

  private constructor(dir: string, buffer: Buffer) {
    this.#dir = dir;
    this.#buffer = buffer;
  }

  /** Undefined when there is no such cgroup. Throws SysError: EMFILE. */
  static open(dir: string, buffer: Buffer = eventsBuffer()): EventsReader | undefined {
    const reader = new EventsReader(dir, buffer);
    try {
      reader.openMissing();
      if (reader.#fds.has(STATE)) return reader;
    } catch (error) {
      reader.close();
      throw error;
    }
    reader.close();
    return undefined;
  }

  /** Opens what was not there before: controllers may be handed to a cgroup later. Throws SysError. */
  openMissing(): void {
    for (const file of EVENTS_FILES) {
      if (this.#fds.has(file)) continue;
      const path = join(this.#dir, file);
      try {
        this.#fds.set(file, openSync(path, 'r'));
      } catch (error) {
        if (!isGone(error)) throw sysErrorFrom(error, 'open', path);
      }
    }
  }

  /** Undefined when the cgroup is gone, or after close. Throws SysError when reading fails otherwise. */
  read(): CgroupEvents | undefined {
    const state = this.#text(STATE);
    if (state === undefined) return undefined;
    const populated = counter(state, 'populated') === 1;
    const frozen = counter(state, 'frozen') === 1;
    // Each reading fills the one buffer anew.
    const memoryEnd = this.#fill(MEMORY);
    const memory = memoryEnd === undefined ? {} : { memory: parseMemoryEvents(this.#buffer, memoryEnd) };
    const pidsEnd = this.#fill(PIDS);
    const pids = pidsEnd === undefined ? {} : { pidsMax: parsePidsEvents(this.#buffer, pidsEnd) };
    return { populated, frozen, ...memory, ...pids };
  }

  close(): void {
    for (const fd of this.#fds.values()) closeSync(fd);
    this.#fds.clear();
  }

  #text(file: string): string | undefined {
    const end = this.#fill(file);
    return end === undefined ? undefined : this.#buffer.toString('latin1', 0, end);
  }

  #fill(file: string): number | undefined {
    const fd = this.#fds.get(file);
    if (fd === undefined) return undefined;
    try {
      return readSync(fd, this.#buffer, 0, this.#buffer.length, 0);
    } catch (error) {
      // ENODEV: the cgroup was removed, or the controller taken from it.
      if (codeOf(error) !== 'ENODEV') throw sysErrorFrom(error, 'read', join(this.#dir, file));
      closeSync(fd);
      this.#fds.delete(file);
      return undefined;
    }
  }
}
