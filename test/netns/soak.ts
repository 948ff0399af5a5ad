// What the soak's lives and its judge agree on.

import type { BridgePort, RoomSettings, SandboxNetwork } from '../../netns/types.js';
import { makeNames } from './lab.js';

export const SOAK_SIZE = 40;

export function soakNames(pid: number) {
  return makeNames(7, pid);
}

export function soakSettings(pid: number): RoomSettings {
  const names = soakNames(pid);
  return {
    ...names.settings(`berth-test-soak-${pid}`),
    bridges: [{ name: bridgeOf(pid), addresses: [], vlanFiltering: false }],
    slots: { veth: 3, tap: 2, mtu: 1500, netnsPrefix: `${names.netnsPrefix}slot-` },
  };
}

function bridgeOf(pid: number): string {
  return `br${soakNames(pid).prefix}`.slice(0, 15);
}

/**
 * Sandbox `number`: its kind depends on the number alone, so that a later life completes or removes what an earlier
 * one left. `variant` bits: 1 ports and lists, 2 limits of packets and connections, 4 bandwidth.
 */
export function soakNetwork(pid: number, number: number, variant: number): SandboxNetwork {
  const plain = soakNames(pid).sandbox(number + 1);
  const port: BridgePort = {
    ...{ mode: 'bridge', bridge: bridgeOf(pid), prefix: 24, gateway: null },
    ...{ prefix6: null, gateway6: null, isolated: true, vlan: null },
  };
  const tap = { name: 'tap0', uid: 1, multiQueue: false, vnetHeader: true, guestAddress: null };
  const kinds: readonly SandboxNetwork[] = [
    plain,
    { ...plain, tap },
    { ...plain, attachment: port },
    { ...plain, attachment: port, tap },
    { ...plain, netns: null, tap },
    { ...plain, tap: { ...tap, guestAddress: '172.31.255.2' } },
    { ...plain, address6: `fd00:be::${(number + 1).toString(16)}` },
    plain,
  ];
  const from = (variant & 2) === 0 ? {} : { from: ['198.51.100.0/24'] };
  const rate = { bitsPerSecond: 50_000_000, burstBytes: null };
  return {
    ...(kinds[number % kinds.length] ?? plain),
    group: 2 + (number % 3),
    bandwidth: (variant & 4) === 0 ? { ingress: null, egress: null } : { ingress: rate, egress: rate },
    firewall: {
      egress: { default: 'allow', allow: [], deny: (variant & 1) === 0 ? [] : ['192.0.2.0/24'] },
      metadata: false,
      ports: (variant & 1) === 0 ? [] : [{ protocol: 'tcp', host: 20_000 + number, guest: 80, ...from }],
      reachable: (['published', 'group', 'any'] as const)[variant % 3] ?? 'group',
      connections: (variant & 2) === 0 ? null : 100,
      packets: { ingress: null, egress: (variant & 2) === 0 ? null : 10_000 },
    },
  };
}
