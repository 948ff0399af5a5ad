// What a run is worth: pure, so that the runner itself can be tested.
import type { Counts } from './ava.js';
import { type AllowedSkip, unlisted } from './skips.js';

/** A file that failed once and was run again, and the first thing that had failed in it. */
export interface SecondTry {
  readonly file: string;
  readonly reason: string;
}

/** More files than this that need a second try are a failure of the run: the tests are no longer believed. */
export const SECOND_TRIES = 2;

export interface Run {
  readonly counts: Counts;
  /** Titles of the skipped tests and `tier NAME` of the skipped tiers. */
  readonly skipped: readonly string[];
  readonly secondTries: readonly SecondTry[];
}

export interface Verdict {
  readonly counts: Counts;
  /** What fails the run beside failed tests, a sentence each. */
  readonly complaints: readonly string[];
  /** How many files were run twice, and each with what failed in it first: to be printed last, also when there are none. */
  readonly lines: readonly string[];
}

/** Every complaint counts as one failure, so that the closing counts never say that all is well. */
export function verdict(run: Run, strict: boolean, allowed?: readonly AllowedSkip[]): Verdict {
  const complaints = strict
    ? unlisted(run.skipped, allowed).map((name) => `skipped, and not in test/runner/skips.ts: ${name}`)
    : [];
  const { length } = run.secondTries;
  if (length > SECOND_TRIES) complaints.push(`${length} files needed a second try; at most ${SECOND_TRIES} may`);
  if (run.counts.passed === 0) complaints.push('no test passed');
  return {
    counts: { ...run.counts, failed: run.counts.failed + complaints.length },
    complaints,
    lines: [
      `second tries: ${length} of at most ${SECOND_TRIES}`,
      ...run.secondTries.map(({ file, reason }) => `second try: ${file}: ${reason}`),
    ],
  };
}
