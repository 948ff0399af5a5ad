// The daemon, its configuration, and commands about the command itself.
import type { Command } from '../command.js';
import { AGENT } from './agent.js';
import { config } from './options.js';

const about = (
  verb: 'default' | 'check' | 'dump' | 'schema',
  summary: string,
  details: readonly string[],
  reads: boolean,
): Command => ({
  path: ['config', verb],
  group: 'Agent and tools',
  summary,
  details,
  args: [],
  options: reads ? [config] : [],
  configFlags: reads,
  examples: [`berth config ${verb}`],
  load: async () => {
    const { configCommand } = await import('../run/config.js');
    return { run: configCommand(verb) };
  },
});

export const TOOL_COMMANDS: readonly Command[] = [
  AGENT,
  about('default', 'Print a configuration file with every key, its meaning and default', [], false),
  about(
    'check',
    'Check the configuration and say where it is wrong',
    ['Reads what `berth agent` would read. Exit code 2 when something is wrong.'],
    true,
  ),
  about('dump', 'Print the configuration in force and where each key came from', [], true),
  about('schema', 'Print the JSON Schema of the configuration file', [], false),
  {
    path: ['bugreport'],
    group: 'Agent and tools',
    summary: 'Write a file that helps to find a fault: state, events, logs, metrics, configuration',
    details: [
      'Only its owner can read the archive. Run the command as root. Without an agent the archive has what the host knows, and names the missing parts. Read it before you send it: `tar tzf FILE`.',
      'berth leaves out the values of environments, the contents of files and the metadata of microVMs. Command lines, labels, image names and addresses are in the archive: a password on a command line is, too.',
    ],
    args: [],
    options: [
      {
        name: 'output',
        short: 'o',
        value: 'FILE',
        about: 'where; by default berth-bugreport-TIME.tar.gz in this directory',
      },
      config,
    ],
    configFlags: true,
    examples: ['berth bugreport', 'berth bugreport -o /var/tmp/berth.tar.gz'],
    load: () => import('../run/bugreport.js'),
  },
  {
    path: ['version'],
    group: 'Agent and tools',
    summary: 'Print the version',
    details: [],
    args: [],
    options: [],
    examples: ['berth version'],
    load: () => import('../run/version.js'),
  },
  {
    path: ['completion'],
    group: 'Agent and tools',
    summary: 'Print a completion script',
    details: [],
    args: [{ name: 'SHELL', about: 'shell', choices: ['bash', 'zsh', 'fish'] }],
    options: [],
    examples: ['source <(berth completion bash)', 'berth completion fish > ~/.config/fish/completions/berth.fish'],
    load: () => import('../run/completion.js'),
  },
  {
    path: ['help'],
    group: 'Agent and tools',
    summary: 'Explain a command, or the workload specification (`berth help spec`)',
    details: [],
    args: [{ name: 'COMMAND', about: 'words of the command, or `spec` and a field', many: true, optional: true }],
    options: [],
    examples: ['berth help workload create', 'berth help spec', 'berth help spec secrets'],
    load: () => import('../run/help.js'),
  },
];
