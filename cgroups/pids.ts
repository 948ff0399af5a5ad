// The pids controller. It counts threads as well as processes.
import type { Controller } from './controller.js';
import { Keys } from './keyed.js';
import type { Limits, Value } from './types.js';

export const pids: Controller = {
  name: 'pids',
  defaults: { 'pids.max': 'max' },
  optional: {},
  values(limits: Limits): Value[] {
    const max = limits.pids?.max;
    return max === undefined ? [] : [{ file: 'pids.max', value: String(max) }];
  },
};

const EVENTS = new Keys(['max']);

/** pids.events: forks refused because of pids.max, in this cgroup and below. */
export function parsePidsEvents(bytes: Uint8Array, end: number = bytes.length): number {
  return Math.max(0, EVENTS.read(bytes, end)[0] ?? 0);
}
