// Tracked connections of the kernel: looked through, forgotten, and where their ends are.
import { constants } from 'node:os';
import type { Host } from '../host.js';
import {
  type Connection,
  deleteConnection,
  dumpConnections,
  type Family,
  parseConnection,
  type Selection,
} from '../netlink/conntrack.js';
import { inetText } from '../netlink/inet.js';
import { getRoute, parseRoute } from '../netlink/route.js';
import type { Request } from '../netlink-client.js';

const { EACCES, EHOSTUNREACH, EINVAL, ENETUNREACH, ENOENT } = constants.errno;
/** Each deletion is answered, and answers queue up in the socket. */
const DELETIONS = 256;

/** One dump for each of `picks`, and deletes what `isUntrue` says; what is gone by then is fine. */
export function forget(
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

export function deletion(message: Buffer, path: string): Request {
  return { message, op: 'IPCTNL_MSG_CT_DELETE', path, tolerate: [ENOENT] };
}

export function isUntranslated({ original, reply }: Connection): boolean {
  return reply.source === original.destination && reply.sourcePort === original.destinationPort;
}

/** Where the host sends what is for an address (its bytes as in a Connection). */
export interface Way {
  /** It is the host's own, as the rules ask it (`fib daddr type local`). */
  readonly local: boolean;
  /** Index of the link; 0: no way. */
  readonly link: number;
}

export type Wayfinder = (address: string) => Way;

/** Asks once for each address. */
export function wayfinder(host: Host): Wayfinder {
  const known = new Map<string, Way>();
  return (address) => {
    const found = known.get(address) ?? askWay(host, address);
    known.set(address, found);
    return found;
  };
}

function askWay(host: Host, address: string): Way {
  const bytes = Buffer.from(address, 'latin1');
  const path = inetText(bytes, 0, bytes.length);
  // The errors are those of routes that say no, and of none.
  const tolerate = [ENETUNREACH, EHOSTUNREACH, EINVAL, EACCES];
  let way: Way = { local: false, link: 0 };
  host.rtnl.transact([{ message: getRoute(path), op: 'RTM_GETROUTE', path, tolerate }], (reply) => {
    const { type, index } = parseRoute(reply);
    way = { local: type === 'local', link: index };
  });
  return way;
}
