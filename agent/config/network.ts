// Section [network], and what its keys must be to each other: networks that overlap would give one address twice.
import * as z from 'zod';
import { type Cidr, contains, formatCidr, overlap } from '../../netns/addresses/cidr.js';
import { leasable } from '../../netns/addresses/ranges.js';
import { BerthError } from '../../protocol/errors.js';
import { networkAround, parseNetwork } from '../base/cidr.js';
import { mtu } from '../base/values/amounts.js';
import { BRIDGE_PATTERN, dnsSchema } from '../model/network-spec.js';

const network = (family: 4 | 6, example: string) =>
  z
    .string()
    .refine(
      (text) => text === '' || parseNetwork(text)?.family === family,
      `must be an IPv${family} network such as "${example}", without host bits`,
    );

const withPrefix = z
  .string()
  .refine((text) => networkAround(text) !== undefined, 'must be an address with its prefix, such as "10.140.0.1/24"');

const bridge = z.strictObject({
  addresses: z.array(withPrefix).max(16).default([]).meta({
    description: "addresses of the bridge with prefix, the workloads' gateways; none: somebody else's bridge",
  }),
  gateway: withPrefix
    .or(z.literal(''))
    .default('')
    .meta({ description: 'way out with prefix, such as "192.168.1.1/24"; empty: the address of the bridge' }),
  pool: network(4, '10.140.0.0/25')
    .default('')
    .meta({ description: 'IPv4 addresses for workloads on it; without any it takes none' }),
  pool6: network(6, 'fd00:140::/64').default('').meta({ description: 'IPv6 addresses for them; empty: none' }),
  isolated: z
    .boolean()
    .default(true)
    .meta({ description: 'workloads reach the bridge and what is behind it, not each other' }),
  vlan: z.number().int().min(1).max(4094).optional().meta({ description: 'access VLAN of the ports' }),
});

/** VMADDR_CID_HOST is 2, VMADDR_CID_ANY 2^32 - 1 (vsock(7)). */
const VSOCK_IDS = { first: 3, last: 2 ** 32 - 2 };

/** First and last, both included. */
export type VsockRange = readonly [number, number];

/** Throws `config_invalid` for what the schema refuses: not a range of ids that guests may have. */
export function vsockRange(text: string): VsockRange {
  const range = parseVsockRange(text);
  if (range === undefined) throw new BerthError('config_invalid', `network.vsock_ids ${VSOCK_PROBLEM}`);
  return range;
}

const VSOCK_PROBLEM = 'must be a range such as "65536-131071", from 3 to 4294967294';

function parseVsockRange(text: string): VsockRange | undefined {
  const [first = Number.NaN, last = Number.NaN] = /^\d{1,10}-\d{1,10}$/.test(text) ? text.split('-').map(Number) : [];
  return first >= VSOCK_IDS.first && last <= VSOCK_IDS.last && first <= last ? [first, last] : undefined;
}

export const networkSchema = z.strictObject({
  pool: network(4, '10.133.0.0/16')
    .refine((text) => text !== '', 'must not be empty')
    .default('10.133.0.0/16')
    .meta({ description: 'IPv4 addresses for workloads' }),
  pool6: network(6, 'fd00:133::/64')
    .default('')
    .meta({ description: 'IPv6 addresses for workloads; empty: IPv6 is off in their namespaces' }),
  vsock_ids: z
    .string()
    .refine((text) => parseVsockRange(text) !== undefined, VSOCK_PROBLEM)
    .default('65536-131071')
    .meta({ description: 'vsock ids (CIDs) for guests; VMMs that others start are to use none of them' }),
  mtu: mtu.default(1500).meta({ description: 'of links, where a spec names none' }),
  link_prefix: z
    .string()
    .regex(/^[a-z][a-z0-9]{0,3}$/)
    .default('bt')
    .meta({ description: 'of link names' }),
  table: z
    .string()
    .regex(/^[a-z][a-z0-9_]{0,30}$/)
    .default('berth')
    .meta({ description: 'name of the nft tables' }),
  slots: z
    .number()
    .int()
    .min(0)
    .max(1024)
    .default(16)
    .meta({ description: 'namespaces kept ready-made, a quarter of them with a tap; 0: none' }),
  host_access: z
    .boolean()
    .default(false)
    .meta({ description: 'whether workloads may open connections to the host itself' }),
  connection_rate: z
    .number()
    .int()
    .min(0)
    .max(1_000_000)
    // Unanswered connections stay for two minutes: this is half of the smallest table that `berth doctor` asks for.
    .default(1000)
    .meta({ description: 'new connections per second of one workload, and four times as many at once; 0: any number' }),
  forwarding: z.enum(['enable', 'leave']).default('enable').meta({
    description: 'enable: turn net.ipv4.ip_forward on at start, and that of IPv6 with pool6; leave: as it is',
  }),
  dns: dnsSchema.prefault({}).meta({ description: 'for containers and VMs; without servers those of the host' }),
  bridge: z
    .record(z.string().regex(BRIDGE_PATTERN, 'must be a name of 1-15 of [a-z0-9_.-]'), bridge)
    .default({})
    .meta({ description: 'bridges for network.mode "bridge", one table each, named as the link' }),
});

