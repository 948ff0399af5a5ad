// Commands about the snapshots of virtual machines.
import type { Command } from '../command.js';
import { dryRun, id, selection, someIds } from './options.js';

export const SNAPSHOT_COMMANDS: readonly Command[] = [
  {
    path: ['workload', 'snapshot'],
    group: 'Workloads',
    summary: 'Write the state of virtual machines to disk',
    details: [
      'Works with drivers qemu and firecracker, without an image. berth writes the state to /var/lib/berth/snapshots/ID (`paths.state`) and stops the virtual machine with the cause `suspended`. A suspended workload holds no memory and no quota. `berth workload start ID` resumes the guest with the same address.',
      'With --keep-running the guest pauses while berth writes, then goes on. The snapshot stays until somebody deletes it or its workload.',
    ],
    args: [someIds],
    options: [{ name: 'keep-running', about: 'let the guest go on, and keep the snapshot' }, ...selection, dryRun],
    examples: ['berth workload snapshot vm-1', 'berth workload snapshot vm-1 --keep-running'],
    load: async () => ({ run: (await import('../run/snapshots.js')).make }),
  },
  {
    path: ['workload', 'snapshots'],
    group: 'Workloads',
    summary: 'List the snapshots of virtual machines',
    details: [
      'KIND: `kept`, made with --keep-running, for clones; `suspended`, the state of a suspended workload, whose next start deletes the snapshot.',
    ],
    args: [{ ...id, optional: true, about: 'only those of this workload' }],
    options: [],
    examples: ['berth workload snapshots', 'berth workload snapshots vm-1'],
    load: async () => ({ run: (await import('../run/snapshots.js')).list }),
  },
  {
    path: ['workload', 'delete-snapshot'],
    group: 'Workloads',
    summary: 'Delete a snapshot of a virtual machine',
    details: ['A suspended workload whose snapshot is deleted boots with its next start.'],
    args: [id, { name: 'NAME', about: 'the snapshot, as `berth workload snapshots` shows it' }],
    options: [],
    examples: ['berth workload delete-snapshot vm-1 0001'],
    load: async () => ({ run: (await import('../run/snapshots.js')).remove }),
  },
];
