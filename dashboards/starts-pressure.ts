// The dashboard of what is held back: starts by the governor, workloads by pressure and by their limits.
import type { DashboardTable } from './panels.js';
import { limits, pressure } from './pressure.js';
import { starts } from './starts.js';

export const STARTS_PRESSURE: DashboardTable = {
  uid: 'berth-pressure',
  title: 'berth / Starts and pressure',
  description: 'What waits for its start, what the pressure ladder does, and who is held back by its limits.',
  anchor: 'berth_build_info',
  variables: [
    { name: 'tenant', label: 'Tenant', from: 'berth_workload_info' },
    { name: 'workload', label: 'Workload', from: 'berth_workload_info' },
  ],
  sections: [
    { title: 'Starts', panels: starts },
    { title: 'Pressure', panels: pressure },
    { title: 'Limits', panels: limits },
  ],
};
