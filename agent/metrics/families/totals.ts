// Counters that others keep.
import type { Collectors } from '../collectors.js';

/** Counts that others keep: since the start of the agent where nothing else is said. */
export interface Totals {
  /** By kind of object; every kind always, zeros included. */
  readonly reaped: Readonly<Record<string, number>>;
  /** Every method always, zeros included: a counter that appears with its first event hides that event from `increase`. */
  readonly requests: readonly { readonly method: string; readonly result: string; readonly count: number }[];
  readonly journalWrites: number;
  /** Bytes, since the start of the supervisor; undefined: it has not answered yet, or does not count them. */
  readonly outputDropped: number | undefined;
}

export interface TotalsSource {
  totals(): Totals;
}

export function addTotalFamilies(c: Collectors, source: TotalsSource): void {
  c.counter('berth_reaped_objects_total', 'Orphaned kernel objects removed.', ['kind'], () =>
    Object.entries(source.totals().reaped).map(([kind, count]) => [{ kind }, count] as const),
  );
  const help = 'Requests of the control protocol; result: ok or code.';
  c.counter('berth_control_requests_total', help, ['method', 'result'], () =>
    source.totals().requests.map(({ count, ...labels }) => [labels, count] as const),
  );
  c.counter('berth_journal_writes_total', 'Journal entries made durable.', [], () => [
    [{}, source.totals().journalWrites],
  ]);
  const dropped =
    'Bytes that workloads wrote to stdout and stderr and that were dropped because their file could not be written.';
  c.counter('berth_output_dropped_bytes_total', dropped, [], () => {
    const { outputDropped } = source.totals();
    return outputDropped === undefined ? [] : [[{}, outputDropped]];
  });
}
