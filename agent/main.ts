#!/usr/bin/env node
// Entry of the executable. The daemon and the command are two programs of one name: neither loads the other.
const argv = process.argv.slice(2);

async function start(): Promise<void> {
  const { main } = argv[0] === 'agent' ? await import('./main-agent.js') : await import('./main-command.js');
  process.exitCode = await main(argv);
}

void start();
