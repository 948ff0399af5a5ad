// Signals that end with others.

/**
 * Aborts `end` with the first of `sources` that aborts, and its reason. To be called when the work is done: the answer lets go
 * of all of them. AbortSignal.any of Node 20 never does: a source that lives as long as the agent keeps an entry for each call.
 */
export function abortWith(end: AbortController, ...sources: readonly (AbortSignal | undefined)[]): () => void {
  const held: (() => void)[] = [];
  const letGo = (): void => {
    for (const release of held.splice(0)) release();
  };
  for (const source of sources) {
    const abort = (): void => {
      letGo();
      end.abort(source?.reason);
    };
    source?.addEventListener('abort', abort, { once: true });
    held.push(() => source?.removeEventListener('abort', abort));
  }
  // Nobody is told of what has happened already.
  const over = sources.find((source) => source?.aborted === true);
  if (over !== undefined) {
    letGo();
    end.abort(over.reason);
  }
  return letGo;
}
