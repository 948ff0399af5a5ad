// What a group of benchmarks is. A new group is a file with one of these and a line in groups.ts.
import type { Measurement } from './result.js';

/** What a part may use while it runs. */
export interface Bench {
  /** Few repetitions: to see that it works, not to quote. */
  readonly quick: boolean;
  readonly signal: AbortSignal;
  /** A directory that is gone afterwards. */
  readonly directory: string;
  /** Says on stderr what is going on. */
  readonly say: (text: string) => void;
}

/** A measurement of its own within a group: it makes what it needs and removes it, also when it fails. */
export interface Part {
  readonly name: string;
  readonly what: string;
  /** Why this part cannot run here, where the group can; undefined when it can. */
  missing?(): string | undefined;
  run(bench: Bench): Promise<readonly Measurement[]>;
}

export interface Group {
  readonly name: string;
  readonly what: string;
  /** Command that the group's process is started with, such as unshare(1); empty: none. */
  readonly wrapper: readonly string[];
  readonly parts: readonly Part[];
  /** Why the group cannot run here; undefined when it can. */
  missing(): string | undefined;
  /** What the parts have left behind; must be empty. */
  leftovers(): readonly string[];
}
