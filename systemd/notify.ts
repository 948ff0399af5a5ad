import { constants } from 'node:os';
import { SysError } from '../linux/errors.js';
import { openUnixDatagram, type UnixDatagramSender } from '../linux/unix-datagram.js';

/** Messages to the service manager (sd_notify(3)). Each is a no-op when the process was not started by one. */
export interface Notify {
  readonly active: boolean;
  ready(status?: string): void;
  /** One line for `systemctl status`. */
  status(text: string): void;
  watchdog(): void;
  stopping(): void;
  /** To be followed by `ready` when done. */
  reloading(): void;
  /** Asks for `ms` milliseconds from now before systemd gives up on the current start or stop. */
  extendTimeout(ms: number): void;
}

/**
 * Opens the socket of NOTIFY_SOCKET (a path, or `@name`). Throws when a watchdog is set but the socket cannot be used:
 * systemd would kill the service later, without a word as to why.
 */
export function connectNotify(env: NodeJS.ProcessEnv = process.env): Notify {
  const address = env.NOTIFY_SOCKET;
  const sender = address === undefined || address === '' ? undefined : openUnixDatagram(address);
  if (watchdogIntervalMs(env) !== undefined) {
    if (sender === undefined) throw new Error('WATCHDOG_USEC is set but NOTIFY_SOCKET is not');
    // No ping: systemd counts from READY on, but from a ping at once, and a start may take longer than the period.
    sender.send('STATUS=starting');
  }
  const send = (message: string) => {
    if (sender !== undefined) sendUnlessBusy(sender, message);
  };
  return {
    active: sender !== undefined,
    ready: (status) => send(status === undefined ? 'READY=1' : `READY=1\nSTATUS=${oneLine(status)}`),
    status: (text) => send(`STATUS=${oneLine(text)}`),
    watchdog: () => send('WATCHDOG=1'),
    stopping: () => send('STOPPING=1'),
    // MONOTONIC_USEC is what tells systemd >= 253 (Type=notify-reload) which of two reloads is meant.
    reloading: () => send(`RELOADING=1\nMONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`),
    extendTimeout: (ms) => send(`EXTEND_TIMEOUT_USEC=${Math.ceil(ms * 1000)}`),
  };
}

/** Milliseconds between two watchdog pings (half of what systemd allows), or undefined without a watchdog. */
export function watchdogIntervalMs(env: NodeJS.ProcessEnv = process.env): number | undefined {
  const microseconds = Number(env.WATCHDOG_USEC);
  if (!Number.isFinite(microseconds) || microseconds <= 0) return undefined;
  // Inherited from a parent that is the service itself.
  if (env.WATCHDOG_PID !== undefined && env.WATCHDOG_PID !== String(process.pid)) return undefined;
  return microseconds / 2000;
}

// systemd's queue is full: it is the one thing that must not stop a service that works. A lost READY would end in a
// start timeout, but a queue of that length at the start of a service does not happen.
function sendUnlessBusy(sender: UnixDatagramSender, message: string): void {
  try {
    sender.send(message);
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
    const { EAGAIN, ENOENT, ECONNREFUSED } = constants.errno;
    if (error.errno !== EAGAIN && error.errno !== ENOENT && error.errno !== ECONNREFUSED) throw error;
  }
}

function oneLine(text: string): string {
  return text.replaceAll('\n', ' ');
}
