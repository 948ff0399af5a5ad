// Output of all workloads, read from their FIFOs and written with a bound as it comes.
//
// A process has its FIFO open for reading and writing: with no supervisor alive it blocks when the pipe is full, and gets no SIGPIPE.
// Each pipe has at most one turn of 64 KiB in 8 ms (8 MiB/s is the most one writer can get), and all pipes together have 512 KiB
// and 32 turns, in the order in which they became readable. The writer is held back by its pipe. An idle workload costs nothing.
import { closeSync, constants, existsSync, fstatSync, openSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf } from '../../linux/errors.js';
import { closeDescriptor } from '../../linux/fd.js';
import { keepOnExec, makeFifo } from '../../linux/fifo.js';
import { readPlainSync } from '../../linux/plain-file.js';
import { makeDirectory } from './odd.js';
import { type OutputTarget, tidyOutput } from './output-file.js';
import { type LostOutput, OutputPipe, TURN_BYTES } from './output-pipe.js';
import { OutputWatch } from './output-watch.js';

const TURN_MS = 8;
const TURNS = 32;
const BYTES = 8 * TURN_BYTES;
const RETRY_MS = 1000;
const DIRECTORY = 'output';
const PIPE = '.pipe';
const LOST = '.lost';
const MOST_BYTES = 64 << 10;
// Whoever has the descriptor may open it again as /dev/stdout, under any uid. The directory keeps everybody else out.
const PIPE_MODE = 0o622;

/** A process as the table has it on disk. */
interface WithOutput {
  readonly id: string;
  readonly output?: OutputTarget;
}

/** What is held of one output. */
interface Entry {
  readonly pipe: OutputPipe;
  readonly token: number;
  /** Its process has ended; others that it has left may still write. */
  ended: boolean;
}

export interface OutputsOptions {
  readonly runtime: string;
  readonly onProblem: (problem: string) => void;
  readonly now?: () => number;
}

export class Outputs {
  readonly #directory: string;
  readonly #options: OutputsOptions;
  readonly #nowhere = openSync('/dev/null', constants.O_WRONLY);
  readonly #byId = new Map<string, Entry>();
  readonly #byToken = new Map<number, Entry>();
  /** Readable, and not yet had their turn. */
  readonly #ready = new Set<Entry>();
  /** Had their turn, and are not watched until the next. */
  #resting: Entry[] = [];
  #watch: OutputWatch | undefined;
  #turn: NodeJS.Timeout | undefined;
  #retry: NodeJS.Timeout | undefined;
  #lastToken = 0;
  #droppedBytes = 0;

