// Where an entry of the licence audit stands: in bytes of all entries that were ever written, so that a reader goes on where
// it was, whatever has become of the file meanwhile. A file says at its head where its first entry stands. Pure.

/** Lines, and where the first of them stands. */
export interface Stretch {
  readonly start: number;
  readonly bytes: Buffer;
}

export interface Line {
  readonly text: string;
  /** Where the next one begins. */
  readonly end: number;
}

/** First line of a file whose first entry stands there. */
export function headFor(position: number): string {
  return `${JSON.stringify({ position })}\n`;
}

/** What the two files hold. A file of a version that wrote no head counts from what is known of the other one. */
export function stretches(older: Buffer, newer: Buffer): { readonly older: Stretch; readonly newer: Stretch } {
  const [before, now] = [withoutHead(older), withoutHead(newer)];
  const length = before.bytes.length;
  const start = now.start ?? (before.start === undefined && now.bytes.length > 0 ? 0 : (before.start ?? 0) + length);
  return {
    older: { start: before.start ?? start - length, bytes: before.bytes },
    newer: { start, bytes: now.bytes },
  };
}

/** Whole lines that end behind `after`, one by one; the last may lack its end, as a kill has torn it. */
export function* linesBehind({ start, bytes }: Stretch, after: number): Generator<Line, void, void> {
  for (let from = Math.max(0, after - start); from < bytes.length; ) {
    const found = bytes.indexOf(10, from);
    const to = found === -1 ? bytes.length : found;
    yield { text: bytes.toString('utf8', from, to), end: start + to + 1 };
    from = to + 1;
  }
}

function withoutHead(bytes: Buffer): { readonly start: number | undefined; readonly bytes: Buffer } {
  const length = bytes.indexOf(10) + 1;
  const found = /^\{"position":(-?\d{1,15})\}\n$/.exec(bytes.toString('latin1', 0, Math.min(length, 64)));
  return found === null ? { start: undefined, bytes } : { start: Number(found[1]), bytes: bytes.subarray(length) };
}
