// Waiting that ends with whoever waits.

/** As `work`, or rejects with the reason of `signal`, whichever comes first. The work itself goes on where it does not take the signal. */
export function orAbort<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const gone = (): void => reject(signal.reason);
    if (signal.aborted) gone();
    signal.addEventListener('abort', gone, { once: true });
    const forget = (): void => signal.removeEventListener('abort', gone);
    work.then(resolve, reject).finally(forget);
  });
}
