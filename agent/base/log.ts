// JSON lines on stdout for journald, each with its priority in front (sd-daemon(3), SyslogLevelPrefix=), so that
// `journalctl -u berth -p warning` works. No pino transport: those start a worker thread each.
import { pino } from 'pino';

/** pino's numeric levels to syslog(3) priorities. */
const PRIORITY: Readonly<Record<number, number>> = { 10: 7, 20: 7, 30: 6, 40: 4, 50: 3, 60: 2 };

export function createLog(level: string, options: { readonly prefix: boolean }): Log {
  // Whoever reads may go away (journald restarts, a terminal closes); the workloads' agent must not go with it.
  process.stdout.on('error', () => undefined);
  const write = (line: string): void => {
    const found = /^\{"level":(\d+)/.exec(line);
    const prefix = options.prefix ? `<${PRIORITY[Number(found?.[1])] ?? 6}>` : '';
    process.stdout.write(prefix + line);
  };
  return pino({ level, base: null, timestamp: false, serializers: { err: describe } }, { write });
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
