// What is wrong with a node, in the words that a person reads.

/** A finding of the doctor or of a running check. */
export interface Condition {
  readonly code: string;
  readonly severity: 'error' | 'warning' | 'info';
  readonly title: string;
  readonly why: string;
  readonly fix: string;
  /** The node cannot do its work while this holds: readyz answers 503. */
  readonly blocksReady?: true;
}
