// berth itself: through the room, as the agent does it, and its recipe alone, without the way to the worker thread.
import { removalOf } from '../../../netns/defaults.js';
import { openHost } from '../../../netns/host.js';
import { createSandbox } from '../../../netns/sandbox/create.js';
import type { NetworkRoom, SandboxNetwork } from '../../../netns/types.js';
import { time, type Way } from '../interleave.js';

/** One call after the other, each awaited: a value is what a caller waits, the way to the thread and back included. */
export function roomWay(room: NetworkRoom, network: (number: number) => SandboxNetwork): Way {
  return {
    name: 'room',
    async run(numbers) {
      const values: number[] = [];
      for (const number of numbers) {
        const wanted = network(number);
        values.push(await time(() => room.create(wanted)));
      }
      return values;
    },
  };
}

/** The recipe in this thread. */
export function recipeWay(network: (number: number) => SandboxNetwork): Way {
  return {
    name: 'recipe',
    async run(numbers) {
      const host = openHost();
      try {
        const values: number[] = [];
        for (const number of numbers) {
          const wanted = network(number);
          values.push(await time(() => createSandbox(host, wanted)));
        }
        return values;
      } finally {
        host.close();
      }
    },
  };
}

/** Takes away what any way has made under our names and tags; missing ones are fine. */
export async function removeAll(room: NetworkRoom, networks: readonly SandboxNetwork[]): Promise<void> {
  await Promise.all(networks.map((network) => room.remove(removalOf(network))));
}
