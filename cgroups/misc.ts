// The misc controller: things that a host has a number of, such as keys of encrypted guests (misc.capacity of the root).
import type { Controller } from './controller.js';
import type { Limits, Value } from './types.js';

export const misc: Controller = {
  name: 'misc',
  defaults: { 'misc.max': 'max' },
  optional: {},
  values(limits: Limits): Value[] {
    return Object.entries(limits.misc ?? {}).map(([name, count]) => ({ file: 'misc.max', value: `${name} ${count}` }));
  },
};
