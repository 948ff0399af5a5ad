// The network of a workload in the words of `berth workload show`.
import { someOf } from '../base/some-of.js';
import { formatRate, formatSize } from '../base/units.js';
import type { NetworkSpec } from '../model/network-spec.js';
import type { WorkloadView } from '../model/record.js';

/** Rows of the table; a fact that does not apply is undefined, an empty one is not shown. */
export function networkRows({ spec, sandbox }: WorkloadView): (readonly [string, string | undefined])[] {
  const { network } = spec;
  const { address, address6, mac, hostLink, group, mtu, tap, kernelIp, attachment, vsockId } = sandbox;
  const bridge = attachment?.mode === 'bridge' ? attachment : undefined;
  const { ingress, egress } = network.bandwidth;
  return [
    ['Network', network.mode === 'bridge' ? bridgeWords(network.bridge, bridge) : network.mode],
    ['Address', [address, address6].filter((text) => text !== null).join('\n')],
    ['Ports', network.ports.map(portWords).join('\n')],
    ['Reachable', address === null ? undefined : REACHABLE[network.reachable]],
    ['Bandwidth', [limitWords('ingress', ingress), limitWords('egress', egress)].filter(Boolean).join('\n')],
    ['Egress', address === null ? undefined : egressWords(network.egress)],
    ['Connections', network.connections === undefined ? undefined : `at most ${network.connections}`],
    ['DNS', dnsWords(network.dns)],
    ['MAC', mac ?? undefined],
    ['Link', hostLink === null ? undefined : linkWords(hostLink, group, mtu)],
    ['Tap', tap ?? undefined],
    ['Vsock id', vsockId === null ? undefined : String(vsockId)],
    ['Kernel', kernelIp ?? undefined],
  ];
}

const REACHABLE = {
  published: 'published ports only',
  tenant: 'by its tenant on this host, and published ports',
  any: 'by every host with a route to it',
} as const;

function portWords({ protocol, host, guest, from = [] }: NetworkSpec['ports'][number]): string {
  return [`${protocol} ${host} -> ${guest}`, ...list('from', from)].join(' ');
}

function linkWords(name: string, group: number | null, mtu: number | null): string {
  return [name, ...(group === null ? [] : [`group ${group}`]), ...(mtu === null ? [] : [`MTU ${mtu}`])].join(', ');
}

function bridgeWords(
  name = '',
  port: { readonly isolated: boolean; readonly vlan: number | null } | undefined,
): string {
  const words = [
    ...(port?.isolated === true ? ['isolated'] : []),
    ...(typeof port?.vlan === 'number' ? [`VLAN ${port.vlan}`] : []),
  ];
  return [`bridge ${name}`, ...words].join(', ');
}

function limitWords(direction: string, limit: NetworkSpec['bandwidth']['ingress']): string {
  if (limit === undefined) return '';
  const words = [
    ...(limit.rate === undefined ? [] : [formatRate(limit.rate)]),
    ...(limit.burst === undefined ? [] : [`burst ${formatSize(limit.burst)}`]),
    ...(limit.packets === undefined ? [] : [`${limit.packets} packets a second`]),
  ];
  return `${direction} ${words.join(', ')}`;
}

/** Long lists are for `--json`. */
const SHOWN = 8;

function egressWords({ default: rest, allow, deny }: NetworkSpec['egress']): string | undefined {
  if (rest === 'allow' && allow.length + deny.length === 0) return undefined;
  return [...list('allow', allow), ...list('deny', deny), `${rest} everything else`].join('\n');
}

function list(word: string, networks: readonly string[]): string[] {
  return networks.length === 0 ? [] : [`${word} ${someOf(networks, SHOWN, ', ')}`];
}

function dnsWords(dns: NetworkSpec['dns']): string | undefined {
  if (dns === undefined) return undefined;
  const words = [...dns.servers, ...dns.search.map((domain) => `search ${domain}`), ...dns.options];
  return words.join(', ');
}
