// Who has all workloads, as one of them sees it.
import type { BerthError } from '../../protocol/errors.js';
import type { WorkloadRecord } from '../model/record.js';

/** One whose room is still in use by those who go for it. */
export interface Waiter {
  readonly record: WorkloadRecord;
  /** Resolves when it is durable. */
  patch(change: Partial<WorkloadRecord>): Promise<void>;
  /** Looks again whether its room is free. */
  wake(): void;
}

export interface Owner {
  /** Nothing of the workload is left, not even its record. */
  gone(id: string): void;
  /** Its record is another one, and durable. */
  changed(record: WorkloadRecord): void;
  /** False: it has a health probe, which has not succeeded yet or does not any more. */
  serves(record: WorkloadRecord): boolean;
  /** It has come to rest and holds nothing. */
  settled(id: string): void;
  /** Asks those to go that make room for it, and were not asked. The answer: free, ms until too late, or too late. */
  roomFor(waiter: Waiter): Promise<'free' | number | BerthError>;
}
