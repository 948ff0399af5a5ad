// The log: for journald with fields of its own (`journalctl BERTH_WORKLOAD=web-1`), for a terminal as sentences, for all else
// as JSON lines. No pino transport: those start a worker thread each.
import { pino } from 'pino';
import { type Journal, openJournal, writesToJournal } from '../../systemd/journal.js';
import { journalFields, type LogFormat, parseEntry, priorityOf, textLine } from './log-lines.js';

const IDENTIFIER = 'berth';

export interface LogOptions {
  readonly level: string;
  readonly format: LogFormat;
  /** What the process was started with. */
  readonly env?: NodeJS.ProcessEnv;
  readonly out?: Pick<NodeJS.WriteStream, 'write' | 'isTTY'>;
  readonly journal?: () => Journal;
}

export function createLog(options: LogOptions): Log {
  const { level, out = process.stdout } = options;
  // Whoever reads may go away (journald restarts, a terminal closes); the workloads' agent must not go with it.
  process.stdout.on('error', () => undefined);
  return pino(
    { level, base: null, timestamp: false, serializers: { err: describe } },
    { write: writerOf(options, (text) => void out.write(text)) },
  );
}

function writerOf(options: LogOptions, out: (text: string) => void): (line: string) => void {
  const { format, env = process.env, out: { isTTY } = process.stdout, journal: open = openJournal } = options;
  const journald = writesToJournal(env);
  const text = (line: string): string => textLine(parseEntry(line), new Date());
  // With its priority in front (sd-daemon(3), SyslogLevelPrefix=), so that `journalctl -u berth -p warning` works.
  const prefixed = (line: string, body = line): string => `<${priorityOf(parseEntry(line).level)}>${body}`;
  if (format === 'text') return (line) => out(journald ? prefixed(line, text(line)) : text(line));
  if (format === 'json') return (line) => out(journald ? prefixed(line) : line);
  if (!journald) return (line) => out(isTTY ? text(line) : line);
  const journal = opened(open);
  if (journal === undefined) return (line) => out(prefixed(line));
  return (line) => {
    if (!journal.send(journalFields(parseEntry(line), IDENTIFIER))) out(prefixed(line));
  };
}

function opened(open: () => Journal): Journal | undefined {
  try {
    return open();
  } catch {
    return undefined;
  }
}

/** Errors as text, with what system errors carry; no stack for those that are part of life. */
function describe(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const code = 'code' in error ? error.code : undefined;
  return code === undefined ? { message: error.message, stack: error.stack } : { message: error.message, code };
}

export interface Log {
  debug(data: object, message: string): void;
  info(data: object, message: string): void;
  warn(data: object, message: string): void;
  error(data: object, message: string): void;
}
