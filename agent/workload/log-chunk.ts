// A piece of output as the protocol carries it.
import { isUtf8 } from 'node:buffer';
import { defined } from '../../linux/defined.js';
import type { OutputPiece, OutputStore } from './output.js';

/** With `tail` and `since` it begins at the later of the two. */
export async function readLog(
  output: Pick<OutputStore, 'read' | 'startOfLast' | 'startSince'>,
  id: string,
  { tail, since, offset, limit, encoding, times }: LogOptions,
): Promise<LogChunk> {
  const last = tail === undefined ? offset : await output.startOfLast(id, tail);
  const from = since === undefined ? last : Math.max(last ?? 0, await output.startSince(id, since));
  return logChunk(await output.read(id, { limit, ...defined({ offset: from, times }) }), encoding);
}

export function logChunk(piece: OutputPiece, encoding: LogOptions['encoding']): LogChunk {
  const { bytes, end, missing, next, times } = piece;
  const more = { ...(missing > 0 ? { missing } : {}), ...defined({ times }) };
  if (encoding === 'base64') return { next, text: '', base64: bytes.toString('base64'), end, ...more };
  const kept = wholeCharacters(bytes);
  if (encoding === 'auto' && !isUtf8(kept)) return { next, text: '', base64: bytes.toString('base64'), end, ...more };
  const cut = bytes.length - kept.length;
  return { next: next - cut, text: kept.toString('utf8'), end: end && cut === 0, ...more };
}

/** Cuts an incomplete UTF-8 sequence off the end; it comes with the next chunk. */
function wholeCharacters(bytes: Buffer): Buffer {
  for (let back = 1; back <= Math.min(4, bytes.length); back++) {
    const byte = bytes[bytes.length - back] ?? 0;
    if ((byte & 0xc0) === 0x80) continue;
    const need = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return need > back && bytes.length > back ? bytes.subarray(0, bytes.length - back) : bytes;
  }
  return bytes;
}

export interface LogChunk {
  /** Position in bytes in all that was ever written, counted on over rotations; pass back as `offset` to go on. */
  readonly next: number;
  /** UTF-8, whole characters only; what is no UTF-8 becomes U+FFFD. Empty where `base64` is there. */
  readonly text: string;
  /** The bytes as they were written, with `encoding: "base64"`, and with `auto` where they are no UTF-8. */
  readonly base64?: string;
  readonly end: boolean;
  /** Bytes from `offset` on that are no longer kept; absent: none. What follows is the oldest that is. */
  readonly missing?: number;
  /**
   * With `times`, ascending: when the bytes from the position `offset` on came, in Unix ms, up to the next of them. Bytes before the
   * first have no time: an older supervisor has written them.
   */
  readonly times?: readonly { readonly offset: number; readonly at: number }[];
}

export interface LogOptions {
  readonly offset?: number;
  /** Instead of `offset`: so many lines before the end. */
  readonly tail?: number;
  /** Nothing that came before, in Unix ms. */
  readonly since?: number;
  readonly times?: boolean;
  readonly limit: number;
  readonly encoding: 'text' | 'base64' | 'auto';
}
