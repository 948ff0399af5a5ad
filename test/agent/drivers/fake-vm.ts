// What a driver of virtual machines has, of a VMM that needs nothing and tells nothing.
import type { VmDriver } from '../../../agent/drivers/driver.js';

export const fakeVm: VmDriver = {
  overhead: () => 0,
  charged: () => 0,
  ownMemory: () => undefined,
  vcpuThreads: async () => [],
  balloon: async () => undefined,
  explainEnd: () => undefined,
};
