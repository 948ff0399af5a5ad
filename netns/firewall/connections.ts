// Tracked connections that a change makes untrue. The kernel asks the rules for the first packet of a flow only: a client
// that has sent to a port before it was published would be sent past the workload for as long as it goes on sending, and
// what was allowed once would stay allowed. So whoever changes a port, an address or a policy forgets what it was before.
import { constants } from 'node:os';
import type { Host } from '../host.js';
import {
  type Connection,
  deleteConnection,
  deleteConnections,
  dumpConnections,
  type Family,
  parseConnection,
  type Selection,
} from '../netlink/conntrack.js';
import { familyOf, inetBytes, inetText } from '../netlink/inet.js';
import { getRoute, parseRoute } from '../netlink/route.js';
import type { Request } from '../netlink-client.js';
import type { SandboxNetwork } from '../types.js';
import { policyOf } from './policy.js';
import type { Range } from './ranges.js';

const { EACCES, EHOSTUNREACH, EINVAL, ENETUNREACH, ENOENT } = constants.errno;
const PROTOCOL = { tcp: 6, udp: 17 } as const;

/** With so many questions one dump is quicker than a walk of the kernel through its table for each: measured at 50,000. */
const WALKS = 4;
/** Each deletion is answered, and answers queue up in the socket. */
const DELETIONS = 256;

/**
 * Forgets the tracked connections of addresses, e.g. of a removed workload, so that datagrams of others are not sent
 * to a later holder. Walks the table of connections twice for each, or once for many. None is fine. Throws SysError.
 */
export function forgetConnections(host: Host, addresses: readonly string[]): void {
  const four = addresses.filter((address) => familyOf(address) === 4);
  const six = addresses.filter((address) => familyOf(address) === 6);
  if (2 * four.length > WALKS) forgetAll(host, 4, four);
  else {
    const sides = ['origin', 'reply'] as const;
    host.nfnl.transact(
      four.flatMap((address) => sides.map((side) => deletion(deleteConnections(side, address), address))),
    );
  }
  // The kernel cannot pick by IPv6 addresses: see Selection.
  if (six.length > 0) forgetAll(host, 6, six);
}

function forgetAll(host: Host, family: Family, addresses: readonly string[]): void {
  const gone = new Set(addresses.map((address) => inetBytes(address).toString('latin1')));
  forget(host, family, [undefined], ({ original, reply }) => gone.has(original.source) || gone.has(reply.source));
}

/** What was there before a sandbox got its elements: `new` link, nothing that is known of (`unknown`), or other elements. */
export type Before = SandboxNetwork | 'new' | 'unknown';

/**
 * Forgets what was true before and is not under `now`: flows to published ports that lead elsewhere, and open connections
 * to what its egress list denies. To be called when the rules say so already: what is forgotten earlier may come back. A
 * change of neither ports nor list costs nothing, nor does a new sandbox without ports. Throws SysError.
 */
export function forgetUntrue(host: Host, before: Before, now: SandboxNetwork): void {
  for (const [text, family] of [
    [now.address, 4],
    [now.address6, 6],
  ] as const) {
    if (text === null) continue;
    forgetMisled(
      host,
      family,
      typeof before === 'string' ? new Map() : targetsOf(before, family),
      targetsOf(now, family),
    );
    // A new link has opened no connection that its list could deny.
    if (before !== 'new') forgetDenied(host, family, text, before === 'unknown' ? undefined : before, now);
  }
}

/** Where a published port leads. */
interface Target {
  readonly protocol: number;
  readonly port: number;
  /** As in a connection. */
  readonly address: string;
  readonly guest: number;
}

type Targets = ReadonlyMap<string, Target>;

function targetsOf({ address, address6, firewall }: SandboxNetwork, family: Family): Targets {
  const text = family === 4 ? address : address6;
  if (text === null) return new Map();
  const bytes = inetBytes(text).toString('latin1');
  return new Map(
    firewall.ports.map(({ protocol, host: port, guest }) => {
      const target = { protocol: PROTOCOL[protocol], port, address: bytes, guest };
      return [keyOf(target), target];
    }),
  );
}

