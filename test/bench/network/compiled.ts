// The rival that shows where the kernel's own limit lies: the same recipe in C, compiled here and now.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Way } from '../interleave.js';
import type { NamedNetwork } from './names.js';

const SOURCE = fileURLToPath(new URL('../../../../test/bench/network/recipe.c', import.meta.url));

/** Compiles into `directory`; without a compiler the way is missing. */
export function compiledWay(network: (number: number) => NamedNetwork, directory: string): Way {
  const binary = `${directory}/recipe`;
  return {
    name: 'C',
    missing: compile(binary),
    async run(numbers) {
      const lines = numbers.map((number) => {
        const { netns, hostLink, address, mac, owner, mtu } = network(number);
        return `${netns} ${hostLink} ${address} ${mac} ${owner} ${mtu}`;
      });
      const { status, stdout, stderr } = spawnSync(binary, [], { input: `${lines.join('\n')}\n`, encoding: 'utf8' });
      if (status !== 0) throw new Error(`the recipe in C: ${stderr.trim()}`);
      return stdout
        .trim()
        .split('\n')
        .map((nanoseconds) => Number(nanoseconds) / 1e6);
    },
  };
}

function compile(binary: string): string | undefined {
  const { status, stderr, error } = spawnSync('cc', ['-O2', '-Wall', '-o', binary, SOURCE], { encoding: 'utf8' });
  if (error !== undefined) return 'no compiler cc (gcc)';
  return status === 0 ? undefined : `cc: ${stderr.trim()}`;
}
