// Networks and addresses of either family as people write them in specs and configurations; what is wrong is undefined.
import { type Cidr, parseCidr } from '../../netns/addresses/cidr.js';
import { BITS, type Ip, parseIp } from '../../netns/addresses/ip.js';

/** The cloud's metadata services: the link-local one of nearly all clouds, and the IPv6 one of EC2. */
export const METADATA = ['169.254.169.254/32', 'fd00:ec2::254/128'] as const;

/** `"10.0.0.0/8"`, `"fd00::/8"`; undefined for what is no network, and for one with host bits set. */
export function parseNetwork(text: string): Cidr | undefined {
  return attempt(() => parseCidr(text));
}

/** `"10.0.0.1"`, `"fd00::1"`; undefined for anything else, a zone included. */
export function parseAddress(text: string): Ip | undefined {
  return attempt(() => parseIp(text));
}

/** The network that an address with a prefix is in: `10.1.2.3/16` -> 10.1.0.0/16. */
export function networkAround(text: string): Cidr | undefined {
  const [, address = '', length = ''] = /^([^/]+)\/(0|[1-9]\d{0,2})$/.exec(text) ?? [];
  const ip = parseAddress(address);
  const prefix = Number(length);
  if (ip === undefined || prefix > BITS[ip.family]) return undefined;
  const size = 1n << BigInt(BITS[ip.family] - prefix);
  return { family: ip.family, first: ip.value - (ip.value % size), prefix, size };
}

function attempt<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}