  constructor(options: OutputsOptions) {
    this.#options = options;
    this.#directory = join(options.runtime, DIRECTORY);
    makeDirectory(this.#directory);
  }

  /** Bytes of all outputs that were dropped, by this process. */
  get droppedBytes(): number {
    return this.#droppedBytes;
  }

  /** A new FIFO; gives back the descriptor that the process is to have, which the caller closes. Throws SysError. */
  open(id: string, target: OutputTarget): number {
    const path = this.#path(id, PIPE);
    const lost = this.#replace(id);
    rmSync(path, { force: true });
    touch(target.path);
    tidyOutput(target);
    makeFifo(path, PIPE_MODE);
    const writer = openSync(path, constants.O_RDWR);
    try {
      this.#read(this.#add(id, target, lost));
    } catch (error) {
      closeSync(writer);
      throw error;
    }
    return writer;
  }

  /** Goes on where a former supervisor has left off. To be called once, with what is held and what has ended. */
  recover(held: readonly WithOutput[], ended: readonly WithOutput[] = []): void {
    const lost = this.#readLost();
    const known = new Set<string>();
    const goOn = ({ id, output }: WithOutput): void => {
      if (output === undefined || known.has(pipeName(id))) return;
      known.add(pipeName(id));
      try {
        tidyOutput(output);
        this.#read(this.#add(id, output, lost.get(id)));
      } catch (error) {
        this.#options.onProblem(`output of ${id}: ${String(error)}`);
      }
    };
    for (const one of held) goOn(one);
    // The FIFO is there as long as a process has it open that the ended one has left.
    for (const one of ended) {
      if (known.has(pipeName(one.id)) || !existsSync(this.#path(one.id, PIPE))) continue;
      goOn(one);
      this.end(one.id);
    }
    for (const [id, missing] of lost) if (!this.#byId.has(id)) this.#add(id, missing.target, missing).ended = true;
    for (const name of readdirSync(this.#directory)) {
      if (name.endsWith(PIPE) && !known.has(name))
        rmSync(join(this.#directory, name), { recursive: true, force: true });
    }
    if (lost.size > 0) this.#retryLater();
  }

  /** The process has ended: what it wrote is in its output when this returns. */
  end(id: string): void {
    const entry = this.#byId.get(id);
    if (entry === undefined) return;
    entry.ended = true;
    try {
      if (entry.pipe.drain() === 'ended') this.#close(entry);
    } catch (error) {
      this.#options.onProblem(`output of ${id}: ${String(error)}`);
    }
    if (entry.pipe.owesGap) this.#retryLater();
  }

  /** Also what others of an ended process still write is not wanted any more. */
  forget(id: string): void {
    const entry = this.#byId.get(id);
    if (entry?.ended === true) this.#close(entry);
  }

  /** Descriptors that the next program of this process must have, lest what lies in the pipes of the dead is lost. */
  keepOnExec(): string {
    const fds = [...this.#byId.values()].flatMap(({ pipe }) => (pipe.fd === undefined ? [] : [pipe.fd]));
    for (const fd of fds) keepOnExec(fd);
    return fds.join(',');
  }

  /** Closes what `keepOnExec` of the program before has kept, once `recover` has its own. */
  static closeKept(kept: string): void {
    for (const fd of kept.split(',').filter(Boolean).map(Number)) if (isPipe(fd)) closeDescriptor(fd);
  }

  /** To be called when the process exits: nothing is read from then on. */
  close(): void {
    clearTimeout(this.#turn);
    clearTimeout(this.#retry);
    this.#watch?.close();
    for (const { pipe } of this.#byId.values()) pipe.close();
    this.#byId.clear();
  }

  #add(id: string, target: OutputTarget, lost: LostOutput | undefined): Entry {
    const pipe = new OutputPipe(
      {
        ...{ id, target, nowhere: this.#nowhere, lostFile: this.#path(id, LOST) },
        now: this.#options.now ?? (() => performance.now()),
        onLoss: (name, error) => this.#options.onProblem(`output of ${name} is dropped: ${String(error)}`),
        onDropped: (bytes) => {
          this.#droppedBytes += bytes;
        },
      },
      lost,
    );
    this.#lastToken = (this.#lastToken + 1) % 0xffffffff || 1;
    const entry = { pipe, token: this.#lastToken, ended: false };
    this.#byId.set(id, entry);
    return entry;
  }

  #read(entry: Entry): void {
    this.#watch ??= new OutputWatch(
      (tokens) => this.#onReady(tokens),
      (error) => this.#options.onProblem(`output is not read any more: ${String(error)}`),
    );
    const fd = entry.pipe.open(this.#path(entry.pipe.id, PIPE));
    this.#byToken.set(entry.token, entry);
    this.#watch.add(fd, entry.token);
  }

  #onReady(tokens: readonly number[]): void {
    for (const token of tokens) {
      const entry = this.#byToken.get(token);
      if (entry !== undefined) this.#ready.add(entry);
    }
    if (this.#turn === undefined) this.#takeTurns();
  }

  #takeTurns(): void {
    this.#turn = undefined;
    for (const { pipe, token } of this.#resting) if (pipe.fd !== undefined) this.#watch?.arm(pipe.fd, token);
    this.#resting = [];
    let bytes = 0;
    let turns = 0;
    for (const entry of this.#ready) {
      if (bytes >= BYTES || turns >= TURNS) break;
      this.#ready.delete(entry);
      const moved = entry.pipe.take();
      turns += 1;
      if (entry.pipe.owesGap) this.#retryLater();
      if (typeof moved === 'number') bytes += moved;
      // Nobody has it open for writing: it is watched no more, for it would be ready for ever.
      if (moved !== 'ended') this.#resting.push(entry);
      else if (entry.ended) this.#close(entry);
    }
    if (turns > 0) this.#turn = setTimeout(() => this.#takeTurns(), TURN_MS);
  }

  /** Stays known as long as its output does not tell what is missing. */
  #close(entry: Entry): void {
    const { pipe, token } = entry;
    const { fd } = pipe;
    if (fd !== undefined) this.#watch?.remove(fd);
    pipe.close();
    this.#byToken.delete(token);
    this.#ready.delete(entry);
    rmSync(this.#path(pipe.id, PIPE), { force: true });
    if (pipe.sayWhatIsMissing()) this.#byId.delete(pipe.id);
  }

  /** Makes room for another of the same id, which has to tell what is missing of this one. */
  #replace(id: string): LostOutput | undefined {
    const entry = this.#byId.get(id);
    if (entry === undefined) return undefined;
    this.#close(entry);
    this.#byId.delete(id);
    return entry.pipe.lost;
  }

  /** Of those that write no more, too. */
  #retryLater(): void {
    this.#retry ??= setTimeout(() => {
      this.#retry = undefined;
      for (const { pipe } of [...this.#byId.values()].filter((entry) => entry.pipe.owesGap)) {
        if (!pipe.sayWhatIsMissing()) this.#retryLater();
        else if (pipe.fd === undefined) this.#byId.delete(pipe.id);
      }
    }, RETRY_MS);
  }

  #readLost(): Map<string, LostOutput> {
    const lost = new Map<string, LostOutput>();
    for (const name of readdirSync(this.#directory).filter((file) => file.endsWith(LOST))) {
      try {
        const path = join(this.#directory, name);
        const missing: unknown = JSON.parse(readPlainSync(path, MOST_BYTES).toString('utf8'));
        if (isLost(missing)) lost.set(missing.id, missing);
      } catch (error) {
        this.#options.onProblem(`${name}: ${String(error)}`);
        rmSync(join(this.#directory, name), { recursive: true, force: true });
      }
    }
    return lost;
  }

  #path(id: string, suffix: string): string {
    return join(this.#directory, `${encodeURIComponent(id)}${suffix}`);
  }
}

function pipeName(id: string): string {
  return `${encodeURIComponent(id)}${PIPE}`;
}

/** The FIFO of a process whose output the supervisor writes. */
export function outputPipeOf(runtime: string, id: string): string {
  return join(runtime, DIRECTORY, pipeName(id));
}

/**
 * A place that cannot be written is told at once, except a full one: there output is dropped, and the process runs. A FIFO in
 * its place has no reader to wait for.
 */
function touch(path: string): void {
  try {
    const { O_WRONLY, O_CREAT, O_NOFOLLOW, O_NONBLOCK } = constants;
    closeSync(openSync(path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o600));
  } catch (error) {
    if (!['ENOSPC', 'EDQUOT'].includes(codeOf(error) ?? '')) throw error;
  }
}

function isPipe(fd: number): boolean {
  try {
    return fd > 2 && fstatSync(fd).isFIFO();
  } catch {
    return false;
  }
}

function isLost(value: unknown): value is LostOutput {
  if (typeof value !== 'object' || value === null) return false;
  const { id, target, bytes } = value as Partial<LostOutput>;
  return typeof id === 'string' && typeof bytes === 'number' && typeof target?.path === 'string';
}
