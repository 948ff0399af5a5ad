// One watched cgroup: what is known of it, and what is to be told.
import { type CgroupEvents, EVENTS_FILES, type EventsReader } from '../events.js';
import type { CgroupSignal } from './types.js';

/** What the kernel itself changes; not worth a call. */
const ANNOUNCED = /\.events(\.local)?$/;
/** Written by whoever opens a trigger, and announced each time that one fires. `cgroup.pressure` is a switch. */
const TRIGGERS = /^(cpu|memory|io|irq)\.pressure$/;

/** What a change of the file of this name means to whoever watches the cgroup. */
export function classify(file: string): 'counters' | 'written' | 'nothing' {
  if (EVENTS_FILES.includes(file)) return 'counters';
  return file === '' || ANNOUNCED.test(file) || TRIGGERS.test(file) ? 'nothing' : 'written';
}

export class WatchedCgroup {
  readonly dir: string;
  readonly #reader: EventsReader;
  readonly #listener: (signal: CgroupSignal) => void;
  readonly #written = new Set<string>();
  #events: CgroupEvents;
  #lost = false;
  #closed = false;

  constructor(dir: string, reader: EventsReader, events: CgroupEvents, listener: (signal: CgroupSignal) => void) {
    this.dir = dir;
    this.#reader = reader;
    this.#events = events;
    this.#listener = listener;
  }

  get events(): CgroupEvents {
    return this.#events;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Whether there is something to tell now. */
  noteChange(file: string): boolean {
    const meaning = classify(file);
    if (meaning === 'written') this.#written.add(file);
    return meaning !== 'nothing';
  }

  noteLost(): void {
    this.#lost = true;
  }

  /** Controllers were handed down or taken away. */
  noteControllers(): void {
    this.#reader.openMissing();
  }

  /** Tells what has been noted; false when the cgroup is gone. Throws what the listener throws, and SysError. */
  tell(): boolean {
    const events = this.#reader.read();
    const changed = events !== undefined && JSON.stringify(events) !== JSON.stringify(this.#events);
    if (events !== undefined) this.#events = events;
    const signals: CgroupSignal[] = changed ? [{ kind: 'events', events }] : [];
    for (const file of this.#written) signals.push({ kind: 'written', file });
    if (this.#lost) signals.push({ kind: 'lost' });
    if (events === undefined) signals.push({ kind: 'gone' });
    this.#written.clear();
    this.#lost = false;
    for (const signal of signals) if (!this.#closed) this.#listener(signal);
    return events !== undefined;
  }

  close(): void {
    this.#closed = true;
    this.#reader.close();
  }
}
