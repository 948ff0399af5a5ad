// The list of controllers, and what is known of each file. A new controller is a file of its own and a line here.
import type { Controller } from './controller.js';
import { core } from './core.js';
import { cpu } from './cpu.js';
import { cpuset } from './cpuset.js';
import { dmem } from './dmem.js';
import { hugetlb } from './hugetlb.js';
import { io } from './io.js';
import { memory } from './memory.js';
import { misc } from './misc.js';
import { pids } from './pids.js';
import { familyOf, keyOf } from './place.js';
import { rdma } from './rdma.js';
import type { Value } from './types.js';

export const CONTROLLERS: readonly Controller[] = [core, cpuset, cpu, memory, io, pids, hugetlb, misc, rdma, dmem];

/** What the kernel holds at the place of `value` in a cgroup that nobody touched; undefined for a file not known here. */
export function defaultAt(value: Value): string | undefined {
  const key = keyOf(value);
  const family = familyOf(value.file);
  const found = CONTROLLERS.find(({ defaults }) => Object.hasOwn(defaults, family))?.defaults[family];
  if (found === undefined || key === undefined) return found;
  // `default` is the key of all devices without a weight of their own.
  return key === 'default' ? 'default 100' : `${key} ${found}`;
}

/** What a file needs that not every kernel has; undefined where its controller is enough. */
export function needOf(file: string): string | undefined {
  const family = familyOf(file);
  return CONTROLLERS.find(({ optional }) => Object.hasOwn(optional, family))?.optional[family];
}
