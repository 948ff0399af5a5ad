// The terminal of this process under our own control: the alternate screen, keys one by one. Whatever ends the process
// short of a kill, the terminal is as it was.
import { writeSync } from 'node:fs';
import type { Terminal } from '../command.js';

// xterm, "Private Modes": 1049 the alternate screen with the cursor saved, 25 the cursor.
const ENTER = '\x1b[?1049h\x1b[?25l';
const LEAVE = '\x1b[?25h\x1b[?1049l';
// biome-ignore lint/suspicious/noControlCharactersInRegex: keys such as arrows begin with one
const KEY = /\x1b(?:\[[\d;]*[A-Za-z~]|O[A-Z])|[\s\S]/gu;

/** Undefined: standard input or output is none. */
export function openTerminal(input: typeof process.stdin, output: typeof process.stdout): Terminal | undefined {
  if (input.isTTY !== true || output.isTTY !== true) return undefined;
  let onKey: (key: string) => void = () => {};
  let onResize: () => void = () => {};
  let open = true;
  const keys = (text: string): void => {
    for (const [key] of text.matchAll(KEY)) onKey(key);
  };
  const resized = (): void => onResize();
  const write = (text: string): Promise<void> => new Promise((resolve) => output.write(text, () => resolve()));
  const close = (): void => {
    if (!open) return;
    open = false;
    process.off('exit', close);
    input.off('data', keys);
    output.off('resize', resized);
    input.setRawMode(false);
    try {
      // At the exit of the process nothing asynchronous is written any more.
      writeSync(output.fd, LEAVE);
    } catch {
      // The terminal is gone.
    }
    input.pause();
  };
  process.once('exit', close);
  input.setRawMode(true);
  input.setEncoding('utf8').on('data', keys);
  output.on('resize', resized);
  output.write(ENTER);
  return {
    size: () => ({ columns: output.columns, rows: output.rows }),
    listen: (key, resize) => {
      [onKey, onResize] = [key, resize];
    },
    draw: (lines) =>
      open ? write(`\x1b[H${lines.map((line) => `${line}\x1b[K`).join('\r\n')}\x1b[J`) : Promise.resolve(),
    close,
  };
}
