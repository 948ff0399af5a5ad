#!/usr/bin/env node
import { runCli } from './cli/cli.js';
// Entry of the executable: connects the command line to this process. What only the daemon or a connection needs is
// imported when it is needed, so that `berth version` starts as fast as Node does.
import type { Host } from './cli/command.js';
import type { Condition } from './model/condition.js';

function write(stream: NodeJS.WriteStream, text: string | Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    stream.write(text, () => resolve());
  });
}

function interruption(): AbortSignal {
  const controller = new AbortController();
  // `once`: the second Ctrl-C ends the process whatever it is doing.
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => controller.abort());
  return controller.signal;
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

const host: Host = {
  env: process.env,
  outIsTerminal: process.stdout.isTTY === true,
  errIsTerminal: process.stderr.isTTY === true,
  now: Date.now,
  out: (text) => write(process.stdout, text),
  err: (text) => write(process.stderr, text),
  stdin: () => process.stdin,
  interruption,
  openTerminal: async () => (await import('./cli/top/terminal.js')).openTerminal(process.stdin, process.stdout),
  connect: async (address, options) =>
    (await import('./control/client.js')).connect(address, { ...options, patient: true }),
  runAgent: async (config, options) => (await import('./daemon/daemon.js')).runAgent(config, options),
  checkHost,
};

// `berth workload list | head` closes the pipe early; that is not an error of anyone.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? 0 : 1);
});
process.exitCode = await runCli(host, process.argv.slice(2));
