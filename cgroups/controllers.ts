// The list of controllers. A new one is a file of its own and a line here.
import * as cpu from './cpu.js';
import * as memory from './memory.js';
import * as pids from './pids.js';
import type { Limits, Value } from './types.js';

interface Controller {
  readonly needs: readonly string[];
  readonly defaults: readonly Value[];
  values(limits: Limits): Value[];
}

const CONTROLLERS: readonly Controller[] = [
  { needs: cpu.NEEDS, defaults: cpu.DEFAULTS, values: cpu.cpuValues },
  { needs: memory.NEEDS, defaults: memory.DEFAULTS, values: memory.memoryValues },
  { needs: pids.NEEDS, defaults: pids.DEFAULTS, values: pids.pidsValues },
];

/** Every write that `limits` asks for; nothing for what it leaves open. */
export function planValues(limits: Limits): Value[] {
  return CONTROLLERS.flatMap((controller) => controller.values(limits));
}

/** The writes that turn `before` into `after`: what differs, and the kernel's default for what was taken away. */
export function planChange(before: Limits, after: Limits): Value[] {
  const had = new Map(planValues(before).map(({ file, value }) => [file, value]));
  const wanted = planValues(after);
  const kept = new Set(wanted.map(({ file }) => file));
  const defaults = CONTROLLERS.flatMap((controller) => controller.defaults);
  return [
    ...wanted.filter(({ file, value }) => had.get(file) !== value),
    ...defaults.filter(({ file }) => had.has(file) && !kept.has(file)),
  ];
}

/** Names as in cgroup.controllers, e.g. `['cpu', 'memory']`. */
export function controllersNeeded(limits: Limits): string[] {
  return CONTROLLERS.filter((controller) => controller.values(limits).length > 0).flatMap(({ needs }) => needs);
}

/** All that this room knows how to set. */
export function knownControllers(): string[] {
  return CONTROLLERS.flatMap(({ needs }) => needs);
}
