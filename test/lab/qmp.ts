import { connect, type Socket } from 'node:net';
import { LabError } from './errors.js';
import { scaled } from './timing.js';

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** A QEMU machine protocol client: one command at a time over the monitor's unix socket. */
export class Qmp {
  readonly #socket: Socket;
  #buffer = '';
  #waiting: Waiting[] = [];

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => this.#receive(chunk));
    const fail = () => this.#fail(new LabError('lab_machine_failed', 'QEMU closed its monitor'));
    socket.on('error', fail);
    socket.on('close', fail);
  }

  static async connect(path: string): Promise<Qmp> {
    const socket = connect(path);
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    const qmp = new Qmp(socket);
    socket.unref();
    await qmp.execute('qmp_capabilities');
    return qmp;
  }

  async execute(command: string, args?: Readonly<Record<string, unknown>>, timeoutMs = 120_000): Promise<unknown> {
    if (this.#socket.destroyed) throw new LabError('lab_machine_failed', `QMP ${command}: QEMU is gone`);
    const answer = new Promise<unknown>((resolve, reject) => this.#waiting.push({ resolve, reject }));
    this.#socket.write(
      `${JSON.stringify(args === undefined ? { execute: command } : { execute: command, arguments: args })}\n`,
    );
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      const fail = () => reject(new LabError('lab_timeout', `QMP ${command}: no answer`));
      timer = setTimeout(fail, scaled(timeoutMs));
    });
    try {
      return await Promise.race([answer, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** A command of the human monitor. It answers errors as text, so any text counts as one unless expected. */
  async monitor(line: string, timeoutMs?: number): Promise<string> {
    return String(await this.execute('human-monitor-command', { 'command-line': line }, timeoutMs));
  }

  close(): void {
    this.#socket.destroy();
  }

  #receive(chunk: string): void {
    this.#buffer += chunk;
    for (let end = this.#buffer.indexOf('\n'); end >= 0; end = this.#buffer.indexOf('\n')) {
      const line = this.#buffer.slice(0, end).trim();
      this.#buffer = this.#buffer.slice(end + 1);
      if (line !== '') this.#message(JSON.parse(line));
    }
  }

  #message(message: unknown): void {
    if (typeof message !== 'object' || message === null) return;
    // The greeting and events have neither: nobody waits for them.
    if ('return' in message) this.#waiting.shift()?.resolve(message.return);
    else if ('error' in message) {
      const text = JSON.stringify(message.error);
      this.#waiting.shift()?.reject(new LabError('lab_machine_failed', `QMP: ${text}`));
    }
  }

  #fail(error: Error): void {
    for (const waiting of this.#waiting.splice(0)) waiting.reject(error);
  }
}
