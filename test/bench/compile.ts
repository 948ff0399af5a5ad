// Rivals in C, compiled here and now: what they take is where the kernel's own limit lies.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Way } from './interleave.js';

export interface Compiled {
  readonly name: string;
  /** Below test/bench: `network/recipe.c`. */
  readonly source: string;
  readonly binary: string;
}

/** `call`: arguments and lines of stdin for one go. The program prints nanoseconds, one line for each number. */
export function compiledWay(
  { name, source, binary }: Compiled,
  call: (numbers: readonly number[]) => { readonly args: readonly string[]; readonly lines: readonly string[] },
): Way {
  return {
    name,
    missing: compile(source, binary),
    async run(numbers) {
      if (numbers.length === 0) return [];
      const { args, lines } = call(numbers);
      const { status, stdout, stderr } = spawnSync(binary, args, { input: `${lines.join('\n')}\n`, encoding: 'utf8' });
      if (status !== 0) throw new Error(`${source}: ${stderr.trim()}`);
      return stdout
        .trim()
        .split('\n')
        .map((nanoseconds) => Number(nanoseconds) / 1e6);
    },
  };
}

function compile(source: string, binary: string): string | undefined {
  const path = fileURLToPath(new URL(`../../../test/bench/${source}`, import.meta.url));
  const { status, stderr, error } = spawnSync('cc', ['-O2', '-Wall', '-o', binary, path], { encoding: 'utf8' });
  if (error !== undefined) return 'no compiler cc (gcc)';
  return status === 0 ? undefined : `cc: ${stderr.trim()}`;
}
