// journald's own protocol: one datagram for an entry, a field a line; a value of several lines with its length in front
// (systemd.journal-fields(7), "Native Journal Protocol").
import { fstatSync } from 'node:fs';
import { openUnixDatagram } from '../linux/unix-datagram.js';

export const JOURNAL_SOCKET = '/run/systemd/journal/socket';

/** Fields of one entry by name: `MESSAGE`, `PRIORITY`, names of your own. */
export type JournalFields = ReadonlyMap<string, string>;

export interface Journal {
  /** Never blocks. False: journald has not taken it; it is away, its queue is full, or the entry is too large. */
  send(fields: JournalFields): boolean;
  close(): void;
}

/** Whether what this descriptor writes goes to journald (JOURNAL_STREAM of systemd.exec(5): device and inode). */
export function writesToJournal(env: NodeJS.ProcessEnv, descriptor = 1): boolean {
  const stream = env.JOURNAL_STREAM;
  if (stream === undefined || stream === '') return false;
  try {
    const { dev, ino } = fstatSync(descriptor, { bigint: true });
    return stream === `${dev}:${ino}`;
  } catch {
    return false;
  }
}

export function openJournal(socket = JOURNAL_SOCKET): Journal {
  const sender = openUnixDatagram(socket);
  return {
    send(fields) {
      try {
        sender.send(encodeEntry(fields));
        return true;
      } catch {
        return false;
      }
    },
    close: () => sender.close(),
  };
}

/** A name that journald takes from a program: letters, digits and `_`, not at the start, at most 64. */
export function fieldName(text: string): string {
  const name = text.toUpperCase().replaceAll(/[^A-Z0-9]+/g, '_');
  return name.replace(/^[_0-9]+/, '').slice(0, 64);
}

export function encodeEntry(fields: JournalFields): Buffer {
  const parts = [...fields].map(([name, value]) => {
    if (!value.includes('\n')) return Buffer.from(`${name}=${value}\n`);
    const bytes = Buffer.from(value);
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(bytes.length));
    return Buffer.concat([Buffer.from(`${name}\n`), length, bytes, Buffer.from('\n')]);
  });
  return Buffer.concat(parts);
}
