// Commands about volumes.
import type { Command } from '../command.js';
import { dryRun } from './options.js';

const tenant = { name: 'tenant', value: 'TENANT', about: 'only those of this tenant' } as const;

export const VOLUME_COMMANDS: readonly Command[] = [
  {
    path: ['volume', 'ls'],
    group: 'Workloads',
    summary: 'List the volumes of this node with their users',
    details: [
      'A volume is a directory of a tenant that outlives its workloads: `"mounts": [{"type": "volume", "name": "data", "target": "/data"}]`, or `berth run -v data:/data`. berth makes it when the first workload that mounts it starts, empty, for the user of that workload. USED names the workloads whose specification mounts it, whether they run or not.',
    ],
    args: [],
    options: [tenant],
    examples: ['berth volume ls', 'berth volume ls --tenant acme --json'],
    load: async () => ({ run: (await import('../run/volumes.js')).list }),
  },
  {
    path: ['volume', 'rm'],
    group: 'Workloads',
    summary: 'Delete volumes with all that is in them',
    details: ['berth refuses to delete a volume that the specification of a workload mounts (`volume_in_use`).'],
    args: [{ name: 'NAME', about: 'volumes', many: true }],
    options: [{ ...tenant, about: 'whose they are (default: default)' }],
    examples: ['berth volume rm data', 'berth volume rm data --tenant acme'],
    load: async () => ({ run: (await import('../run/volumes.js')).remove }),
  },
  {
    path: ['volume', 'prune'],
    group: 'Workloads',
    summary: 'Delete volumes that no workload mounts',
    details: ['What is in them is lost. First with --dry-run.'],
    args: [],
    options: [tenant, dryRun],
    examples: ['berth volume prune --dry-run', 'berth volume prune --tenant acme'],
    load: async () => ({ run: (await import('../run/volumes.js')).prune }),
  },
];
