// RTM_*ROUTE: struct rtmsg and RTA_* attributes, for both families. See rtnetlink(7), linux/rtnetlink.h.
import type { Scope } from './address.js';
import { eachAttribute, inet, u32 } from './attribute.js';
import {
  AF_INET,
  AF_INET6,
  NLM_F,
  nameOf,
  RT_SCOPE,
  RT_TABLE_MAIN,
  RTA,
  RTM,
  RTM_F_FIB_MATCH,
  RTN,
  RTNH_F_ONLINK,
  RTPROT_STATIC,
} from './constants.js';
import { familyOf, inetText } from './inet.js';
import { type Message, message } from './message.js';

export type RouteType = keyof typeof RTN;

/** A route; the text of its addresses says the family. `destination` absent is the default route. */
export interface Route {
  readonly destination?: string;
  readonly prefix: number;
  /** The link; 0 when the route names none. Of several next hops the first one's. */
  readonly index: number;
  /** IPv6 has no scopes of routes: the kernel ignores it and always reports `universe`. */
  readonly scope: Scope;
  readonly gateway?: string;
  readonly source?: string;
  /** The gateway is taken to be on the link although no address of the link covers it. */
  readonly onlink?: boolean;
  /** Only for a default route without gateway and source; absent: 4. */
  readonly family?: 6;
  /** Absent: main. */
  readonly table?: number;
  /** Absent: unicast. */
  readonly type?: RouteType;
}

const RTMSG = 12;
/** `rtnh_ifindex` in struct rtnexthop. */
const NEXT_HOP_INDEX = 4;

/** `exclusive`: EEXIST when any route to the destination exists; `replace`: takes its place. */
export function newRoute(route: Route, mode: 'exclusive' | 'replace'): Buffer {
  const how = mode === 'exclusive' ? NLM_F.EXCL : NLM_F.REPLACE;
  const flags = NLM_F.REQUEST | NLM_F.ACK | NLM_F.CREATE | how;
  return build(RTM.NEWROUTE, flags, route, RTPROT_STATIC, RT_SCOPE[route.scope], RTN[route.type ?? 'unicast']);
}

/** Takes away the first route that fits, whoever made it; ESRCH when there is none. */
export function deleteRoute(route: Omit<Route, 'scope'>): Buffer {
  const type = route.type === undefined ? RTN.unspec : RTN[route.type];
  const any: Route = { ...route, scope: 'nowhere' };
  return build(RTM.DELROUTE, NLM_F.REQUEST | NLM_F.ACK, any, 0, RT_SCOPE.nowhere, type);
}

/** Asks for the table entry (not the resolved path) that would carry traffic to `destination`. */
export function getRoute(destination: string): Buffer {
  const four = familyOf(destination) === 4;
  const header = Buffer.alloc(RTMSG);
  header.writeUInt8(four ? AF_INET : AF_INET6, 0);
  header.writeUInt8(four ? 32 : 128, 1);
  header.writeUInt32LE(RTM_F_FIB_MATCH, 8);
  return message(RTM.GETROUTE, NLM_F.REQUEST | NLM_F.ACK, header, inet(RTA.DST, destination));
}

/** Dump of the routes of one family, of all tables (`local` with the host's own addresses is one of them). */
export function dumpRoutes(family: 4 | 6): Buffer {
  const header = Buffer.alloc(RTMSG);
  header.writeUInt8(family === 4 ? AF_INET : AF_INET6, 0);
  return message(RTM.GETROUTE, NLM_F.REQUEST | NLM_F.DUMP, header);
}

/** Reads RTM_NEWROUTE or RTM_DELROUTE of either family. A type without a name reads as `unspec`. */
export function parseRoute(reply: Message): Route {
  const { buffer, start, end } = reply;
  const prefix = buffer.readUInt8(start + 1);
  let table = buffer.readUInt8(start + 4);
  let index = 0;
  const text: { destination?: string; gateway?: string; source?: string } = {};
  eachAttribute(buffer, start + RTMSG, end, (type, from, to) => {
    // `ip` spells the IPv6 default as ::/0, the kernel leaves it out.
    if (type === RTA.DST && prefix > 0) text.destination = inetText(buffer, from, to);
    else if (type === RTA.GATEWAY) text.gateway = inetText(buffer, from, to);
    else if (type === RTA.PREFSRC) text.source = inetText(buffer, from, to);
    else if (type === RTA.OIF) index = buffer.readUInt32LE(from);
    else if (type === RTA.TABLE) table = buffer.readUInt32LE(from);
    else if (type === RTA.MULTIPATH && to - from >= 8) index = buffer.readUInt32LE(from + NEXT_HOP_INDEX);
  });
  const onlink = (buffer.readUInt32LE(start + 8) & RTNH_F_ONLINK) !== 0;
  const type = nameOf(RTN, buffer.readUInt8(start + 7)) ?? 'unspec';
  const silent = text.destination === undefined && text.gateway === undefined && text.source === undefined;
  return {
    ...text,
    prefix,
    index,
    scope: nameOf(RT_SCOPE, buffer.readUInt8(start + 6)) ?? 'universe',
    ...(onlink ? { onlink } : {}),
    ...(silent && buffer.readUInt8(start) === AF_INET6 ? { family: 6 } : {}),
    ...(table === RT_TABLE_MAIN ? {} : { table }),
    ...(type === 'unicast' ? {} : { type }),
  };
}

function build(request: number, flags: number, route: Route, protocol: number, scope: number, type: number): Buffer {
  const any = route.destination ?? route.gateway ?? route.source;
  const family = any === undefined ? (route.family ?? 4) : familyOf(any);
  const table = route.table ?? RT_TABLE_MAIN;
  const header = Buffer.alloc(RTMSG);
  header.writeUInt8(family === 4 ? AF_INET : AF_INET6, 0);
  header.writeUInt8(route.prefix, 1);
  header.writeUInt8(table < 256 ? table : 0, 4);
  header.writeUInt8(protocol, 5);
  header.writeUInt8(scope, 6);
  header.writeUInt8(type, 7);
  header.writeUInt32LE(route.onlink === true ? RTNH_F_ONLINK : 0, 8);
  const body: Buffer[] = [header];
  if (route.destination !== undefined) body.push(inet(RTA.DST, route.destination));
  if (route.gateway !== undefined) body.push(inet(RTA.GATEWAY, route.gateway));
  if (route.source !== undefined) body.push(inet(RTA.PREFSRC, route.source));
  if (route.index !== 0) body.push(u32(RTA.OIF, route.index));
  if (table >= 256) body.push(u32(RTA.TABLE, table));
  return message(request, flags, ...body);
}
