// The network of a workload as asked for. A field that the mode or the driver cannot carry out is an error, never ignored.
import * as z from 'zod';
import { contains } from '../../netns/addresses/cidr.js';
import { MOST_CONNECTIONS, MOST_NETWORKS, MOST_PACKETS } from '../../netns/firewall/check.js';
import { MAX_BURST_SECONDS } from '../../netns/shaping/rate.js';
import { METADATA, parseAddress, parseNetwork } from '../base/cidr.js';
import { parseRate, parseSize } from '../base/units.js';
import { mtu } from '../base/values/amounts.js';

/** As netns/shaping takes them: below, a token bucket cannot carry one frame in a tick; above, its counters wrap. */
const RATE = { min: 64_000, max: 1_000_000_000_000 };
/** The burst of a token bucket is a 32-bit count of bytes. */
const MAX_BURST = 2 ** 32 - 1;
/** Characters of a rate, a size, an address or a network, with blanks. */
const MOST_TEXT = 64;
const MAX_PORTS = 256;

/** IFNAMSIZ - 1 characters, and nothing a path or a rule could trip over. */
export const BRIDGE_PATTERN = /^[a-z][a-z0-9_.-]{0,14}$/;

const RATE_RULE = 'must be a rate such as "100Mbit", from 64Kbit to 1000Gbit';
const bits = z
  .union([z.string().max(MOST_TEXT), z.number().int()])
  .transform((value, ctx) => {
    const rate = typeof value === 'number' ? value : parseRate(value);
    if (rate !== undefined && rate >= RATE.min && rate <= RATE.max) return rate;
    ctx.addIssue({ code: 'custom', message: RATE_RULE });
    return z.NEVER;
  })
  .meta({ description: 'bits a second, or a string with Kbit Mbit Gbit (decimal)' });

const burst = z
  .union([z.string().max(MOST_TEXT), z.number().int()])
  .transform((value, ctx) => {
    const bytes = typeof value === 'number' ? value : parseSize(value);
    if (bytes !== undefined && bytes >= 2000 && bytes <= MAX_BURST) return bytes;
    ctx.addIssue({ code: 'custom', message: 'must be a size from 2000 bytes to 4Gi' });
    return z.NEVER;
  })
  .meta({ description: 'bytes that may pass at once; without it rate x 5 ms, at least ten frames' });

const limit = z
  .strictObject({
    rate: bits.optional(),
    burst: burst.optional(),
    packets: z.number().int().min(1).max(MOST_PACKETS).optional().meta({ description: 'packets a second at most' }),
  })
  .refine((l) => l.rate !== undefined || l.packets !== undefined, 'needs a rate or a number of packets')
  .refine((l) => l.burst === undefined || l.rate !== undefined, { message: 'goes with a rate', path: ['burst'] })
  .refine((l) => l.burst === undefined || l.rate === undefined || l.burst <= (l.rate / 8) * MAX_BURST_SECONDS, {
    message: `must be at most ${MAX_BURST_SECONDS} s of the rate`,
    path: ['burst'],
  });

/** `"100Mbit"` is short for `{"rate": "100Mbit"}`, which is also what is kept. */
const bandwidth = (towards: string) =>
  z
    .union([z.string().max(MOST_TEXT), limit], 'must be a rate such as "100Mbit", or {"rate", "burst", "packets"}')
    .transform((value, ctx): z.output<typeof limit> => {
      if (typeof value !== 'string') return value;
      const parsed = bits.safeParse(value);
      if (parsed.success) return { rate: parsed.data };
      ctx.addIssue({ code: 'custom', message: RATE_RULE });
      return z.NEVER;
    })
    .optional()
    .meta({ description: `${towards}: a rate such as "100Mbit", or {"rate", "burst", "packets"}` });

const cidr = z
  .string()
  .max(MOST_TEXT)
  .refine(
    (text) => parseNetwork(text) !== undefined,
    'must be a network such as "10.0.0.0/8" or "fd00::/8", without host bits',
  );

const port = z.number().int().min(1).max(65_535);
const published = z.strictObject({
  host: port.meta({ description: 'port of the host, on all its addresses' }),
  guest: port.meta({ description: 'port of the workload' }),
  protocol: z.enum(['tcp', 'udp']).default('tcp').meta({ description: 'of both' }),
  from: z.array(cidr).min(1).max(MOST_NETWORKS).optional().meta({
    description:
      'networks whose addresses may connect; default: every address. The host itself always may, and so may workloads of the tenant unless `reachable` is published. Workloads of other tenants count by the address of their own',
  }),
});

const networks = (description: string) => z.array(cidr).max(MOST_NETWORKS).default([]).meta({ description });

const NAME = /^(?=.{1,253}$)[a-zA-Z0-9_]([a-zA-Z0-9_-]{0,62})(\.[a-zA-Z0-9_-]{1,63})*\.?$/;
/** What resolv.conf(5) reads: three servers, the six search domains of glibc before 2.26, and words without blanks. */
export const dnsSchema = z.strictObject({
  servers: z
    .array(
      z
        .string()
        .max(MOST_TEXT)
        .refine((text) => parseAddress(text) !== undefined, 'must be an IPv4 or IPv6 address'),
    )
    .max(3)
    .default([])
    .meta({ description: 'addresses of name servers' }),
  search: z
    .array(z.string().max(253).regex(NAME, 'must be a domain name'))
    .max(6)
    .default([])
    .meta({ description: 'search domains' }),
  options: z
    .array(z.string().regex(/^[a-z0-9-]{1,32}(:\d{1,3})?$/, 'must be an option of resolv.conf(5)'))
    .max(8)
    .default([])
    .meta({ description: 'options of resolv.conf(5), e.g. "ndots:2"' }),
});

