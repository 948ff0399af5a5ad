// Where a start stands that waits for its permit.

/** Where a start stands that has no permit yet. Times in milliseconds. */
export interface StartWait {
  readonly reason: 'start_queue';
  readonly waitedMs: number;
  /** Starts that come first, as it looks now. */
  readonly ahead: number;
  /** Until its permit, as fast as starts settle now. */
  readonly expectedMs: number;
}
