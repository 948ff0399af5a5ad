// The three streams between the agent and a program that it did not start itself: named pipes or a terminal, which a shell
// opens in the cgroup of the program before it becomes the program. Nobody blocks in an open: the agent holds both ends until
// the shell has opened its own.
import { closeSync, constants, openSync, write } from 'node:fs';
import { rm } from 'node:fs/promises';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { ReadStream } from 'node:tty';
import { codeOf } from '../../../linux/errors.js';
import { closeDescriptor } from '../../../linux/fd.js';
import { makeFifo } from '../../../linux/fifo.js';
import { duplicate, openPty, setWindowSize, type WindowSize } from '../../../linux/pty.js';

/** The first byte of standard output, written when all three are open. */
const OPEN_PIPES = 'exec <"$1" >"$2" 2>"$3" || exit 126; printf "\\0"; shift 3; exec "$@"';
const OPEN_NOTHING = 'exec </dev/null >/dev/null 2>&1; exec "$@"';
/** The shell leads a session without a terminal, so that the one it opens becomes its own. */
const OPEN_TERMINAL = 'exec <>"$1" >&0 2>&0; shift; exec "$@"';
/** Of a program that does not read its terminal. */
const AGAIN_MS = 20;
const { O_NOCTTY, O_NONBLOCK, O_RDONLY, O_RDWR, O_WRONLY } = constants;

export interface Stdio {
  /** The command that opens them and becomes `argv`. */
  command(argv: readonly string[]): string[];
  readonly outputs: { readonly stdout: Readable; readonly stderr?: Readable };
  readonly input: Writable | undefined;
  /** Resolves when the program has its ends. */
  readonly opened: Promise<void>;
  resize?(size: WindowSize): void;
  /** The program has ended: outputs end when what is left in them is read. */
  finish(): void;
  /** Nobody reads or writes any more. */
  destroy(): void;
}

/** Named pipes in `directory`. Throws SysError. */
export function openPipes(directory: string, withInput: boolean): Stdio {
  const opened: Socket[] = [];
  const held: number[] = [];
  try {
    return pipesIn(directory, withInput, held, opened);
  } catch (error) {
    for (const fd of held.splice(0)) closeSync(fd);
    for (const stream of opened) stream.destroy();
    throw error;
  }
}

/** What is opened is put into `held` and `streams`, also when it throws. */
function pipesIn(directory: string, withInput: boolean, held: number[], streams: Socket[]): Stdio {
  const paths = ['stdin', 'stdout', 'stderr'].map((name) => join(directory, name));
  const [stdin = '', stdout = '', stderr = ''] = paths;
  const hold = (path: string, flags: number): number => {
    const fd = openSync(path, flags | O_NONBLOCK);
    held.push(fd);
    return fd;
  };
  const letGo = (): void => {
    for (const fd of held.splice(0)) closeSync(fd);
  };
  const read = (path: string): Socket => {
    makeFifo(path, 0o600);
    const stream = new Socket({ fd: openSync(path, O_RDONLY | O_NONBLOCK), readable: true, writable: false });
    streams.push(stream);
    // Without a writer it would be at its end before the program has opened it.
    hold(path, O_WRONLY);
    return stream;
  };
  const outputs = { stdout: read(stdout), stderr: read(stderr) };
  let input: Socket | undefined;
  let reader: number | undefined;
  if (withInput) {
    makeFifo(stdin, 0o600);
    reader = openSync(stdin, O_RDONLY | O_NONBLOCK);
    input = new Socket({ fd: openSync(stdin, O_WRONLY | O_NONBLOCK), readable: false, writable: true });
    input.on('error', ignore);
  }
  const letReaderGo = (): void => {
    if (reader !== undefined) closeSync(reader);
    reader = undefined;
  };
  const opened = firstByte(outputs.stdout).then(() => {
    letReaderGo();
    return Promise.all(paths.map((path) => rm(path, { force: true }))).then(ignore, ignore);
  });
  return {
    command: (argv) => [
      ...['/bin/sh', '-c', OPEN_PIPES, 'sh'],
      ...[withInput ? stdin : '/dev/null', stdout, stderr],
      ...argv,
    ],
    ...{ outputs, input, opened },
    finish: () => {
      letReaderGo();
      letGo();
      input?.destroy();
    },
    destroy: () => {
      letReaderGo();
      letGo();
      for (const stream of [outputs.stdout, outputs.stderr, input]) stream?.destroy();
    },
  };
}

