import { randomUUID } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { SysError } from '../../linux/errors.js';
import { ANSWER_MS, type RequestOptions, SPAWN_MS, tooLate } from './deadline.js';
import { readLines } from './lines.js';
import { OutputKeep } from './output-keep.js';
import {
  type HeldProcess,
  type SpawnRequest,
  SUPERVISOR_PROTOCOL,
  type Supervisor,
  type SupervisorExitEvent,
  type SupervisorHello,
  type SupervisorReply,
} from './protocol.js';

const FIRST_RETRY_MS = 250;
const LAST_RETRY_MS = 5000;
const RETRY_FACTOR = 1.5;
/** For the first answer; the signal may end it sooner. */
const CONNECT_MS = 60_000;
const REPLY_LIMIT = 256 * 1024 * 1024;

export interface ConnectOptions {
  /** Ends the connection: what is waiting rejects with its reason. */
  readonly signal?: AbortSignal;
  readonly onLog?: (message: string) => void;
  /** The supervisor's runtime directory: this process keeps the FIFOs in it open, so that a supervisor's death loses no output. */
  readonly keepOutputsIn?: string;
}

interface Waiting {
  readonly line: string;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Connects, retrying until `signal` says stop, and keeps connected. Rejects when the supervisor is too old.
 *
 * Requests wait while there is no connection, and those without a reply are sent again on the next one. That is safe:
 * `list` and `forget` are idempotent, and a spawn carries a token, so a supervisor that has already carried it out, or a
 * restarted one that finds the process, answers with that process instead of running the program a second time.
 */
export async function connectSupervisor(socketPath: string, options: ConnectOptions = {}): Promise<Supervisor> {
  const supervisor = attachSupervisor(socketPath, options);
  try {
    await greetSupervisor(supervisor, { deadlineMs: CONNECT_MS });
    return supervisor;
  } catch (error) {
    supervisor.close();
    throw error;
  }
}

/** Begins to connect and waits for nothing: requests wait for the connection, each until its deadline. */
export function attachSupervisor(socketPath: string, options: ConnectOptions = {}): Supervisor {
  options.signal?.throwIfAborted();
  return new SupervisorClient(socketPath, options);
}

/** The first answer of a supervisor. Rejects when it is too old. */
export async function greetSupervisor(
  supervisor: Pick<Supervisor, 'hello'>,
  options: RequestOptions,
): Promise<SupervisorHello> {
  const hello = await supervisor.hello(options);
  if (hello.protocol >= SUPERVISOR_PROTOCOL) return hello;
  throw new Error(
    `supervisor ${hello.version} speaks protocol ${hello.protocol}, ${SUPERVISOR_PROTOCOL} is needed: restart it`,
  );
}

class SupervisorClient implements Supervisor {
  readonly #path: string;
  readonly #options: ConnectOptions;
  readonly #waiting = new Map<number, Waiting>();
  readonly #exitListeners = new Set<(process: HeldProcess) => void>();
  readonly #reconnectListeners = new Set<() => void>();
  readonly #outputs: OutputKeep | undefined;
  readonly #lateListeners = new Set<(process: HeldProcess) => void>();
  /** Spawns that were given up, and may be carried out yet. */
  readonly #late = new Set<number>();
  #socket: Socket | undefined;
  #isUp = false;
  #wasUp = false;
  #retryMs = FIRST_RETRY_MS;
  #timer: NodeJS.Timeout | undefined;
  #seq = 0;
  #closed: Error | undefined;

