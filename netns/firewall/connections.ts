// Tracked connections that a change makes untrue. The kernel asks the rules for the first packet of a flow only: a client
// that has sent to a port before it was published would be sent past the workload for as long as it goes on sending, and
// what was allowed once would stay allowed. So whoever changes a port, an address or a policy forgets what it was before.
import type { Host } from '../host.js';
import { type Connection, deleteConnections, type Family } from '../netlink/conntrack.js';
import { familyOf, inetBytes } from '../netlink/inet.js';
import type { SandboxNetwork } from '../types.js';
import { policyOf } from './policy.js';
import { contains } from './ranges.js';
import { forgetUnreachable } from './reach.js';
import { deletion, forget, isUntranslated, type Wayfinder, wayfinder } from './tracked.js';

const PROTOCOL = { tcp: 6, udp: 17 } as const;

/** With so many questions one dump is quicker than a walk of the kernel through its table for each: measured at 50,000. */
const WALKS = 4;

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
 * Forgets what was true before and is not under `now`: flows to published ports that lead elsewhere, open connections to what
 * its egress list denies, and those of who may not reach it any more. To be called when the rules say so already: what is
 * forgotten earlier may come back. A change of none of them costs nothing, nor does a new sandbox without ports. Throws SysError.
 */
export function forgetUntrue(host: Host, before: Before, now: SandboxNetwork): void {
  const ways = wayfinder(host);
  for (const [text, family] of [
    [now.address, 4],
    [now.address6, 6],
  ] as const) {
    if (text === null) continue;
    forgetMisled(
      host,
      ways,
      family,
      typeof before === 'string' ? new Map() : targetsOf(before, family),
      targetsOf(now, family),
    );
    // A new link has opened no connection that its list could deny, and nobody has reached it.
    if (before === 'new') continue;
    const old = before === 'unknown' ? undefined : before;
    forgetDenied(host, family, text, old, now);
    forgetUnreachable(host, ways, family, text, old, now);
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

function forgetMisled(host: Host, ways: Wayfinder, family: Family, before: Targets, now: Targets): void {
  const changed = new Map([...before, ...now].filter(([key]) => !isSame(before.get(key), now.get(key))));
  if (changed.size === 0) return;
  const questions = [...changed.values()].map(({ protocol, port }) => ({ protocol, destinationPort: port }));
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
    return ways(original.destination).local;
  });
}

function isSame(a: Target | undefined, b: Target | undefined): boolean {
  return a !== undefined && b !== undefined && a.address === b.address && a.guest === b.guest;
}

function leads({ reply }: Connection, target: Target | undefined): boolean {
  return target !== undefined && reply.source === target.address && reply.sourcePort === target.guest;
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
