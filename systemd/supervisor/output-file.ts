// The files of one output, and their bound. `PATH` is the current part. The one older part is `PATH.older/END`: its name is the
// position in the whole stream at which it ends and the current part begins. So one rename rotates and counts on at once, and
// every position can be told from the files after a crash between any two calls.
import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { constants as os } from 'node:os';
import { dirname, join } from 'node:path';
import { codeOf, SysError } from '../../linux/errors.js';
import { type Moved, moveFromPipe } from '../../linux/fifo.js';
import { noteTime, timesOf } from './output-times.js';

/** Where output goes. At most `limit` bytes are in each of the two parts. */
export interface OutputTarget {
  readonly path: string;
  readonly limit: number;
}

/** The line that stands in for lost bytes must fit into a part. */
export const LEAST_OUTPUT_LIMIT = 4096;

const NEWLINE = 0x0a;

/** The directory of the older part. */
export function olderOf(path: string): string {
  return `${path}.older`;
}

/** Where older parts end in the stream, ascending; more than one only after a crash in the middle of a rotation. */
export function endsOf(names: readonly string[]): number[] {
  return names
    .filter((name) => /^\d{1,15}$/.test(name))
    .map(Number)
    .sort((a, b) => a - b);
}

/** Moves at most `length` bytes from a pipe to the end of the output. Throws SysError when a file refuses. */
export function moveToOutput(target: OutputTarget, pipe: number, length: number): Moved {
  return inPart(target, 1, constants.O_CREAT, (fd, size) => {
    const moved = moveFromPipe(pipe, fd, size, Math.min(length, target.limit - size));
    if (typeof moved === 'number') mark(target, size, size + moved);
    return moved;
  });
}

/**
 * Says in the output that `bytes` of it are missing at this place. Throws SysError, and then nothing was written. `more`: output may
 * follow, so that a file that is not there is made: a rotation may have been cut short between its two steps.
 */
export function writeGap(target: OutputTarget, bytes: number, reason: string, more: boolean): void {
  const words = `berth: ${bytes} bytes of output are missing here: ${reason}\n`;
  inPart(target, words.length + 1, more ? constants.O_CREAT : 0, (fd, size) => {
    const line = Buffer.from(size > 0 && lastByte(fd, size) !== NEWLINE ? `\n${words}` : words);
    let written = 0;
    try {
      written = writeSync(fd, line, 0, line.length, size);
      if (written < line.length) throw new SysError('write', os.errno.ENOSPC, { path: target.path });
      mark(target, size, size + written);
    } finally {
      if (written < line.length) ftruncateSync(fd, size);
    }
  });
}

/** Puts right what a crash in the middle of a rotation has left. */
export function tidyOutput({ path }: OutputTarget): void {
  const ends = endsIn(olderOf(path));
  removeParts(path, ends.slice(0, -1));
  for (const end of endsIn(dirname(timesOf(path)))) {
    if (end === ends.at(-1)) continue;
    // Its part was not renamed any more: these are the times of the current part.
    if (end > (ends.at(-1) ?? 0)) renameSync(timesOf(path, end), timesOf(path));
    else rmSync(timesOf(path, end), { force: true });
  }
}

/** Opened for each turn: others may cut or remove the file, and the supervisor keeps no descriptor for an idle workload. */
function inPart<T>(target: OutputTarget, room: number, flags: number, use: (fd: number, size: number) => T): T {
  for (;;) {
    const fd = openSync(target.path, constants.O_RDWR | constants.O_NOFOLLOW | flags, 0o600);
    try {
      const { size } = fstatSync(fd);
      if (size + room <= target.limit) return use(fd, size);
      rotate(target, size);
    } finally {
      closeSync(fd);
    }
    // The part that follows.
    flags |= constants.O_CREAT;
  }
}

function rotate({ path }: OutputTarget, size: number): void {
  const older = olderOf(path);
  const former = endsIn(older);
  if (former.length === 0) mkdirSync(older, { recursive: true, mode: 0o700 });
  const end = (former.at(-1) ?? 0) + size;
  // Before the part: a reader that sees the new part must not take these for its times.
  renameTimes(path, end);
  renameSync(path, join(older, String(end)));
  removeParts(path, former);
}

/** The bytes from `from` to `to` of the current part came now. */
function mark(target: OutputTarget, from: number, to: number): void {
  if (!noteTime(target.path, target.limit, { offset: from, at: Date.now() })) return;
  try {
    rotate(target, to);
    closeSync(openSync(target.path, constants.O_WRONLY | constants.O_CREAT | constants.O_NOFOLLOW, 0o600));
  } catch {
    // The bytes are in the part. The next mark tries again.
  }
}

function renameTimes(path: string, end: number): void {
  try {
    renameSync(timesOf(path), timesOf(path, end));
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
}

function removeParts(path: string, ends: readonly number[]): void {
  for (const end of ends) {
    rmSync(join(olderOf(path), String(end)), { force: true });
    rmSync(timesOf(path, end), { force: true });
  }
}

function endsIn(directory: string): number[] {
  try {
    return endsOf(readdirSync(directory));
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [];
    throw error;
  }
}

function lastByte(fd: number, size: number): number | undefined {
  const byte = Buffer.alloc(1);
  return readSync(fd, byte, 0, 1, size - 1) === 1 ? byte[0] : undefined;
}
