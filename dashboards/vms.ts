// What virtual machines have in memory and on disk, whichever VMM runs them.
import { EACH, graph, HOST, quantile, sum, top, WORKLOAD } from './expressions.js';
import type { PanelRow } from './panels.js';

export const vms: readonly PanelRow[] = [
  graph(
    'Memory of guests',
    'What virtual machines have for their guests, and what the pressure ladder has asked back of it (balloon).',
    'bytes',
    [
      [sum('berth_vm_memory_bytes', WORKLOAD, 'driver'), '{{driver}}'],
      [sum('berth_vm_balloon_bytes', WORKLOAD, 'driver'), '{{driver}} asked back'],
    ],
  ),
  graph(
    'Memory of VMMs',
    'What each VMM needs beside its guest, as last measured, the 20 largest. Above drivers.qemu.overhead or drivers.firecracker.overhead, memory.max has no room for it.',
    'bytes',
    [[top(sum('berth_vm_overhead_bytes', WORKLOAD, 'tenant, workload')), EACH]],
  ),
  graph(
    'Snapshots',
    'Snapshots on disk, those of suspended workloads included. `berth workload snapshots` lists them.',
    'short',
    [[sum('berth_vm_snapshots', HOST, 'tenant'), '{{tenant}}']],
  ),
  graph('Bytes of snapshots', 'Bytes of their files; at images.min_free berth refuses the next one.', 'bytes', [
    [sum('berth_vm_snapshots_bytes', HOST, 'tenant'), '{{tenant}}'],
  ]),
  graph(
    'Saves and restores',
    'How long a guest stands still for its snapshot, and how long a start with a snapshot takes. Far above the usual: look at the disk of paths.state.',
    's',
    [
      [quantile(0.99, 'berth_vm_save_duration_seconds', 'driver'), '{{driver}} save p99'],
      [quantile(0.99, 'berth_vm_restore_duration_seconds', 'driver'), '{{driver}} restore p99'],
    ],
  ),
];
