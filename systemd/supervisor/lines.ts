import type { Socket } from 'node:net';

/** Longest line a supervisor accepts, in bytes. */
export const MAX_LINE = 1024 * 1024;

/**
 * Calls `onLine` for every complete line of `socket`. When more than `limit` bytes arrive without an end of line,
 * calls `onOverflow` once and reads no further.
 */
export function readLines(
  socket: Socket,
  limit: number,
  onLine: (line: string) => void,
  onOverflow: () => void = () => {},
): void {
  let parts: Buffer[] = [];
  let size = 0;
  let stopped = false;
  socket.on('data', (chunk: Buffer) => {
    if (stopped) return;
    let from = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
      parts.push(chunk.subarray(from, end));
      size += end - from;
      from = end + 1;
      if (size > limit) break;
      const line = Buffer.concat(parts).toString('utf8');
      parts = [];
      size = 0;
      onLine(line);
      if (socket.destroyed || socket.writableEnded) stopped = true;
      if (stopped) return;
    }
    parts.push(chunk.subarray(from));
    size += chunk.length - from;
    if (size > limit) {
      stopped = true;
      parts = [];
      onOverflow();
    }
  });
}
