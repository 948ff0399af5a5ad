// Sockets of a namespace: struct inet_diag_req_v2 and inet_diag_msg. See sock_diag(7), linux/inet_diag.h.
import { AF_INET, AF_INET6, NLM_F } from './constants.js';
import { type Message, message } from './message.js';

const SOCK_DIAG_BY_FAMILY = 20;
const SOCK_DESTROY = 21;
const REQUEST = 56;
const SOCKET_ID = 48;
/** Where inet_diag_sockid stands in the request and in the answer. */
const ID_IN_REQUEST = 8;
const ID_IN_ANSWER = 4;
const PROTOCOL = { tcp: 6, udp: 17 } as const;
/** TCP_TIME_WAIT and TCP_NEW_SYN_RECV: no sockets, only memories of them. */
const ALL_BUT_MEMORIES = 0xffffffff & ~(1 << 6) & ~(1 << 12);
const TCP_CLOSE = 7;
const TCP_LISTEN = 10;

export type SocketProtocol = keyof typeof PROTOCOL;
export type SocketFamily = 4 | 6;

/** One socket: enough to name it in a request. */
export interface SocketId {
  readonly family: SocketFamily;
  readonly protocol: SocketProtocol;
  /** struct inet_diag_sockid, as the kernel gave it. */
  readonly id: Buffer;
}

export function dumpSockets(family: SocketFamily, protocol: SocketProtocol): Buffer {
  return message(SOCK_DIAG_BY_FAMILY, NLM_F.REQUEST | NLM_F.DUMP, request(family, protocol, undefined));
}

/**
 * Dump of the sockets that a datagram or a connection of anybody to `port` would reach: listening ones of TCP, and of UDP
 * those without a peer, which the kernel keeps in the state TCP_CLOSE. The kernel
 * picks them, and walks no connections. Port 0 is any.
 */
export function dumpServers(family: SocketFamily, protocol: SocketProtocol, port: number): Buffer {
  const id = Buffer.alloc(SOCKET_ID);
  id.writeUInt16BE(port, 0);
  const state = 1 << (protocol === 'tcp' ? TCP_LISTEN : TCP_CLOSE);
  return message(SOCK_DIAG_BY_FAMILY, NLM_F.REQUEST | NLM_F.DUMP, request(family, protocol, id, state));
}

/** The port that a socket is bound to. */
export function portOf({ id }: SocketId): number {
  return id.readUInt16BE(0);
}

/** Aborts the socket as a reset would (CONFIG_INET_DIAG_DESTROY); ENOENT when it is gone. */
export function destroySocket(socket: SocketId): Buffer {
  return message(SOCK_DESTROY, NLM_F.REQUEST | NLM_F.ACK, request(socket.family, socket.protocol, socket.id));
}

/** Reads one answer of a dump of `protocol`. */
export function parseSocket(reply: Message, protocol: SocketProtocol): SocketId {
  const { buffer, start } = reply;
  const from = start + ID_IN_ANSWER;
  return {
    family: buffer.readUInt8(start) === AF_INET6 ? 6 : 4,
    protocol,
    id: Buffer.from(buffer.subarray(from, from + SOCKET_ID)),
  };
}

function request(
  family: SocketFamily,
  protocol: SocketProtocol,
  id: Buffer | undefined,
  states = ALL_BUT_MEMORIES,
): Buffer {
  const out = Buffer.alloc(REQUEST);
  out.writeUInt8(family === 4 ? AF_INET : AF_INET6, 0);
  out.writeUInt8(PROTOCOL[protocol], 1);
  out.writeUInt32LE(states >>> 0, 4);
  id?.copy(out, ID_IN_REQUEST);
  return out;
}
