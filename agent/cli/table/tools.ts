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
      'A tar archive that only its owner can read. Works without an agent; the parts that cannot be had are named. Read it before you send it.',
      'Values of environments, of files and of the metadata of microVMs are left out, and no secret is in it. Command lines, labels, names of images and addresses are.',
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
