// `berth agent`: the daemon, and of the command line no more than it needs for its own arguments.
import { runCli } from './cli/cli.js';
import type { AgentSources } from './cli/command.js';
import { AGENT } from './cli/table/agent.js';
import { VERSION } from './cli/version.js';
import { lineOf, loadConfig } from './config/load.js';
import { runAgent } from './daemon/daemon.js';
import { processHost } from './process-host.js';

/** Resolves to the exit code. */
export function main(argv: readonly string[]): Promise<number> {
  const unused = () => Promise.reject(new Error('no part of the daemon'));
  const host = { ...processHost(), connect: unused, openTerminal: unused, checkHost: unused, runAgent: run };
  return runCli(host, argv, [AGENT]);
}

async function run({ file, flags }: AgentSources): Promise<number> {
  const load = async () => {
    const { config, warnings } = await loadConfig({ file, env: process.env, flags });
    // Before the log is there: the service manager keeps both.
    for (const warning of warnings) process.stderr.write(`berth: warning: ${lineOf(warning)}\n`);
    return config;
  };
  return runAgent(await load(), { version: VERSION, load });
}
