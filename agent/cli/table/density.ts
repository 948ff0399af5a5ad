// Commands about what the node may hold: reservations, tenants, licences.
import type { Command } from '../command.js';
import { file } from './options.js';

const tenant = { name: 'TENANT', about: 'tenant' } as const;

export const DENSITY_COMMANDS: readonly Command[] = [
  {
    path: ['reserve'],
    group: 'Workloads',
    summary: 'Set room aside for a workload that will be created soon',
    details: [
      'Prints the reservation. Creating a workload of the same id uses it; after its time, or `berth release`, the room is free again. The same again renews the time.',
    ],
    args: [],
    options: [file, { name: 'ttl', value: 'DURATION', about: 'for how long, from 1s to 24h', fallback: '30s' }],
    examples: ['berth reserve -f web.json --ttl 2m'],
    load: () => import('../run/reserve.js'),
  },
  {
    path: ['release'],
    group: 'Workloads',
    summary: 'Give a reservation back',
    details: [],
    args: [{ name: 'RESERVATION', about: 'id of the workload, or the reservation as printed' }],
    options: [],
    examples: ['berth release web-1'],
    load: () => import('../run/release.js'),
  },
  {
    path: ['tenant', 'list'],
    group: 'Tenants and licences',
    summary: 'List tenants with what they have of their quotas',
    details: ['Those that are configured, were set, or have workloads.'],
    args: [],
    options: [],
    examples: ['berth tenant list'],
    load: async () => ({ run: (await import('../run/tenants.js')).list }),
  },
  {
    path: ['tenant', 'show'],
    group: 'Tenants and licences',
    summary: 'Show what a tenant has and may have, and where each value comes from',
    details: ['FROM is `file` (the configuration), `protocol` (set by `berth tenant set`), `window` or `default`.'],
    args: [tenant],
    options: [],
    examples: ['berth tenant show acme'],
    load: async () => ({ run: (await import('../run/tenants.js')).show }),
  },
  {
    path: ['tenant', 'set'],
    group: 'Tenants and licences',
    summary: 'Change quotas, guaranteed shares, licences and limits of a tenant at once',
    details: [
      'A setting is KEY=VALUE for a quota (workloads, cpu, memory, addresses, pids, disk and every other dimension of `berth node capacity`), guaranteed.KEY=VALUE for a share that is kept free for it, licences.NAME=COUNT, and limits.KEY=VALUE for its cgroup (memory, swap, cpu, cpuWeight, pids, descendants, io). An empty value takes a setting back: what the configuration says counts again.',
      'A quota below what the tenant has stops new starts; with --evict workloads are stopped, lowest class and priority first, until it holds.',
    ],
    args: [tenant, { name: 'SETTING', about: 'KEY=VALUE', many: true, optional: true }],
    options: [
      {
        name: 'file',
        short: 'f',
        value: 'FILE',
        about: 'settings as JSON: quota, guaranteed, licences, limits; `-` reads standard input',
      },
      { name: 'create', about: 'also when nobody has named this tenant yet' },
      { name: 'evict', about: 'stop workloads until the quota holds' },
    ],
    examples: ['berth tenant set acme memory=4Gi guaranteed.memory=1Gi', 'berth tenant set acme memory='],
    load: async () => ({ run: (await import('../run/tenants.js')).set }),
  },
  {
    path: ['tenant', 'delete'],
    group: 'Tenants and licences',
    summary: 'Take back everything that was set for a tenant',
    details: ['Not while it has workloads or reservations.'],
    args: [tenant],
    options: [],
    examples: ['berth tenant delete acme'],
    load: async () => ({ run: (await import('../run/tenants.js')).remove }),
  },
  {
    path: ['licence', 'list'],
    group: 'Tenants and licences',
    summary: 'List pools of licences with who has them',
    details: ['TOTAL is what is locked to this node and what schedulers have leased to it.'],
    args: [],
    options: [],
    examples: ['berth licence list'],
    load: async () => ({ run: (await import('../run/licences.js')).list }),
  },
  {
    path: ['licence', 'audit'],
    group: 'Tenants and licences',
    summary: 'Print who had which licence from when to when',
    details: ['Grants, returns, leases and their ends, oldest first, as far back as they are kept (16 MiB).'],
    args: [],
    options: [
      { name: 'since', value: 'TIME', about: 'a time such as 2026-11-01, or a duration back from now such as 24h' },
    ],
    examples: ['berth licence audit --json > licences.json', 'berth licence audit --since 24h'],
    load: async () => ({ run: (await import('../run/licences.js')).audit }),
  },
];
