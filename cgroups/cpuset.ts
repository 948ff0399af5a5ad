// The cpuset controller: which cpus and memory nodes, and whether the cpus are taken from everybody else.
import type { Controller } from './controller.js';
import type { Limits, Value } from './types.js';

export const cpuset: Controller = {
  name: 'cpuset',
  // An empty list: those of the parent.
  defaults: { 'cpuset.cpus': '', 'cpuset.mems': '', 'cpuset.cpus.partition': 'member' },
  optional: {},
  values(limits: Limits): Value[] {
    const { cpus, mems, partition } = limits.cpuset ?? {};
    const values: Value[] = [];
    if (mems !== undefined) values.push({ file: 'cpuset.mems', value: mems });
    if (cpus !== undefined) values.push({ file: 'cpuset.cpus', value: cpus });
    if (partition !== undefined) values.push({ file: 'cpuset.cpus.partition', value: partition });
    return values;
  },
};

/** `0-1,3` -> 0, 1, 3; the format of cpuset(7), "List format". What is no number is left out. */
export function parseList(text: string): Set<number> {
  const members = new Set<number>();
  for (const part of text.split(',')) {
    const [, first, last = first] = /^\s*(\d{1,5})(?:-(\d{1,5}))?\s*$/.exec(part) ?? [];
    if (first === undefined) continue;
    for (let member = Number(first); member <= Number(last); member++) members.add(member);
  }
  return members;
}
