// The serial console of a virtual machine. What a guest writes goes to the output of its workload in any case; this is the same, as it comes,
// and the keys to it. A guest never waits for who looks: what a slow one does not take is left out, up to the newest
// of it, and counted.
import { connect, type Socket } from 'node:net';
import { Readable, Writable } from 'node:stream';
import { codeOf, messageOf } from '../../../linux/errors.js';
import { timeLimit } from '../../../linux/timers.js';
import { BerthError } from '../../../protocol/errors.js';
import { orAbort } from '../../base/or-abort.js';
import type { EventActor } from '../../model/event.js';
import type { StreamEnd } from '../../model/execution.js';
import type { DriverSet } from '../driver-set.js';
import type { Manager } from '../manager.js';
import { requireRunning } from './running.js';

const CONNECT_MS = 2000;
/** Bytes that wait for a reader. */
const MOST_WAITING = 256 << 10;
/** Of the newest bytes, which a reader gets when it has caught up: what is left out is the middle. */
const MOST_LATE = 32 << 10;

/** One session at a time has the console of a workload. */
export class Consoles {
  readonly #drivers: Pick<DriverSet, 'of' | 'context'>;
  readonly #actors: Pick<Manager, 'actor'>;
  readonly #open = new Set<string>();

  constructor(drivers: Pick<DriverSet, 'of' | 'context'>, actors: Pick<Manager, 'actor'>) {
    this.#drivers = drivers;
    this.#actors = actors;
  }

  /** Throws `console_unsupported`, `console_in_use`, and what says that it does not run. */
  async open(workload: string, by?: EventActor): Promise<Console> {
    const actor = this.#actors.actor(workload);
    const { record } = actor;
    requireRunning(record);
    const path = this.#drivers.of(record.spec.driver).vm?.console?.(this.#drivers.context(record));
    if (path === undefined) throw unsupported(record.spec.driver, workload);
    if (this.#open.has(workload))
      throw new BerthError('console_in_use', `somebody has the console of workload "${workload}"`, {
        data: { id: workload },
      });
    this.#open.add(workload);
    try {
      const found = new Console(await connectTo(path, workload));
      void found.ended.then(() => this.#open.delete(workload));
      actor.event('workload.console', {}, by);
      return found;
    } catch (error) {
      this.#open.delete(workload);
      throw error;
    }
  }
}

export class Console {
  readonly outputs: { readonly stdout: Readable };
  readonly input: Writable;
  /** Resolves when the machine has ended, or nobody listens any more. Never rejects. */
  readonly ended: Promise<StreamEnd>;
  readonly #socket: Socket;
  readonly #output = new Readable({ highWaterMark: MOST_LATE, read: () => this.#catchUp() });
  /** The newest of what a slow reader has no room for. */
  readonly #late: Buffer[] = [];
  #lateBytes = 0;
  #missing = 0;

  constructor(socket: Socket) {
    this.#socket = socket;
    // The end of what somebody types is not the end of the console.
    this.input = new Writable({ write: (bytes: Buffer, _encoding, done) => void socket.write(bytes, () => done()) });
    this.outputs = { stdout: this.#output };
    socket.on('data', (bytes: Buffer) => this.#take(bytes));
    socket.on('error', () => undefined);
    this.ended = new Promise((resolve) => {
      socket.once('close', () => {
        this.#catchUp();
        this.#output.push(null);
        resolve({ exit: { code: 0, signal: null }, error: null });
      });
    });
  }

  hangUp(): void {
    this.#socket.destroy();
  }

  #take(bytes: Buffer): void {
    if (this.#late.length === 0 && this.#output.readableLength + bytes.length <= MOST_WAITING) {
      this.#output.push(bytes);
      return;
    }
    this.#late.push(bytes);
    this.#lateBytes += bytes.length;
    while (this.#lateBytes > MOST_LATE) {
      const { length = 0 } = this.#late.shift() ?? {};
      this.#lateBytes -= length;
      this.#missing += length;
    }
  }

  /** The reader has come close to the end of what waits for it. */
  #catchUp(): void {
    if (this.#missing > 0) this.#output.push(`\r\n[berth: ${this.#missing} bytes are missing here]\r\n`);
    for (const bytes of this.#late.splice(0)) this.#output.push(bytes);
    this.#missing = 0;
    this.#lateBytes = 0;
  }
}

async function connectTo(path: string, workload: string): Promise<Socket> {
  const socket = connect(path);
  const connected = new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', reject);
  });
  const limit = timeLimit(CONNECT_MS);
  try {
    await orAbort(connected, limit.signal);
    return socket;
  } catch (error) {
    socket.destroy();
    // Started by an agent that gave its machines no such socket.
    const hint = codeOf(error) === 'ENOENT' ? 'It was started by an earlier version: restart the workload.' : undefined;
    throw new BerthError(
      'console_unsupported',
      `the console of workload "${workload}" does not answer: ${messageOf(error)}`,
      {
        cause: error,
        data: { id: workload },
        ...(hint === undefined ? {} : { hint }),
      },
    );
  } finally {
    limit.done();
  }
}

function unsupported(driver: string, id: string): BerthError {
  return new BerthError('console_unsupported', `workload "${id}" of driver "${driver}" has no console`, {
    data: { id, driver },
  });
}