function keyOf({ protocol, port }: Pick<Target, 'protocol' | 'port'>): string {
  return `${protocol}/${port}`;
}

function forgetMisled(host: Host, family: Family, before: Targets, now: Targets): void {
  const changed = new Map([...before, ...now].filter(([key]) => !isSame(before.get(key), now.get(key))));
  if (changed.size === 0) return;
  const questions = [...changed.values()].map(({ protocol, port }) => ({ protocol, destinationPort: port }));
  const isLocal = locality(host);
  forget(host, family, questions.length > WALKS ? [undefined] : questions, (connection) => {
    const { original, protocol } = connection;
    const key = keyOf({ protocol, port: original.destinationPort });
    if (!changed.has(key)) return false;
    const [old, next] = [before.get(key), now.get(key)];
    if (leads(connection, next)) return false;
    if (leads(connection, old)) return true;
    if (next === undefined) return false;
    // A process of the host speaks over it still, although its server has gone: it would be cut off.
    if (connection.established && isUntranslated(connection)) return false;
    // The rules translate what is sent to the host only: the same port elsewhere is somebody else's.
    return isLocal(original.destination);
  });
}

function isSame(a: Target | undefined, b: Target | undefined): boolean {
  return a !== undefined && b !== undefined && a.address === b.address && a.guest === b.guest;
}

function leads({ reply }: Connection, target: Target | undefined): boolean {
  return target !== undefined && reply.source === target.address && reply.sourcePort === target.guest;
}

function isUntranslated({ original, reply }: Connection): boolean {
  return reply.source === original.destination && reply.sourcePort === original.destinationPort;
}

/** As the rules ask it (`fib daddr type local`), once for each address. */
function locality(host: Host): (address: string) => boolean {
  const known = new Map<string, boolean>();
  return (address) => {
    const found = known.get(address) ?? askLocality(host, address);
    known.set(address, found);
    return found;
  };
}

function askLocality(host: Host, address: string): boolean {
  const bytes = Buffer.from(address, 'latin1');
  const path = inetText(bytes, 0, bytes.length);
  // The errors are those of routes that say no, and of none.
  const tolerate = [ENETUNREACH, EHOSTUNREACH, EINVAL, EACCES];
  let local = false;
  host.rtnl.transact([{ message: getRoute(path), op: 'RTM_GETROUTE', path, tolerate }], (reply) => {
    local = parseRoute(reply).type === 'local';
  });
  return local;
}

function forgetDenied(
  host: Host,
  family: Family,
  address: string,
  before: SandboxNetwork | undefined,
  now: SandboxNetwork,
): void {
  const policy = policyOf(now.firewall.egress, family);
  if (policy === undefined) return;
  if (before !== undefined && policyOf(before.firewall.egress, family)?.name === policy.name) return;
  const own = inetBytes(address).toString('latin1');
  // The list is asked behind translation.
  const isDenied = ({ original, reply }: Connection) =>
    original.source === own && policy.ranges.some(contains(reply.source));
  forget(host, family, [family === 4 ? { source: address } : undefined], isDenied);
}

function contains(address: string): (range: Range) => boolean {
  const value = BigInt(`0x${Buffer.from(address, 'latin1').toString('hex')}`);
  return ({ first, last }) => first <= value && value <= last;
}

/** One dump for each of `picks`, and deletes what `isUntrue` says; what is gone by then is fine. */
function forget(
  host: Host,
  family: Family,
  picks: readonly Selection[],
  isUntrue: (connection: Connection) => boolean,
): void {
  for (const pick of picks) {
    const found = host.nfnl.collect(dumpConnections(family, pick), 'IPCTNL_MSG_CT_GET dump', (reply) => {
      const connection = parseConnection(reply);
      return connection.family === family && isUntrue(connection) ? deleteConnection(connection) : undefined;
    });
    for (let at = 0; at < found.length; at += DELETIONS)
      host.nfnl.transact(found.slice(at, at + DELETIONS).map((message) => deletion(message, 'one')));
  }
}

function deletion(message: Buffer, path: string): Request {
  return { message, op: 'IPCTNL_MSG_CT_DELETE', path, tolerate: [ENOENT] };
}
