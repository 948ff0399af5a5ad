/** `read`, asked once for all who ask within a moment: the families of one scrape each ask for the same answer. */
export function briefly<T>(read: () => T, ms = 250, now: () => number = () => performance.now()): () => T {
  let kept: { readonly at: number; readonly value: T } | undefined;
  return () => {
    if (kept === undefined || now() - kept.at >= ms) kept = { at: now(), value: read() };
    return kept.value;
  };
}
