// Where a start stands that waits for its turn.

/** Where a start stands that has not had its turn. Times in milliseconds. */
export interface StartWait {
  readonly reason: 'start_queue';
  readonly waitedMs: number;
  /** Starts that come first, as it looks now. */
  readonly ahead: number;
  /** Until its turn at the rate of now. */
  readonly expectedMs: number;
}
