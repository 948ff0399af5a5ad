// A network worker that does not answer, as the agent tells it: one code for every call that it holds up, and a condition.

import { SysError } from '../../linux/errors.js';
import { type NetworkRoom, UNANSWERED } from '../../netns/index.js';
import { BerthError } from '../../protocol/errors.js';
import type { Condition } from '../model/condition.js';
import type { NetworkPort } from './network-port.js';

/** The same port; a call that the worker holds up rejects with `network_unavailable`. */
export function coded(network: NetworkPort): NetworkPort {
  const tell = async <T>(call: Promise<T>): Promise<T> => {
    try {
      return await call;
    } catch (error) {
      throw unavailable(error) ?? error;
    }
  };
  return {
    ...network,
    create: (...args) => tell(network.create(...args)),
    update: (...args) => tell(network.update(...args)),
    createIsolated: (...args) => tell(network.createIsolated(...args)),
    remove: (...args) => tell(network.remove(...args)),
    list: (...args) => tell(network.list(...args)),
    held: (...args) => tell(network.held(...args)),
    members: (...args) => tell(network.members(...args)),
    sweep: (...args) => tell(network.sweep(...args)),
  };
}

function unavailable(error: unknown): BerthError | undefined {
  if (!(error instanceof SysError) || error.op !== UNANSWERED) return undefined;
  return new BerthError('network_unavailable', error.message, { cause: error, data: { operation: error.path } });
}

/** Evaluated whenever somebody asks for the conditions of the node. */
export function workerConditions(network: Pick<NetworkRoom, 'overdue'>): Condition[] {
  const overdue = network.overdue();
  if (overdue === undefined) return [];
  const seconds = Math.round(overdue.ageMs / 1000);
  return [
    {
      ...{ code: 'network_unavailable', severity: 'error', blocksReady: true },
      title: 'The network worker does not answer',
      why: `it has been on "${overdue.operation}" for ${seconds} s; starts, ends and changes that need the network fail until it answers`,
      fix: `See what the kernel waits for: \`cat /proc/${process.pid}/task/*/stack\`, \`dmesg\`. Workloads run on meanwhile.`,
    },
  ];
}
