// The rival that shows where the kernel's own limit lies: the same recipe in C.
import { compiledWay } from '../compile.js';
import type { Way } from '../interleave.js';
import type { NamedNetwork } from './names.js';

/** Compiles into `directory`; without a compiler the way is missing. */
export function compiledRecipeWay(network: (number: number) => NamedNetwork, directory: string): Way {
  const of = { name: 'C', source: 'network/recipe.c', binary: `${directory}/recipe` };
  return compiledWay(of, (numbers) => {
    const lines = numbers.map((number) => {
      const { netns, hostLink, address, mac, owner, mtu } = network(number);
      return `${netns} ${hostLink} ${address} ${mac} ${owner} ${mtu}`;
    });
    return { args: [], lines };
  });
}
