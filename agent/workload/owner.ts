// Who has all workloads, as one of them sees it.
import type { BerthError } from '../errors.js';
import type { Actor } from './actor.js';

export interface Owner {
  /** Nothing of the workload is left, not even its record. */
  gone(actor: Actor): void;
  /** It has come to rest and holds nothing. */
  settled(id: string): void;
  /** Asks those to go that make room for it, and were not asked. The answer: free, ms until too late, or too late. */
  roomFor(actor: Actor): Promise<'free' | number | BerthError>;
}