type NetworkConfig = z.output<typeof networkSchema>;

/** A network that addresses are given out of, or that a bridge is in. */
export interface NamedNetwork {
  /** Key in the configuration, dotted. */
  readonly key: string;
  readonly network: Cidr;
}

/** Everything workloads get addresses of. */
export function poolsOf(config: NetworkConfig): NamedNetwork[] {
  const named = (key: string, text: string): NamedNetwork[] => {
    const parsed = parseNetwork(text);
    return parsed === undefined ? [] : [{ key, network: parsed }];
  };
  return [
    ...named('network.pool', config.pool),
    ...named('network.pool6', config.pool6),
    ...Object.entries(config.bridge).flatMap(([name, { pool, pool6 }]) => [
      ...named(`network.bridge.${name}.pool`, pool),
      ...named(`network.bridge.${name}.pool6`, pool6),
    ]),
  ];
}

/** Whether a pool has an address beside those that the bridge and the gateway have. */
function hasRoom(pool: string, taken: readonly string[]): boolean {
  try {
    return (
      leasable(
        [pool],
        taken.map((text) => text.split('/')[0] ?? ''),
      ).total > 0
    );
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

export interface NetworkProblem {
  readonly path: readonly string[];
  readonly problem: string;
}

/** What is right by itself and wrong together; for the whole configuration, after all its sources are merged. */
export function networkProblems(config: NetworkConfig): NetworkProblem[] {
  const pools = poolsOf(config);
  const found: NetworkProblem[] = [];
  for (const [at, { key, network: own }] of pools.entries())
    for (const other of pools.slice(0, at))
      if (overlap(own, other.network))
        found.push({
          path: key.split('.'),
          problem: `${formatCidr(own)} overlaps ${other.key} ${formatCidr(other.network)}`,
        });
  for (const [name, settings] of Object.entries(config.bridge)) {
    const path = ['network', 'bridge', name];
    const say = (key: string, problem: string): void => void found.push({ path: [...path, key], problem });
    if (name.startsWith(config.link_prefix))
      found.push({ path, problem: `begins with network.link_prefix ${config.link_prefix}, as links of workloads do` });
    const given = settings.gateway === '' ? settings.addresses : [settings.gateway, ...settings.addresses];
    const around = given.flatMap((text) => networkAround(text) ?? []);
    for (const key of ['pool', 'pool6'] as const) {
      const pool = parseNetwork(settings[key]);
      if (pool !== undefined && !hasRoom(settings[key], given))
        say(key, `${formatCidr(pool)} has no address left for a workload beside those of the bridge`);
      const same = around.filter(({ family }) => family === pool?.family);
      if (pool !== undefined && same.length > 0 && !same.some((outer) => contains(outer, pool)))
        say(key, `${formatCidr(pool)} is not in the network of the bridge, ${same.map(formatCidr).join(' or ')}`);
    }
    for (const outer of around)
      for (const { key, network: other } of pools)
        if (!key.startsWith(`network.bridge.${name}.`) && overlap(outer, other))
          say('addresses', `${formatCidr(outer)} overlaps ${key} ${formatCidr(other)}`);
  }
  return found;
}
