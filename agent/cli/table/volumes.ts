// Commands about volumes.
import type { Command } from '../command.js';
import { dryRun } from './options.js';

const tenant = { name: 'tenant', value: 'TENANT', about: 'only those of this tenant' } as const;

export const VOLUME_COMMANDS: readonly Command[] = [
  {
    path: ['volume', 'list'],
    group: 'Workloads',
    summary: 'List the volumes of this node with their users',
    details: [
      'A volume is a directory of a tenant: /var/lib/berth/volumes/TENANT/NAME (`paths.state`). `berth run -v data:/data IMAGE` mounts it; in a specification `"mounts": [{"type": "volume", "name": "data", "target": "/data"}]`. berth creates it empty at the first start that mounts it, owned by the user of that workload. It stays until `berth volume delete`. USED names the workloads whose specification mounts it, running or not.',
    ],
    args: [],
    options: [tenant],
    examples: ['berth volume list', 'berth volume list --tenant acme --json'],
    load: async () => ({ run: (await import('../run/volumes.js')).list }),
  },
  {
    path: ['volume', 'delete'],
    group: 'Workloads',
    summary: 'Delete volumes with all that is in them',
    details: ['berth refuses to delete a volume that the specification of a workload mounts (`volume_in_use`).'],
    args: [{ name: 'NAME', about: 'volumes', many: true }],
    options: [{ ...tenant, about: 'whose they are (default: default)' }],
    examples: ['berth volume delete data', 'berth volume delete data --tenant acme'],
    load: async () => ({ run: (await import('../run/volumes.js')).remove }),
  },
  {
    path: ['volume', 'prune'],
    group: 'Workloads',
    summary: 'Delete volumes that no workload mounts',
    details: [
      'Deletes their contents, too. A volume also counts as unused if you deleted its workload only to create it again. Run `berth volume prune --dry-run` first.',
    ],
    args: [],
    options: [tenant, dryRun],
    examples: ['berth volume prune --dry-run', 'berth volume prune --tenant acme'],
    load: async () => ({ run: (await import('../run/volumes.js')).prune }),
  },
];
