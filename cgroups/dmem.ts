// The dmem controller (Linux 6.14): memory of devices, by region (dmem.capacity of the root).
import type { Controller } from './controller.js';
import type { Limits, Value } from './types.js';

export const dmem: Controller = {
  name: 'dmem',
  defaults: { 'dmem.max': 'max' },
  optional: {},
  values(limits: Limits): Value[] {
    return Object.entries(limits.dmem ?? {}).map(([region, bytes]) => ({
      file: 'dmem.max',
      value: `${region} ${bytes}`,
    }));
  },
};
