// The cgroup room against plain reading, C, and moving a process.
import type { Group } from '../group.js';
import { birth } from './birth.js';
import { sweep } from './sweep.js';
import { leftovers, missing } from './world.js';

export const cgroups: Group = {
  name: 'cgroups',
  what: 'sampling, and processes born in a cgroup, against readFileSync, C and cgroup.procs',
  wrapper: [],
  parts: [sweep, birth],
  missing,
  leftovers,
};
