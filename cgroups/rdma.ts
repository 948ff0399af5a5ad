// The rdma controller: handles and objects of each device.
import type { Controller } from './controller.js';
import type { Limits, Value } from './types.js';

export const rdma: Controller = {
  name: 'rdma',
  defaults: { 'rdma.max': 'hca_handle=max hca_object=max' },
  optional: {},
  values(limits: Limits): Value[] {
    return Object.entries(limits.rdma ?? {}).map(([device, { hcaHandle, hcaObject }]) => ({
      file: 'rdma.max',
      value: `${device} hca_handle=${hcaHandle ?? 'max'} hca_object=${hcaObject ?? 'max'}`,
    }));
  },
};
