// This process as commands see it: streams, signals, terminal. What a command may not need is imported when it is needed.
import type { Host } from './cli/command.js';

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

/** All of a host that needs neither the daemon nor a connection. */
export type ProcessHost = Omit<Host, 'openTerminal' | 'connect' | 'runAgent' | 'checkHost'>;

export function processHost(): ProcessHost {
  // `berth workload list | head` closes the pipe early; that is not an error of anyone.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    process.exit(error.code === 'EPIPE' ? 0 : 1);
  });
  return {
    env: process.env,
    outIsTerminal: process.stdout.isTTY === true,
    outColumns: process.stdout.isTTY === true ? process.stdout.columns : undefined,
    errIsTerminal: process.stderr.isTTY === true,
    now: Date.now,
    out: (text) => write(process.stdout, text),
    err: (text) => write(process.stderr, text),
    stdin: () => process.stdin,
    openSession: async () => (await import('./cli/session.js')).openSession(process.stdin, process.stdout),
    tar: async (args) => (await import('./cli/tar.js')).startTar(args),
    edit: async (path) => (await import('./cli/editor.js')).edit(path, process.env),
    interruption,
  };
}
