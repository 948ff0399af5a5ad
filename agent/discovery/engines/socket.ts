// HTTP with JSON over the unix socket of an engine. The other end may hang, end in the middle, or say anything.
import { type IncomingMessage, request } from 'node:http';
import { messageOf } from '../../../linux/errors.js';
import { abortWith } from '../../../linux/signals.js';
import { timeLimit } from '../../../linux/timers.js';
import { EngineFault, type SocketOptions } from './engine.js';
import { word } from './words.js';

const DEADLINE_MS = 5000;
/** Some 5,000 containers in a list. */
const MOST_BYTES = 8 << 20;
const MOST_LINE = 64 << 10;
const MOST_WORDS = 200;
const NO_SUCH = 404;

export class EngineSocket {
  readonly #path: string;
  readonly #deadlineMs: number;
  readonly #mostBytes: number;

  constructor(path: string, { deadlineMs = DEADLINE_MS, mostBytes = MOST_BYTES }: SocketOptions = {}) {
    this.#path = path;
    this.#deadlineMs = deadlineMs;
    this.#mostBytes = mostBytes;
  }

  /** What it answers, undefined for 404. Rejects with EngineFault and with the reason of the signal. */
  async get(path: string, signal: AbortSignal): Promise<unknown> {
    const text = await this.#exchange(path, signal, this.#deadlineMs, async (response) => {
      const body = await this.#body(response);
      return this.#accepts(response, body) ? body : undefined;
    });
    return text === undefined ? undefined : parse(text);
  }

  /**
   * Each line of an answer without end. Resolves when the other end closes it. Without a deadline: a stream may say nothing for
   * days, and an engine that hangs is found out by other questions.
   */
  async lines(path: string, onLine: (value: unknown) => void, signal: AbortSignal): Promise<void> {
    await this.#exchange(path, signal, Number.POSITIVE_INFINITY, async (response) => {
      if (response.statusCode !== 200) this.#accepts(response, await this.#body(response));
      let rest = '';
      response.setEncoding('utf8');
      for await (const chunk of response) {
        const parts = (rest + String(chunk)).split('\n');
        rest = parts.pop() ?? '';
        if (rest.length > MOST_LINE) throw new EngineFault('too_much', `a line of more than ${MOST_LINE} characters`);
        for (const line of parts) if (line.trim() !== '') onLine(parse(line));
      }
    });
  }

  async #exchange<T>(
    path: string,
    signal: AbortSignal,
    deadlineMs: number,
    read: (response: IncomingMessage) => Promise<T>,
  ): Promise<T> {
    signal.throwIfAborted();
    const limit = timeLimit(deadlineMs);
    const stop = new AbortController();
    const letGo = abortWith(stop, limit.signal, signal);
    try {
      return await read(await this.#begin(path, stop.signal));
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof EngineFault) throw error;
      if (limit.signal.aborted) throw new EngineFault('hangs', `no answer within ${deadlineMs} ms`);
      throw new EngineFault('unreachable', word(messageOf(error), MOST_WORDS));
    } finally {
      letGo();
      limit.done();
      stop.abort();
    }
  }

  #begin(path: string, signal: AbortSignal): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      // A connection of its own: one that is kept is dead when the engine has restarted.
      const headers = { host: 'localhost', accept: 'application/json' };
      const call = request({ socketPath: this.#path, path, headers, signal, agent: false });
      // For as long as the stream is read: an error of a socket without a listener would end the agent.
      call.on('error', reject);
      call.once('response', (response) => {
        response.on('error', reject);
        resolve(response);
      });
      call.end();
    });
  }

  async #body(response: IncomingMessage): Promise<string> {
    const chunks: Buffer[] = [];
    let length = 0;
    for await (const chunk of response as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > this.#mostBytes)
        throw new EngineFault('too_much', `an answer of more than ${this.#mostBytes} bytes`);
      chunks.push(chunk);
    }
    return Buffer.concat(chunks).toString('utf8');
  }

  /** False for 404. */
  #accepts({ statusCode = 0 }: IncomingMessage, body: string): boolean {
    if (statusCode === 200) return true;
    if (statusCode === NO_SUCH) return false;
    throw new EngineFault('refused', `HTTP status ${statusCode}: ${word(body.trim(), MOST_WORDS)}`);
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new EngineFault('nonsense', `not JSON: ${word(text.trim(), MOST_WORDS)}`);
  }
}
