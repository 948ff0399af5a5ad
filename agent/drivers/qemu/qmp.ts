// QEMU's monitor: JSON lines over a unix socket; the server greets, and takes commands after qmp_capabilities. The other end is
// a guest's process: it may hang, or say anything.

import { Socket } from 'node:net';
import { constants } from 'node:os';
import { defined } from '../../../linux/defined.js';
import { SysError, sysErrorFrom } from '../../../linux/errors.js';
import { PendingCalls } from '../../../linux/pending-calls.js';
import { connectStream, sendDescriptor } from '../../../linux/unix-stream.js';

/** Between two answers: a hundred times what QEMU says of a guest with 256 vCPUs. */
const MAX_BYTES = 4 * 1024 * 1024;
const { ECONNRESET, EMSGSIZE, EPROTO, EINVAL, ETIMEDOUT } = constants.errno;

export interface Qmp {
  /**
   * The command's `return`. Rejects with SysError: EINVAL with QEMU's description, ETIMEDOUT, ECONNRESET when the
   * connection ends, EPROTO and EMSGSIZE when it says nonsense or too much; and with the reason of the signal.
   */
  execute(command: string, args?: Readonly<Record<string, unknown>>): Promise<unknown>;
  /** Hands QEMU a copy of a descriptor, under a name for the commands that follow (`getfd`). */
  hand(name: string, descriptor: number): Promise<void>;
  close(): void;
}

export interface QmpOptions {
  /** For all of the conversation, from the connection on. */
  readonly deadlineMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** Connects and negotiates. The caller closes. */
export async function connectQmp(path: string, options: QmpOptions): Promise<Qmp> {
  const client = new QmpClient(path, options);
  try {
    await client.greeted();
    await client.execute('qmp_capabilities');
    return client;
  } catch (error) {
    client.close();
    throw error;
  }
}

class QmpClient implements Qmp {
  readonly #path: string;
  readonly #options: QmpOptions;
  readonly #until: number;
  readonly #descriptor: number;
  readonly #socket: Socket;
  readonly #pending = new PendingCalls<unknown>();
  #unread = '';
  #bytesLeft = MAX_BYTES;
  #lastId = 0;
  #failure: unknown;

  constructor(path: string, options: QmpOptions) {
    this.#path = path;
    this.#options = options;
    this.#until = performance.now() + options.deadlineMs;
    this.#descriptor = connectTo(path);
    this.#socket = new Socket({ fd: this.#descriptor, readable: true, writable: true });
    this.#socket.setEncoding('utf8');
    this.#socket.on('data', (text: string) => this.#onText(text));
    this.#socket.on('error', (error) => this.#fail(sysErrorFrom(error, 'qmp', path)));
    this.#socket.on('close', () => this.#fail(this.#error(ECONNRESET, 'the connection ended')));
  }

  /** Resolves with the greeting. */
  greeted(): Promise<unknown> {
    return this.#answer(0, 'greeting');
  }

  execute(command: string, args?: Readonly<Record<string, unknown>>): Promise<unknown> {
    this.#lastId += 1;
    const request = { execute: command, id: this.#lastId, ...defined({ arguments: args }) };
    const answer = this.#answer(this.#lastId, command);
    this.#socket.write(`${JSON.stringify(request)}\n`);
    return answer;
  }

  async hand(name: string, descriptor: number): Promise<void> {
    // The descriptor is that of the socket while the socket is open, and no longer.
    if (this.#failure !== undefined) throw this.#failure;
    this.#lastId += 1;
    const request = { execute: 'getfd', id: this.#lastId, arguments: { fdname: name } };
    const answer = this.#answer(this.#lastId, 'getfd');
    try {
      sendDescriptor(this.#descriptor, `${JSON.stringify(request)}\n`, descriptor);
    } catch (error) {
      this.#fail(error);
    }
    await answer;
  }

  close(): void {
    this.#fail(this.#error(ECONNRESET, 'it is closed'));
  }

  async #answer(id: number, what: string): Promise<unknown> {
    if (this.#failure !== undefined) throw this.#failure;
    const { deadlineMs, signal } = this.#options;
    const tooLate = (): Error => this.#error(ETIMEDOUT, `no answer to ${what} within ${deadlineMs} ms`);
    const left = Math.max(0, this.#until - performance.now());
    return await this.#pending.wait(id, { signal, deadlineMs: left, tooLate });
  }

  #error(errno: number, note: string): SysError {
    return new SysError('qmp', errno, { path: this.#path, note });
  }

  #fail(error: unknown): void {
    this.#failure ??= error;
    this.#socket.destroy();
    this.#pending.rejectAll(this.#failure);
  }

  #onText(text: string): void {
    this.#bytesLeft -= text.length;
    if (this.#bytesLeft < 0) {
      this.#fail(this.#error(EMSGSIZE, `it has said more than ${MAX_BYTES} bytes and no answer`));
      return;
    }
    // A line of megabytes is not searched again with each piece of it.
    const whole = this.#unread + text;
    const lines = text.includes('\n') ? whole.split('\n') : [whole];
    this.#unread = lines.pop() ?? '';
    for (const line of lines) if (line.trim() !== '' && this.#failure === undefined) this.#onLine(line);
  }

  #onLine(line: string): void {
    let message: unknown;
    try {
      message = JSON.parse(line);
    } catch {
      this.#fail(this.#error(EPROTO, `not JSON: ${line.slice(0, 80)}`));
      return;
    }
    if (typeof message !== 'object' || message === null || 'event' in message) return;
    const id = 'QMP' in message ? 0 : 'id' in message ? Number(message.id) : -1;
    const awaited =
      'error' in message
        ? this.#pending.reject(id, this.#error(EINVAL, describe(message.error)))
        : this.#pending.resolve(id, 'return' in message ? message.return : message);
    if (awaited) this.#bytesLeft = MAX_BYTES;
  }
}

function connectTo(path: string): number {
  try {
    return connectStream(path);
  } catch (error) {
    throw error instanceof SysError ? new SysError('qmp', error.errno, { path }) : error;
  }
}

function describe(error: unknown): string {
  if (typeof error === 'object' && error !== null && 'desc' in error) return String(error.desc);
  return JSON.stringify(error);
}
