// Commands about what other engines run on this host.
import type { Command } from '../command.js';

export const ENGINE_COMMANDS: readonly Command[] = [
  {
    path: ['engine', 'list'],
    group: 'Node',
    summary: 'List Docker, podman and other engines of this host with the number of their workloads',
    details: [
      'STATE: up, the engine answers on its socket; names, berth finds its workloads by the names of their cgroups; unreachable, its socket is there and the engine does not answer (PROBLEM says why, and berth keeps the last list); absent, no socket and no workloads; off, engines.NAME.authority is "off". berth changes no workload of another engine.',
    ],
    args: [],
    options: [],
    examples: ['berth engine list', 'berth engine list --json | jq -r \'.engines[] | select(.state == "up").name\''],
    load: async () => ({ run: (await import('../run/engines.js')).list }),
  },
  {
    path: ['engine', 'show'],
    group: 'Node',
    summary: 'Show the workloads of an engine with their use and limits',
    details: [
      'Limits are those of the kernel; none: no limit. COUNTED: yes, or `in NAME` if the ledger already counts the container that contains it.',
    ],
    args: [{ name: 'ENGINE', about: 'docker, podman, containerd, crio, lxc, libvirt or nspawn' }],
    options: [],
    examples: ['berth engine show docker', "berth engine show docker --json | jq '.workloads[].limits'"],
    load: async () => ({ run: (await import('../run/engines.js')).show }),
  },
];
