// Who serves on a port in the calling thread's namespace, asked of the kernel's list of sockets: a question, unlike a bind,
// takes nothing away from anybody, and may be asked by many at once.
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { codeOf, SysError } from '../linux/errors.js';
import { NETLINK_SOCK_DIAG, NetlinkSocket } from '../linux/netlink-socket.js';
import { dumpServers, parseSocket, portOf, type SocketFamily, type SocketProtocol } from './netlink/sock-diag.js';
import { Rtnl } from './rtnl.js';

export interface HostPort {
  readonly protocol: SocketProtocol;
  readonly port: number;
}

const FAMILIES: readonly SocketFamily[] = [4, 6];
const PROTOCOLS: readonly SocketProtocol[] = ['tcp', 'udp'];
/** As the port of a dump. */
const ANY = 0;
/** The kernel walks its table of UDP sockets for each question; beyond that it is asked once, for all sockets. */
const QUESTIONS = 8;
/** States of /proc/net/tcp and /proc/net/udp, in hexadecimal as they stand there. */
const SERVING = { tcp: '0A', udp: '07' } as const;

/** Those of `ports` with a server on any address in either family. Less than a millisecond for a few. Throws SysError. */
export function servedPorts(ports: readonly HostPort[]): HostPort[] {
  if (ports.length === 0) return [];
  const diag = new Rtnl(NetlinkSocket.open(NETLINK_SOCK_DIAG));
  try {
    const served = new Map(PROTOCOLS.map((protocol) => [protocol, servedOf(diag, protocol, ports)]));
    return ports.filter(({ protocol, port }) => served.get(protocol)?.has(port) === true);
  } finally {
    diag.close();
  }
}

function servedOf(diag: Rtnl, protocol: SocketProtocol, ports: readonly HostPort[]): ReadonlySet<number> {
  const asked = ports.filter((one) => one.protocol === protocol).map(({ port }) => port);
  const questions = asked.length > QUESTIONS ? [ANY] : asked;
  return new Set(FAMILIES.flatMap((family) => questions.flatMap((port) => servers(diag, family, protocol, port))));
}

/** Ports with a server: `port`, or all of them for ANY. */
function servers(diag: Rtnl, family: SocketFamily, protocol: SocketProtocol, port: number): number[] {
  try {
    return diag.collect(dumpServers(family, protocol, port), 'SOCK_DIAG_BY_FAMILY dump', (reply) =>
      portOf(parseSocket(reply, protocol)),
    );
  } catch (error) {
    // The kernel has no module tcp_diag or udp_diag.
    if (!(error instanceof SysError) || error.errno !== constants.errno.ENOENT) throw error;
    return listed(readList(`/proc/thread-self/net/${protocol}${family === 6 ? '6' : ''}`), protocol);
  }
}

/** Exported for its test. Pure: the ports with a server of /proc/net/tcp, udp, tcp6 or udp6. */
export function listed(text: string, protocol: SocketProtocol): number[] {
  return text.split('\n').flatMap((line) => {
    const [, local = '', , state] = line.trim().split(/\s+/);
    return state === SERVING[protocol] ? [Number.parseInt(local.slice(local.lastIndexOf(':') + 1), 16)] : [];
  });
}

/** Empty for a file that is not there (a kernel without IPv6). */
function readList(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return '';
    throw error;
  }
}
