// The network's lines of the table behind `berth doctor`.

import { someOf } from '../base/some-of.js';
import type { ModuleUse } from '../host/modules.js';
import type { Check } from './check.js';

/** So many of a hundred may get lost for reasons of their own. */
const LOSS = 0.05;

const FORWARD_FIX =
  'Let them pass there. Docker: `iptables -I DOCKER-USER -i bt+ -j ACCEPT` and `iptables -I DOCKER-USER -o bt+ -j ACCEPT`; nft: `nft insert rule ip filter FORWARD iifname "bt*" accept`, and the same with oifname (`bt` is network.link_prefix).';

export const NETWORK_CHECKS: readonly Check[] = [
  {
    code: 'ip_forward_off',
    severity: 'warning',
    title: 'IPv4 forwarding is off',
    why: 'Workloads reach only this host, and nobody outside reaches them.',
    fix: 'Leave network.forwarding at "enable" and restart the agent, or run `sysctl -w net.ipv4.ip_forward=1`; to keep it: `echo net.ipv4.ip_forward=1 > /etc/sysctl.d/61-forwarding.conf`.',
    when: ({ limits }) => (limits.ipForward === 0 ? '' : undefined),
  },
  {
    code: 'ip6_forward_off',
    severity: 'warning',
    title: 'IPv6 forwarding is off, and network.pool6 is set',
    why: 'Workloads reach only this host by IPv6, and wait for time-outs where they prefer it.',
    fix: 'Leave network.forwarding at "enable" and restart the agent, or run `sysctl -w net.ipv6.conf.all.forwarding=1`.',
    when: ({ limits }, { network }) => (network?.ipv6 === true && limits.ipForward6 === 0 ? '' : undefined),
  },
  {
    code: 'forward_dropped',
    severity: 'warning',
    title: 'Others drop traffic of workloads',
    why: 'A packet must be accepted by every table: one of another program drops what berth lets pass, usually by its policy.',
    fix: FORWARD_FIX,
    when: (_, { network }) => {
      const { offered = 0, lost = 0, suspects = [] } = network?.traffic ?? {};
      if (lost === 0 || lost < offered * LOSS) return undefined;
      const where = suspects.length === 0 ? 'a rule that drops, or the legacy iptables' : suspects.join(', ');
      return `${lost} of ${offered} new connections did not pass; suspected: ${where}`;
    },
  },
  {
    code: 'firewall_of_another',
    severity: 'warning',
    title: 'An nft table of another berth filters links of workloads',
    why: 'Its rules drop what comes from a link with the same network.link_prefix that it does not know: workloads of this installation. berth neither changes nor deletes it.',
    fix: 'If nothing of that installation runs here, run `nft delete table TABLE`. If something does, give one of the two another network.link_prefix.',
    when: (_, { network }) => sentence(network?.foreignTables ?? []),
  },
  {
    code: 'bridge_nf_call',
    severity: 'warning',
    title: 'Bridged frames go through iptables',
    why: 'With net.bridge.bridge-nf-call-iptables, rules for routed traffic (Docker’s among them) also drop what passes within a bridge.',
    fix: 'Run `sysctl -w net.bridge.bridge-nf-call-iptables=0 net.bridge.bridge-nf-call-ip6tables=0`, unless another program on this host (Kubernetes) needs it.',
    when: ({ limits }, { network }) => (network?.bridges === true && limits.bridgeNfCall === 1 ? '' : undefined),
  },
  {
    code: 'pool_conflict',
    severity: 'error',
    title: 'A pool of workloads is in use on this host',
    why: 'Whoever has such an address on the host’s side cannot be reached once a workload gets it. Workloads that run go on; berth gives out no address of the part that collides.',
    fix: 'Choose another network for the named key of section [network], or take the other one off the host: `ip route del NETWORK dev LINK`, or `ip addr del ADDRESS dev LINK`.',
    when: (_, { network }) => sentence(network?.poolConflicts ?? []),
  },
  {
    code: 'pool_covered',
    severity: 'warning',
    title: 'A pool of workloads is part of a larger network of this host',
    why: 'The routes of workloads are more specific and win. A machine of the larger network that has an address of a workload cannot be reached from here.',
    fix: 'Nothing, if no machine there uses addresses of the pool; otherwise choose another network for the named key of section [network].',
    when: (_, { network }) => sentence(network?.poolsCovered ?? []),
  },
  {
    code: 'network_changed',
    severity: 'warning',
    title: 'Networks of workloads are not as they should be',
    why: 'Someone changes them again and again, or they cannot be put right; berth has stopped trying for now.',
    fix: 'Find who it is (`berth events` has every change as network.drift; `ip monitor`, `nft monitor` show it live), then restart the workload.',
    when: (_, { network }) =>
      sentence((network?.unrepaired ?? []).map(({ workload, detail }) => `${workload ?? 'host'}: ${detail}`)),
  },
  lacking(
    'shaping',
    'warning',
    'Bandwidth cannot be limited',
    'Workloads with network.bandwidth are refused by the kernel.',
  ),
  lacking(
    'nat',
    'error',
    'Addresses cannot be translated',
    'Workloads reach nothing outside, and no port can be published.',
  ),
  lacking('bridge', 'warning', 'No bridges', 'Workloads with network.mode "bridge" cannot start.'),
];

function lacking(use: ModuleUse, severity: Check['severity'], title: string, why: string): Check {
  return {
    code: `${use}_module_missing`,
    severity,
    title: `${title}: kernel modules are missing`,
    why,
    fix: 'Install the full kernel package (Debian: linux-image-amd64, not linux-image-cloud-amd64), or build the kernel with them.',
    when: ({ modulesMissing }, { network }) => {
      if (use === 'bridge' && network?.bridges !== true) return undefined;
      return sentence(modulesMissing?.[use] ?? []);
    },
  };
}

const SHOWN = 3;

function sentence(parts: readonly string[]): string | undefined {
  return parts.length === 0 ? undefined : someOf(parts, SHOWN);
}
