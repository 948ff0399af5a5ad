// A line that says what is being waited for, once that takes longer than a second, and only on a terminal.
import type { Host } from './command.js';
import { clean } from './style.js';

const FRAMES = ['|', '/', '-', '\\'] as const;

export interface Progress {
  say(text: string): void;
  /** Takes the line away; the next thing printed stands where it was. */
  stop(): Promise<void>;
}

export function startProgress(host: Host, quiet: boolean): Progress {
  if (quiet || !host.errIsTerminal) return { say: () => {}, stop: async () => {} };
  let text = '';
  let frame = 0;
  let shown = false;
  const start = host.now();
  const timer = setInterval(() => {
    if (text === '' || host.now() - start < 1000) return;
    shown = true;
    const seconds = Math.floor((host.now() - start) / 1000);
    const line = clean(`${FRAMES[frame++ % FRAMES.length]} ${text} (${seconds}s)`);
    host.err(`\r\x1b[K${line}`).catch(() => {});
  }, 200);
  timer.unref();
  return {
    say: (next) => {
      text = next;
    },
    stop: async () => {
      clearInterval(timer);
      if (shown) await host.err('\r\x1b[K');
    },
  };
}
