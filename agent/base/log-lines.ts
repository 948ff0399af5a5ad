// An entry of the log as a person reads it, and as journald keeps it. Pure.
import { fieldName, type JournalFields } from '../../systemd/journal.js';

export const LOG_FORMATS = ['auto', 'json', 'text'] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];

/** What pino has made of a call. */
export interface Entry {
  readonly level: number;
  readonly msg: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** pino's numeric levels: priorities of syslog(3), and words. */
const LEVELS: Readonly<Record<number, { readonly priority: number; readonly word: string }>> = {
  10: { priority: 7, word: 'TRACE' },
  20: { priority: 7, word: 'DEBUG' },
  30: { priority: 6, word: 'INFO' },
  40: { priority: 4, word: 'WARN' },
  50: { priority: 3, word: 'ERROR' },
  60: { priority: 2, word: 'FATAL' },
};

/** Of one value in a sentence. */
const MOST_VALUE = 1000;
/** Of one field of the journal: a datagram of some dozen of them is below what the kernel sends at once. */
const MOST_FIELD = 4096;
/** Of an entry of the journal. */
const MOST_FIELDS = 32;

export function parseEntry(line: string): Entry {
  const { level, msg = '', ...data } = JSON.parse(line) as { level: number; msg?: string };
  return { level, msg, data };
}

export function priorityOf(level: number): number {
  return LEVELS[level]?.priority ?? 6;
}

/** `2026-11-21T07:00:00Z WARN  limits could not be checked  workload=web-1 err="EIO: i/o error"` */
export function textLine(entry: Entry, at: Date): string {
  const word = (LEVELS[entry.level]?.word ?? 'INFO').padEnd(5);
  return `${at.toISOString().slice(0, 19)}Z ${word} ${sentence(entry)}\n`;
}

/** Each value that is no object has a field of its own, `BERTH_WORKLOAD` that of `workload`. */
export function journalFields(entry: Entry, identifier: string): JournalFields {
  const fields = new Map([
    ['MESSAGE', sentence(entry)],
    ['PRIORITY', String(priorityOf(entry.level))],
    ['SYSLOG_IDENTIFIER', identifier],
  ]);
  for (const [key, value] of Object.entries(entry.data)) {
    if (fields.size >= MOST_FIELDS) break;
    const text = fieldText(value);
    if (text !== undefined) fields.set(`BERTH_${fieldName(key)}`, text.slice(0, MOST_FIELD));
  }
  return fields;
}

function sentence({ msg, data }: Entry): string {
  const values = Object.entries(data).flatMap(([key, value]) =>
    value === undefined || value === null ? [] : [`${key}=${valueText(value)}`],
  );
  return [printable(msg), values.join(' ')].filter((part) => part !== '').join('  ');
}

/** Plain words as they are, all else as JSON: what others have named stays on its line and in its value. */
function valueText(value: unknown): string {
  const text = typeof value === 'string' ? value : isError(value) ? errorText(value) : JSON.stringify(value);
  const plain = typeof value === 'object' && !isError(value) ? text : quoted(text);
  return plain.length <= MOST_VALUE ? plain : `${plain.slice(0, MOST_VALUE)}...`;
}

function fieldText(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  return isError(value) ? (value.stack ?? errorText(value)) : undefined;
}

interface ErrorText {
  readonly message: string;
  readonly code?: string | number;
  readonly stack?: string;
}

function isError(value: unknown): value is ErrorText {
  return typeof value === 'object' && value !== null && 'message' in value && typeof value.message === 'string';
}

function errorText({ code, message }: ErrorText): string {
  return code === undefined || message.startsWith(String(code)) ? message : `${code}: ${message}`;
}

function quoted(text: string): string {
  return /^[!#-~]+$/.test(text) && !text.includes('=') ? text : JSON.stringify(text);
}

/** Without what moves the cursor or begins a line. */
function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, ' ');
}
