// Connections that others have opened to a workload, and may not any more: the rules ask for the first packet only.
import type { Host } from '../host.js';
import type { Connection, Family } from '../netlink/conntrack.js';
import { inetBytes } from '../netlink/inet.js';
import type { PublishedPort, SandboxNetwork } from '../types.js';
import { sendersOf } from './policy.js';
import { contains } from './ranges.js';
import { forget, isUntranslated, type Wayfinder } from './tracked.js';

const PROTOCOL = { tcp: 6, udp: 17 } as const;
const RANK = { published: 0, group: 1, any: 2 } as const;

/**
 * Forgets the connections to `address`, one of `now`, that the rules of `now` would not let be opened. `before` undefined: not
 * known. Nothing is looked at when no fewer may reach it than before. Throws SysError.
 */
export function forgetUnreachable(
  host: Host,
  ways: Wayfinder,
  family: Family,
  address: string,
  before: SandboxNetwork | undefined,
  now: SandboxNetwork,
): void {
  if (!isNarrower(before, now, family)) return;
  const own = inetBytes(address).toString('latin1');
  const ports = new Map(now.firewall.ports.map((port) => [keyOf(PROTOCOL[port.protocol], port.host), port]));
  const isInGroup = membership(host, ways, now);
  const isAllowed = (connection: Connection): boolean => {
    const { original, protocol } = connection;
    const { reachable } = now.firewall;
    if (isUntranslated(connection)) return reachable === 'any' || isInGroup(original.source);
    const port = ports.get(keyOf(protocol, original.destinationPort));
    // Somebody else has translated it, or the port leads elsewhere by now (connections.ts).
    if (port === undefined) return true;
    const senders = sendersOf(port, family);
    if (senders === undefined || !senders.ranges.some(contains(original.source))) return true;
    return isInGroup(original.source);
  };
  forget(host, family, [family === 4 ? { answers: address } : undefined], (connection) => {
    const { original, reply } = connection;
    if (reply.source !== own || original.source === own || isAllowed(connection)) return false;
    return !ways(original.source).local;
  });
}

function isNarrower(before: SandboxNetwork | undefined, now: SandboxNetwork, family: Family): boolean {
  const { ports, reachable } = now.firewall;
  const name = (port: PublishedPort | undefined) => port && sendersOf(port, family)?.name;
  const listed = ports.filter((port) => name(port) !== undefined);
  // Of a workload that says nothing of its own there is nothing to look for.
  if (before === undefined) return reachable === 'published' || listed.length > 0;
  if (RANK[reachable] < RANK[before.firewall.reachable]) return true;
  const former = before.firewall.ports;
  return listed.some((port) => {
    const same = former.find(({ protocol, host }) => protocol === port.protocol && host === port.host);
    return name(port) !== name(same);
  });
}

/** Whether an address is behind a routed link of the group that `network` is open to. */
function membership(host: Host, ways: Wayfinder, network: SandboxNetwork): (address: string) => boolean {
  const { firewall, attachment, group } = network;
  const known = new Map<number, boolean>();
  const ask = (index: number): boolean => {
    const link = index === 0 ? undefined : host.rtnl.link({ index });
    return link?.group === group && link.name.startsWith(host.settings?.linkPrefix ?? '');
  };
  return (address) => {
    if (firewall.reachable === 'published' || attachment.mode !== 'routed') return false;
    const { link } = ways(address);
    const found = known.get(link) ?? ask(link);
    known.set(link, found);
    return found;
  };
}

function keyOf(protocol: number, port: number): string {
  return `${protocol}/${port}`;
}
