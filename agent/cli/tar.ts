// tar(1) of this machine, for what is copied from and to workloads.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Tar } from './command.js';

export function startTar(args: readonly string[]): Tar {
  const child = spawn('tar', args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const { stdin, stdout } = child;
  // It has ended before it has read all: its exit code says why.
  stdin.on('error', () => undefined);
  const ended = once(child, 'close').then(([code]) => (code as number | null) ?? 128);
  ended.catch(() => undefined);
  return {
    output: stdout,
    ended,
    async write(bytes) {
      if (stdin.destroyed || stdin.write(bytes)) return;
      const waiting = new AbortController();
      const { signal } = waiting;
      await Promise.race([once(stdin, 'drain', { signal }), once(stdin, 'close', { signal })]).catch(() => undefined);
      // The listener of what did not come.
      waiting.abort();
    },
    end: () => stdin.end(),
    stop: () => void child.kill(),
  };
}
