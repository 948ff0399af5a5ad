// From a spec and what was granted to it to the words of the network room. Pure: the same for create, live change,
// audit and removal.
import type { Bandwidth, Firewall, Rate, SandboxNetwork, Tap } from '../../netns/types.js';
import { allowsMetadata, type NetworkSpec } from '../model/network-spec.js';
import type { Sandbox } from '../model/record.js';
import type { WorkloadSpec } from '../model/spec.js';

/** Before addresses were kept with their MTU, all sandboxes had the one of the configuration. */
export interface NetworkDefaults {
  readonly mtu: number;
}

/** The whole network of a workload; null when it has no link (mode none or host), or nothing is granted to it now. */
export function sandboxNetwork(
  spec: Pick<WorkloadSpec, 'network' | 'external'>,
  sandbox: Sandbox,
  owner: string,
  tap: Tap | null,
  defaults: NetworkDefaults,
): SandboxNetwork | null {
  const { netns, hostLink, address, address6, mac, group, attachment } = sandbox;
  if (hostLink === null || address === null || mac === null || group === null) return null;
  return {
    netns,
    hostLink,
    address,
    address6,
    mac,
    owner,
    mtu: sandbox.mtu ?? defaults.mtu,
    group,
    attachment: attachment ?? { mode: 'routed' },
    tap: tap === null ? null : { ...tap, name: netns === null ? hostLink : tap.name, ...guestOf(sandbox) },
    ...givenOf(spec.external),
    bandwidth: bandwidthOf(spec.network),
    firewall: firewallOf(spec.network),
  };
}

function guestOf({ guestAddress }: Sandbox): Pick<Tap, 'guestAddress'> | undefined {
  return guestAddress == null ? undefined : { guestAddress };
}

function givenOf(external: WorkloadSpec['external']): Pick<SandboxNetwork, 'given'> {
  if (external?.namespace === undefined) return {};
  const { namespace, inode, interface: link } = external;
  return { given: { path: namespace, inode: inode ?? null, link: link ?? 'eth0' } };
}

export function bandwidthOf({ bandwidth: { ingress, egress } }: NetworkSpec): Bandwidth {
  return { ingress: rateOf(ingress), egress: rateOf(egress) };
}

function rateOf(limit: NetworkSpec['bandwidth']['ingress']): Rate | null {
  return limit?.rate === undefined ? null : { bitsPerSecond: limit.rate, burstBytes: limit.burst ?? null };
}

function firewallOf(spec: NetworkSpec): Firewall {
  const { egress, ports, reachable, connections, bandwidth } = spec;
  return {
    egress: { default: egress.default, allow: egress.allow, deny: egress.deny },
    metadata: allowsMetadata(spec),
    ports: ports.map(({ protocol, host, guest, from }) => ({ protocol, host, guest, ...(from && { from }) })),
    reachable: reachable === 'tenant' ? 'group' : reachable,
    connections: connections ?? null,
    packets: { ingress: bandwidth.ingress?.packets ?? null, egress: bandwidth.egress?.packets ?? null },
  };
}