const network = z.strictObject({
  mode: z.enum(['routed', 'bridge', 'none', 'host']).default('routed').meta({
    description:
      "routed: own namespace with an address; bridge: the same, as a port of a bridge; none: own namespace with loopback only; host: the host's",
  }),
  bridge: z
    .string()
    .regex(BRIDGE_PATTERN, 'must be the name of a bridge')
    .optional()
    .meta({ description: 'with mode bridge: one of network.bridge of the configuration' }),
  mtu: mtu.optional().meta({ description: 'instead of network.mtu of the node' }),
  ipv6: z
    .boolean()
    .optional()
    .meta({ description: 'an IPv6 address, too; default: where the node has a pool of them' }),
  ports: z.array(published).max(MAX_PORTS).default([]).meta({ description: 'ports of the host that lead here' }),
  reachable: z.enum(['published', 'tenant', 'any']).default('tenant').meta({
    description:
      'who may open connections to ports that are not published. published: nobody; tenant: routed workloads of the same tenant on this host; any: also every host with a route to its address. The host itself always may, workloads of other tenants never. Devices on the bridge of mode bridge are not asked',
  }),
  bandwidth: z
    .strictObject({ ingress: bandwidth('towards the workload'), egress: bandwidth('from the workload') })
    .prefault({}),
  egress: z
    .strictObject({
      default: z.enum(['allow', 'deny']).default('allow').meta({ description: 'for what no list names' }),
      allow: networks('networks that may be reached; the longest prefix decides'),
      deny: networks('networks that may not; on a tie it wins'),
    })
    .prefault({}),
  connections: z
    .number()
    .int()
    .min(1)
    .max(MOST_CONNECTIONS)
    .optional()
    .meta({ description: 'tracked connections at most, both directions together' }),
  dns: dnsSchema.optional().meta({ description: "instead of network.dns of the node and the host's own" }),
});

export type NetworkSpec = z.output<typeof network>;

/** Fields that can be changed while the workload runs. */
export const LIVE_NETWORK = ['ports', 'reachable', 'bandwidth', 'egress', 'connections'] as const;

export const networkSpec = network.superRefine((spec, ctx) => {
  const say = (path: (string | number)[], message: string): void => ctx.addIssue({ code: 'custom', path, message });
  const own = spec.mode === 'routed' || spec.mode === 'bridge';
  if (spec.mode === 'bridge' && spec.bridge === undefined) say(['bridge'], 'is needed with mode "bridge"');
  if (spec.mode !== 'bridge' && spec.bridge !== undefined) say(['bridge'], 'goes with mode "bridge" only');
  if (!own) for (const field of needsAddress(spec)) say([field], `does not go with mode "${spec.mode}"`);
  if (spec.mode === 'none' && spec.dns !== undefined) say(['dns'], 'does not go with mode "none"');
  if (spec.ipv6 === true && spec.mtu !== undefined && spec.mtu < 1280)
    say(['mtu'], 'must be at least 1280 with IPv6 (RFC 8200)');
  if (spec.egress.allow.length + spec.egress.deny.length > MOST_NETWORKS)
    say(['egress'], `must have at most ${MOST_NETWORKS} networks in allow and deny together`);
  if (spec.ports.reduce((sum, { from = [] }) => sum + from.length, 0) > MOST_NETWORKS)
    say(['ports'], `must have at most ${MOST_NETWORKS} networks in all lists "from" together`);
  const seen = new Set<string>();
  for (const [at, { host, protocol }] of spec.ports.entries()) {
    const key = `${protocol} ${host}`;
    if (seen.has(key)) say(['ports', at, 'host'], `${protocol} port ${host} is named twice`);
    seen.add(key);
  }
});

/** Fields that say something about traffic of an address of its own. */
function needsAddress(spec: NetworkSpec): string[] {
  const { egress } = spec;
  return [
    ...(spec.mtu === undefined ? [] : ['mtu']),
    ...(spec.ipv6 === undefined ? [] : ['ipv6']),
    ...(spec.ports.length === 0 ? [] : ['ports']),
    ...(spec.reachable === 'tenant' ? [] : ['reachable']),
    ...(spec.bandwidth.ingress === undefined && spec.bandwidth.egress === undefined ? [] : ['bandwidth']),
    ...(egress.default === 'allow' && egress.allow.length === 0 && egress.deny.length === 0 ? [] : ['egress']),
    ...(spec.connections === undefined ? [] : ['connections']),
  ];
}

/** Whether the workload asked for the cloud's metadata service by name: a network that holds more does not count. */
export function allowsMetadata({ egress }: Pick<NetworkSpec, 'egress'>): boolean {
  const services = METADATA.flatMap((text) => parseNetwork(text) ?? []);
  return egress.allow.some((text) => {
    const allowed = parseNetwork(text);
    return allowed !== undefined && services.some((service) => contains(service, allowed));
  });
}
