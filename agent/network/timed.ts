// How long the network room takes, for a histogram: from the call to the answer, waiting for the worker included.
import type { NetworkPort } from './network-port.js';

export const NETWORK_OPERATIONS = ['create', 'update', 'remove'] as const;
export type NetworkOperation = (typeof NETWORK_OPERATIONS)[number];

/** Cheap, and never throws. */
export interface NetworkObserver {
  network(operation: NetworkOperation, seconds: number): void;
}

/** The same port; calls that change the kernel are reported, failed ones as well. */
export function timed(network: NetworkPort, observer: NetworkObserver): NetworkPort {
  const measure = async <T>(operation: NetworkOperation, call: () => Promise<T>): Promise<T> => {
    const begun = performance.now();
    try {
      return await call();
    } finally {
      observer.network(operation, (performance.now() - begun) / 1000);
    }
  };
  return {
    ...network,
    create: (...args) => measure('create', () => network.create(...args)),
    update: (...args) => measure('update', () => network.update(...args)),
    remove: (removal) => measure('remove', () => network.remove(removal)),
  };
}