/** Nobody reads or writes. */
export function openNothing(): Stdio {
  return {
    command: (argv) => ['/bin/sh', '-c', OPEN_NOTHING, 'sh', ...argv],
    outputs: { stdout: Readable.from([]) },
    input: undefined,
    opened: Promise.resolve(),
    finish: ignore,
    destroy: ignore,
  };
}

/** A new terminal. Throws SysError. */
export function openTerminal(size: WindowSize): Stdio {
  const { master, slave } = openPty();
  setWindowSize(master, size);
  // Without another end it would be at its end before the program has opened it.
  let held: number | undefined = openSync(slave, O_RDWR | O_NOCTTY);
  const letGo = (): void => {
    if (held !== undefined) closeSync(held);
    held = undefined;
  };
  const input = new TerminalInput(duplicate(master));
  const screen = new ReadStream(master);
  const stdout = new Readable({ read: () => screen.resume(), highWaterMark: 1 });
  screen.on('data', (bytes: Buffer) => {
    if (!stdout.push(bytes)) screen.pause();
  });
  // EIO: nobody has the other end any more.
  screen.on('error', ignore);
  screen.on('close', () => stdout.push(null));
  screen.pause();
  return {
    command: (argv) => ['/bin/sh', '-c', OPEN_TERMINAL, 'sh', slave, ...argv],
    outputs: { stdout },
    input,
    opened: Promise.resolve(),
    resize: (wanted) => input.use((fd) => setWindowSize(fd, wanted)),
    finish: () => {
      letGo();
      input.destroy();
    },
    destroy: () => {
      letGo();
      input.destroy();
      screen.destroy();
      stdout.destroy();
    },
  };
}

/**
 * libuv writes to the master of a terminal without an end to its tries, and so holds the event loop while the program does not
 * read: each try is one here.
 */
class TerminalInput extends Writable {
  readonly #fd: number;
  #open = true;
  #writing = false;
  #afterwards: (() => void) | undefined;

  constructor(fd: number) {
    super({ highWaterMark: 1 });
    this.#fd = fd;
    this.on('error', ignore);
  }

  /** Only while it is open: the number may be another file's afterwards. */
  use(what: (fd: number) => void): void {
    if (this.#open) what(this.#fd);
  }

  override _write(bytes: Buffer, encoding: string, done: (error?: Error | null) => void): void {
    this.#writing = true;
    write(this.#fd, bytes, (error, count) => {
      this.#writing = false;
      this.#afterwards?.();
      const busy = codeOf(error) === 'EAGAIN';
      if (error && !busy) {
        done(error);
        return;
      }
      const rest = busy ? bytes : bytes.subarray(count);
      if (rest.length === 0 || this.destroyed) {
        done();
        return;
      }
      setTimeout(() => (this.destroyed ? done() : this._write(rest, encoding, done)), AGAIN_MS);
    });
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    const close = (): void => {
      this.#open = false;
      closeDescriptor(this.#fd);
      done(error);
    };
    if (this.#writing) this.#afterwards = close;
    else close();
  }
}

function firstByte(stream: Socket): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (stream.read(1) === null && !stream.destroyed && !stream.readableEnded) return;
      stream.off('readable', look);
      resolve();
    };
    stream.on('readable', look);
    stream.once('close', () => resolve());
  });
}

function ignore(): void {}
