// One call of the kernel for all that a session says in one turn of the main loop: an answer, and the events of the same change.
import type { Writable } from 'node:stream';

/** More does not wait: a peer that reads must not look like one that does not. */
const MOST_BYTES = 64 << 10;

/** Returns what to call before each write to `stream`: what is written from then on leaves together, at the end of the turn. */
export function gathered(stream: Writable): () => void {
  let gathering = false;
  return () => {
    if (gathering) {
      if (stream.writableLength < MOST_BYTES) return;
      stream.uncork();
      stream.cork();
      return;
    }
    gathering = true;
    stream.cork();
    setImmediate(() => {
      gathering = false;
      stream.uncork();
    });
  };
}
