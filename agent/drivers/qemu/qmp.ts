// QEMU's monitor: JSON lines over a unix socket; the server greets, and takes commands after qmp_capabilities.
import { connect, type Socket } from 'node:net';

const MAX_LINE = 1024 * 1024;

export interface Qmp {
  /** The command's `return`. Rejects with QEMU's description, on timeout, or when the connection ends. */
  execute(command: string, args?: Readonly<Record<string, unknown>>): Promise<unknown>;
  close(): void;
}

interface Waiting {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** Connects and negotiates. `timeoutMs` holds for this and for every command. */
export async function connectQmp(path: string, { timeoutMs }: { readonly timeoutMs: number }): Promise<Qmp> {
  const client = new QmpClient(path, timeoutMs);
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
  readonly #socket: Socket;
  readonly #timeoutMs: number;
  readonly #waiting = new Map<number, Waiting>();
  #unread = '';
  #lastId = 0;
  #failure: Error | undefined;

  constructor(path: string, timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
    this.#socket = connect(path);
    this.#socket.setEncoding('utf8');
    this.#socket.on('data', (text: string) => this.#onText(text));
    this.#socket.on('error', (error) => this.#fail(error));
    this.#socket.on('close', () => this.#fail(new Error('qmp: the connection ended')));
  }

  /** Resolves with the greeting. */
  greeted(): Promise<unknown> {
    return this.#answer(0, 'greeting');
  }

  execute(command: string, args?: Readonly<Record<string, unknown>>): Promise<unknown> {
    this.#lastId += 1;
    const request = { execute: command, id: this.#lastId, ...(args === undefined ? {} : { arguments: args }) };
    const answer = this.#answer(this.#lastId, command);
    this.#socket.write(`${JSON.stringify(request)}\n`);
    return answer;
  }

  close(): void {
    this.#socket.destroy();
  }

  #answer(id: number, what: string): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) return reject(this.#failure);
      const timer = setTimeout(() => {
        this.#waiting.delete(id);
        reject(new Error(`qmp: no answer to ${what} in ${this.#timeoutMs} ms`));
      }, this.#timeoutMs);
      this.#waiting.set(id, {
        resolve: (result) => {
          clearTimeout(timer);
          resolve(result);
        },
        reject: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      });
    });
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    for (const { reject } of this.#waiting.values()) reject(this.#failure);
    this.#waiting.clear();
  }

  #onText(text: string): void {
    const lines = (this.#unread + text).split('\n');
    this.#unread = lines.pop() ?? '';
    if (this.#unread.length > MAX_LINE) this.#socket.destroy(new Error('qmp: line too long'));
    for (const line of lines) {
      if (line.trim() !== '') this.#onLine(line);
    }
  }

  #onLine(line: string): void {
    let message: unknown;
    try {
      message = JSON.parse(line);
    } catch {
      this.#socket.destroy(new Error(`qmp: not JSON: ${line.slice(0, 80)}`));
      return;
    }
    if (typeof message !== 'object' || message === null || 'event' in message) return;
    const id = 'QMP' in message ? 0 : 'id' in message ? Number(message.id) : -1;
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return;
    this.#waiting.delete(id);
    if ('error' in message) waiting.reject(new Error(`qmp: ${describe(message.error)}`));
    else waiting.resolve('return' in message ? message.return : message);
  }
}

function describe(error: unknown): string {
  if (typeof error === 'object' && error !== null && 'desc' in error) return String(error.desc);
  return JSON.stringify(error);
}
