// From limits to writes.
import { CONTROLLERS } from './list.js';
import { changeValues } from './order.js';
import type { Limits, Value } from './types.js';

/** Every write that `limits` asks for, in an order that works in a fresh cgroup; nothing for what it leaves open. */
export function planValues(limits: Limits): Value[] {
  return changeValues([], allValues(limits));
}

/** The writes that turn `before` into `after`: what differs, and the kernel's default for what was taken away. */
export function planChange(before: Limits, after: Limits): Value[] {
  return changeValues(allValues(before), allValues(after));
}

/** Names as in cgroup.controllers, e.g. `['cpu', 'memory']`. */
export function controllersNeeded(limits: Limits): string[] {
  return CONTROLLERS.flatMap(({ name, values }) => (name === undefined || values(limits).length === 0 ? [] : [name]));
}

/** All that this room knows how to set. */
export function knownControllers(): string[] {
  return CONTROLLERS.flatMap(({ name }) => name ?? []);
}

function allValues(limits: Limits): Value[] {
  return CONTROLLERS.flatMap((controller) => controller.values(limits));
}
