// Values for what a caller has nothing to say about.
import type { Bandwidth, Firewall, Removal, SandboxNetwork } from './types.js';

export const UNLIMITED: Bandwidth = { ingress: null, egress: null };

/** It may reach everything but the metadata addresses; nothing is published, and only its group may reach it. */
export const PLAIN_FIREWALL: Firewall = {
  egress: { default: 'allow', allow: [], deny: [] },
  metadata: false,
  ports: [],
  reachable: 'group',
  connections: null,
  packets: { ingress: null, egress: null },
};

/** All of a sandbox that is known whole. */
export function removalOf(network: SandboxNetwork, options: { readonly recycle?: boolean } = {}): Removal {
  const { netns, hostLink, owner } = network;
  return { netns, hostLink, owner, network, recycle: options.recycle ?? false };
}
