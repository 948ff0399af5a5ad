// The network plugin for container runtimes.
import type { Command, OptionDef } from '../command.js';

const places: readonly OptionDef[] = [
  { name: 'bin-dir', value: 'DIRECTORY', about: 'where the runtime looks for plugins', fallback: '/opt/cni/bin' },
  { name: 'conf-dir', value: 'DIRECTORY', about: 'where the runtime looks for networks', fallback: '/etc/cni/net.d' },
  { name: 'dry-run', about: 'say what would be done, and do nothing' },
];

export const CNI_COMMANDS: readonly Command[] = [
  {
    path: ['cni', 'install'],
    group: 'Agent and tools',
    summary: 'Install the CNI plugin: container runtimes get networks of berth',
    details: [
      'Writes the plugin berth-cni and the network 10-berth.conflist. A runtime takes the first file of the directory by name. A file that berth has not written is left alone.',
      'The plugin connects to the agent on the socket of --connect. It is a Perl program that needs no module.',
    ],
    args: [],
    options: [
      ...places,
      { name: 'name', value: 'NAME', about: 'name of the network', fallback: 'berth' },
      {
        name: 'tenant',
        value: 'TENANT',
        about: 'tenant of the containers; `kubernetes-namespace`: tenant `k8s-NAMESPACE`, by the namespace of the pod',
        fallback: 'default',
      },
      { name: 'force', about: 'replace files that berth has not written' },
    ],
    examples: ['berth cni install', 'berth cni install --tenant kubernetes-namespace --dry-run'],
    load: async () => ({ run: (await import('../run/cni.js')).install }),
  },
  {
    path: ['cni', 'uninstall'],
    group: 'Agent and tools',
    summary: 'Remove the files of `berth cni install`',
    details: ['Remove the containers first: a runtime needs the plugin to remove their networks.'],
    args: [],
    options: places,
    examples: ['berth cni uninstall --dry-run'],
    load: async () => ({ run: (await import('../run/cni.js')).uninstall }),
  },
];
