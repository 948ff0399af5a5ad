// Apart from the other commands: the daemon knows this one only.
import type { Command } from '../command.js';
import { config } from './options.js';

export const AGENT: Command = {
  path: ['agent'],
  group: 'Agent and tools',
  summary: 'Run the node agent in the foreground',
  details: [
    'This is what berth.service runs. Every key of the configuration is also a flag: --section.key VALUE. `berth config default` prints them; /usr/share/doc/berth/configuration.md explains them.',
  ],
  args: [],
  options: [config],
  configFlags: true,
  ownSignals: true,
  examples: ['berth agent', 'berth agent --config ./berth.toml --log.level debug'],
  load: () => import('../run/agent.js'),
};
