// What a controller is to this room: a file of its own with one of these, and a line in controllers.ts.
import type { Limits, Value } from './types.js';

export interface Controller {
  /** As in cgroup.controllers; undefined: of the core, in every cgroup. */
  readonly name: string | undefined;
  /**
   * By file, what the kernel holds in a cgroup that nobody touched; written back when a limit is taken away. Of a file with
   * keys, what follows the key. A `*` stands for one part of a file's name.
   */
  readonly defaults: Readonly<Record<string, string>>;
  /** Files that not every kernel with this controller has, and what they need. */
  readonly optional: Readonly<Record<string, string>>;
  /** Every write that `limits` asks of this controller. */
  values(limits: Limits): Value[];
}
