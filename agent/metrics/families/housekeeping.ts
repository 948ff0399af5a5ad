// Families of what the agent does each minute.
import type { Collectors } from '../collectors.js';

export type ChoreResult = 'ok' | 'failed' | 'late';

export interface ChoreFigures {
  readonly name: string;
  readonly runs: Readonly<Record<ChoreResult, number>>;
  /** Since it last went well; since the start of the agent, where it never has. */
  readonly ageSeconds: number;
}

export interface HousekeepingSource {
  housekeeping(): readonly ChoreFigures[];
}

export function addHousekeepingFamilies(c: Collectors, source: HousekeepingSource): void {
  const runs = 'Runs of the chores that the agent does each minute; result: ok, failed, or late at its deadline.';
  c.counter('berth_housekeeping_runs_total', runs, ['chore', 'result'], () =>
    source
      .housekeeping()
      .flatMap(({ name, runs }) => Object.entries(runs).map(([result, n]) => [{ chore: name, result }, n] as const)),
  );
  const age = 'Time since this chore last went well, by a clock that nobody sets; 60 at most while all is well.';
  c.gauge('berth_housekeeping_age_seconds', age, ['chore'], () =>
    source.housekeeping().map(({ name, ageSeconds }) => [{ chore: name }, ageSeconds] as const),
  );
}
