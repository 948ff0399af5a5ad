// How long the worker may be on one call. Its calls run one after the other, so the time of each begins when the worker
// comes to it, and not while it waits in the queue: a long queue is no hang.
import { constants } from 'node:os';
import { SysError } from '../linux/errors.js';
import type { Call } from './protocol.js';
import type { Overdue } from './types.js';

/** Something that the kernel answers from memory. */
const ANSWER_MS = 10_000;
/** Something of one sandbox, or of one batch: milliseconds, unless another program holds the kernel's network lock (RTNL). */
const CHANGE_MS = 30_000;
/** Something of all sandboxes, or `nft`, which has 60 s of its own (firewall/nft.ts). */
const ALL_MS = 70_000;

export type Deadlines = Readonly<Record<Call['method'], number>>;

export const DEADLINES: Deadlines = {
  setup: ALL_MS,
  configure: ANSWER_MS,
  teardown: ALL_MS,
  create: CHANGE_MS,
  update: CHANGE_MS,
  createIsolated: CHANGE_MS,
  prepareSlot: CHANGE_MS,
  findSlots: CHANGE_MS,
  remove: CHANGE_MS,
  list: CHANGE_MS,
  held: CHANGE_MS,
  members: CHANGE_MS,
  retag: ALL_MS,
  audit: ALL_MS,
  sweep: ALL_MS,
  watch: CHANGE_MS,
  hostNetworks: ANSWER_MS,
  stats: ANSWER_MS,
  drops: ANSWER_MS,
  interference: ANSWER_MS,
  close: CHANGE_MS,
};

/** The op of every error that says: the worker does not answer. */
export const UNANSWERED = 'network worker';

/** `posted`: the worker has the call, and may carry it out when it goes on. */
export function unanswered(method: Call['method'], overdue: Overdue, posted: boolean): SysError {
  const on = `the worker has been on "${overdue.operation}" for ${Math.round(overdue.ageMs)} ms`;
  const outcome = posted ? 'the outcome of this call is unknown, it may be repeated' : 'this call was not begun';
  return new SysError(UNANSWERED, constants.errno.ETIMEDOUT, { path: method, note: `${on}; ${outcome}` });
}
