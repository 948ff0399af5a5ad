// Standard input of this process for a program that runs somewhere else. Whatever ends the process short of a kill, the terminal
// is as it was.
import { makeRaw } from '../../linux/terminal.js';
import type { Session } from './command.js';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGQUIT', 'SIGHUP'] as const;

export function openSession(input: typeof process.stdin, output: typeof process.stdout): Session {
  const isTerminal = input.isTTY === true;
  const endings: (() => void)[] = [];
  let open = true;
  let wake = (): void => undefined;
  const size = () => {
    const shown = output.isTTY === true ? output : undefined;
    return { columns: shown?.columns || 80, rows: shown?.rows || 24 };
  };
  const close = (): void => {
    if (!open) return;
    open = false;
    for (const end of endings) end();
    input.pause();
    // What is still typed is for the shell; a read that is under way would keep this process.
    input.unref?.();
    wake();
  };
  async function* bytes(): AsyncGenerator<Buffer, void, undefined> {
    let ended = false;
    const look = (): void => wake();
    const end = (): void => {
      ended = true;
      wake();
    };
    input.on('readable', look).on('end', end).on('error', end).on('close', end);
    try {
      while (open) {
        const piece: Buffer | null = input.read();
        if (piece !== null) yield piece;
        else if (ended) return;
        else
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
      }
    } finally {
      input.off('readable', look).off('end', end).off('close', end);
    }
  }
  return {
    isTerminal,
    size,
    input: bytes(),
    raw: () => {
      if (!isTerminal || !open) return;
      const putBack = makeRaw(input.fd);
      process.once('exit', close);
      endings.push(() => {
        process.off('exit', close);
        putBack();
      });
    },
    onResize: (listener) => {
      const resized = (): void => listener(size());
      output.on('resize', resized);
      endings.push(() => output.off('resize', resized));
    },
    onSignal: (listener) => {
      for (const name of SIGNALS) {
        const caught = (): void => listener(name);
        process.on(name, caught);
        endings.push(() => process.off(name, caught));
      }
    },
    close,
  };
}
