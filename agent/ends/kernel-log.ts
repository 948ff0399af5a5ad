// The kernel's log as a witness of kills. It is read when something has died, and before a start, so that it needs no
// wake-up: what was logged in between is still in the ring buffer, or is lost, and then the counters speak alone.
import { setImmediate as turn } from 'node:timers/promises';
import { SysError } from '../../linux/errors.js';
import { KmsgReader, parseKmsg } from '../../linux/kmsg.js';
import type { Log } from '../base/log.js';
import { type KernelKill, KillParser } from './kmsg.js';

export interface KernelLog {
  /** Sequence number of the newest record; null when the log cannot be read. */
  position(): Promise<number | null>;
  /** Kills logged after the record numbered `position`, oldest first; null when the log cannot be read. */
  killsSince(position: number): Promise<readonly KernelKill[] | null>;
}

/** More are not kept: each is one death, and deaths are explained at once. */
const KEPT = 512;
/** Records between two turns of the event loop; each takes about 3 us. */
const SLICE = 500;

/** For hosts where the log is closed to the agent. */
export const NO_KERNEL_LOG: KernelLog = { position: async () => null, killsSince: async () => null };

/** Without the log, kills are explained by the counters, and victims have no name. */
export function openKernelLog(cgroupMount: string, log: Pick<Log, 'info'>): KernelLog {
  try {
    return new Kmsg(new KmsgReader(), new KillParser(cgroupMount));
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
    log.info({ err: error }, 'the kernel log cannot be read: kills will be told by the counters, without the victim');
    return NO_KERNEL_LOG;
  }
}

class Kmsg implements KernelLog {
  readonly #reader: KmsgReader;
  readonly #parser: KillParser;
  readonly #kills: KernelKill[] = [];
  #last = -1;
  #reading: Promise<void> = Promise.resolve();

  constructor(reader: KmsgReader, parser: KillParser) {
    this.#reader = reader;
    this.#parser = parser;
  }

  async position(): Promise<number> {
    await this.#catchUp();
    return this.#last;
  }

  async killsSince(position: number): Promise<readonly KernelKill[]> {
    await this.#catchUp();
    return this.#kills.filter(({ sequence }) => sequence > position);
  }

  /** In sequence: two readers would each have half of the records. */
  #catchUp(): Promise<void> {
    this.#reading = this.#reading.then(() => this.#read());
    return this.#reading;
  }

  async #read(): Promise<void> {
    for (let count = 1; ; count++) {
      const raw = this.#next();
      if (raw === undefined) return;
      const record = raw === null ? undefined : parseKmsg(raw);
      if (record !== undefined) {
        this.#last = record.sequence;
        const kill = this.#parser.feed(record);
        if (kill !== undefined) this.#kills.push(kill);
        if (this.#kills.length > KEPT) this.#kills.shift();
      }
      if (count % SLICE === 0) await turn();
    }
  }

  /** A log that fails for once is a witness that says nothing. */
  #next(): string | null | undefined {
    try {
      return this.#reader.read();
    } catch {
      return undefined;
    }
  }
}
