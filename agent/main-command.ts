// Every command but the daemon. What only some commands need is imported by those, so that `berth version` starts as fast as
// Node does.
import { runCli } from './cli/cli.js';
import type { Host } from './cli/command.js';
import { COMMANDS } from './cli/table/all.js';
import type { Condition } from './model/condition.js';
import { processHost } from './process-host.js';

/** Resolves to the exit code. */
export function main(argv: readonly string[]): Promise<number> {
  const host: Host = {
    ...processHost(),
    openTerminal: async () => (await import('./cli/top/terminal.js')).openTerminal(process.stdin, process.stdout),
    connect: async (address, options) =>
      (await import('./control/client.js')).connect(address, { ...options, patient: true }),
    // `berth --json agent`, say: `berth agent` itself does not come here (main.ts).
    runAgent: async () => (await import('./main-agent.js')).main(argv),
    checkHost,
  };
  return runCli(host, argv, COMMANDS);
}

async function checkHost(): Promise<readonly Condition[]> {
  const [{ probeHost }, { probeKvm }, { diagnose }] = await Promise.all([
    import('./host/facts.js'),
    import('./host/kvm.js'),
    import('./doctor/doctor.js'),
  ]);
  const [facts, kvm] = await Promise.all([probeHost(), probeKvm()]);
  return diagnose({ ...facts, kvm });
}