  constructor(path: string, options: ConnectOptions) {
    this.#path = path;
    this.#options = options;
    this.#outputs = options.keepOutputsIn === undefined ? undefined : new OutputKeep(options.keepOutputsIn);
    options.signal?.addEventListener('abort', this.#onAbort, { once: true });
    this.#connect();
  }

  async hello(options?: RequestOptions): Promise<SupervisorHello> {
    return (await this.#request({ op: 'hello' }, ANSWER_MS, options)) as SupervisorHello;
  }

  async spawn(spawn: SpawnRequest, options?: RequestOptions): Promise<HeldProcess> {
    const held = (await this.#request({ op: 'spawn', spawn, token: randomUUID() }, SPAWN_MS, options)) as HeldProcess;
    if (spawn.outputLimit !== undefined) this.#outputs?.started(spawn.id);
    return held;
  }

  async list(options?: RequestOptions): Promise<HeldProcess[]> {
    const all = (await this.#request({ op: 'list' }, ANSWER_MS, options)) as HeldProcess[];
    this.#outputs?.only(all.map(({ id }) => id));
    return all;
  }

  async forget(id: string, options?: RequestOptions): Promise<void> {
    this.#outputs?.release(id);
    await this.#request({ op: 'forget', id }, ANSWER_MS, options);
  }

  onLate(listener: (process: HeldProcess) => void): () => void {
    this.#lateListeners.add(listener);
    return () => this.#lateListeners.delete(listener);
  }

  onExit(listener: (process: HeldProcess) => void): () => void {
    this.#exitListeners.add(listener);
    return () => this.#exitListeners.delete(listener);
  }

  onReconnect(listener: () => void): () => void {
    this.#reconnectListeners.add(listener);
    return () => this.#reconnectListeners.delete(listener);
  }

  close(): void {
    this.#end(new Error('supervisor connection closed'));
  }

  readonly #onAbort = () => {
    const reason: unknown = this.#options.signal?.reason;
    this.#end(reason instanceof Error ? reason : new Error('aborted'));
  };

  #end(reason: Error): void {
    if (this.#closed !== undefined) return;
    this.#closed = reason;
    this.#options.signal?.removeEventListener('abort', this.#onAbort);
    clearTimeout(this.#timer);
    this.#socket?.destroy();
    this.#outputs?.close();
    for (const { reject } of this.#waiting.values()) reject(reason);
    this.#waiting.clear();
  }

  #request(
    request: { readonly op: string } & Readonly<Record<string, unknown>>,
    usualMs: number,
    { signal, deadlineMs = usualMs }: RequestOptions = {},
  ): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#closed !== undefined) throw this.#closed;
      signal?.throwIfAborted();
      this.#seq += 1;
      const seq = this.#seq;
      const line = `${JSON.stringify({ seq, ...request })}\n`;
      const giveUp = (reason: unknown): void => {
        if (!this.#waiting.delete(seq)) return;
        done();
        if (request.op === 'spawn') this.#late.add(seq);
        reject(reason);
      };
      const onAbort = (): void => giveUp(signal?.reason);
      const timer = setTimeout(() => giveUp(tooLate(request.op, this.#path, deadlineMs)), deadlineMs);
      const done = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#waiting.set(seq, {
        line,
        resolve: (result) => {
          done();
          resolve(result);
        },
        reject: (error) => {
          done();
          reject(error);
        },
      });
      if (this.#isUp) this.#socket?.write(line);
    });
  }

  #connect(): void {
    const socket = connect(this.#path);
    this.#socket = socket;
    socket.on('connect', () => this.#onConnect(socket));
    socket.on('error', (error) => {
      if (this.#isUp || !this.#wasUp) this.#options.onLog?.(`supervisor ${this.#path}: ${error.message}`);
    });
    socket.on('close', () => this.#onClose());
    readLines(
      socket,
      REPLY_LIMIT,
      (line) => this.#onLine(line),
      () => socket.destroy(),
    );
  }

  #onConnect(socket: Socket): void {
    this.#isUp = true;
    this.#retryMs = FIRST_RETRY_MS;
    for (const { line } of this.#waiting.values()) socket.write(line);
    if (this.#wasUp) {
      this.#options.onLog?.('supervisor is back');
      for (const listener of this.#reconnectListeners) listener();
    }
    this.#wasUp = true;
  }

  #onClose(): void {
    if (this.#isUp && this.#closed === undefined) this.#options.onLog?.('supervisor is gone, connecting again');
    this.#isUp = false;
    // Their answers are lost with the connection: the caller lists what there is.
    this.#late.clear();
    if (this.#closed !== undefined) return;
    this.#timer = setTimeout(() => this.#connect(), this.#retryMs);
    this.#retryMs = Math.min(this.#retryMs * RETRY_FACTOR, LAST_RETRY_MS);
  }

  #onLine(line: string): void {
    const message = parse(line);
    if (message === undefined) {
      this.#socket?.destroy();
      return;
    }
    if ('event' in message) {
      if (message.event !== 'exit') return;
      this.#outputs?.ended(message.process.id);
      for (const listener of this.#exitListeners) listener(message.process);
      return;
    }
    const waiting = this.#waiting.get(message.seq);
    const late = this.#late.delete(message.seq);
    if (late && message.ok) for (const listener of this.#lateListeners) listener(message.result as HeldProcess);
    if (waiting === undefined) return;
    this.#waiting.delete(message.seq);
    if (message.ok) waiting.resolve(message.result);
    else waiting.reject(sysErrorOf(message.error));
  }
}

/** Undefined: it is not the supervisor that speaks, or not all of it has come. */
function parse(line: string): SupervisorReply | SupervisorExitEvent | undefined {
  try {
    const message: unknown = JSON.parse(line);
    return typeof message === 'object' && message !== null
      ? (message as SupervisorReply | SupervisorExitEvent)
      : undefined;
  } catch {
    return undefined;
  }
}

function sysErrorOf({ op, path, errno, note }: Extract<SupervisorReply, { ok: false }>['error']): SysError {
  const detail = path === undefined ? {} : { path };
  return new SysError(op, errno, note === '' ? detail : { ...detail, note });
}
