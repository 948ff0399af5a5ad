// RTM_NEWROUTE: struct rtmsg and RTA_* attributes. See rtnetlink(7).
import type { Scope } from './address.js';
import { eachAttribute, ipv4, readIpv4, u32 } from './attribute.js';
import {
  AF_INET,
  NLM_F,
  RT_SCOPE,
  RT_TABLE_MAIN,
  RTA,
  RTM,
  RTM_F_FIB_MATCH,
  RTN_UNICAST,
  RTNH_F_ONLINK,
  RTPROT_STATIC,
} from './constants.js';
import { type Message, message } from './message.js';

/** A unicast IPv4 route of the main table. `destination` absent is the default route. */
export interface Route {
  readonly destination?: string;
  readonly prefix: number;
  readonly index: number;
  readonly scope: Scope;
  readonly gateway?: string;
  readonly source?: string;
  /** The gateway is taken to be on the link although no address of the link covers it. */
  readonly onlink?: boolean;
}

const RTMSG = 12;

/** `exclusive`: EEXIST when any route to the destination exists; `replace`: takes its place. */
export function newRoute(route: Route, mode: 'exclusive' | 'replace'): Buffer {
  const header = Buffer.alloc(RTMSG);
  header.writeUInt8(AF_INET, 0);
  header.writeUInt8(route.prefix, 1);
  header.writeUInt8(RT_TABLE_MAIN, 4);
  header.writeUInt8(RTPROT_STATIC, 5);
  header.writeUInt8(RT_SCOPE[route.scope], 6);
  header.writeUInt8(RTN_UNICAST, 7);
  header.writeUInt32LE(route.onlink === true ? RTNH_F_ONLINK : 0, 8);
  const body: Buffer[] = [header];
  if (route.destination !== undefined) body.push(ipv4(RTA.DST, route.destination));
  if (route.gateway !== undefined) body.push(ipv4(RTA.GATEWAY, route.gateway));
  if (route.source !== undefined) body.push(ipv4(RTA.PREFSRC, route.source));
  body.push(u32(RTA.OIF, route.index));
  const how = mode === 'exclusive' ? NLM_F.EXCL : NLM_F.REPLACE;
  return message(RTM.NEWROUTE, NLM_F.REQUEST | NLM_F.ACK | NLM_F.CREATE | how, ...body);
}

/** Asks for the table entry (not the resolved path) that would carry traffic to `destination`. */
export function getRoute(destination: string): Buffer {
  const header = Buffer.alloc(RTMSG);
  header.writeUInt8(AF_INET, 0);
  header.writeUInt8(32, 1);
  header.writeUInt32LE(RTM_F_FIB_MATCH, 8);
  return message(RTM.GETROUTE, NLM_F.REQUEST | NLM_F.ACK, header, ipv4(RTA.DST, destination));
}

/** Reads RTM_NEWROUTE of IPv4. Index 0 when the route names no link. */
export function parseRoute(reply: Message): Route {
  const { buffer, start, end } = reply;
  let index = 0;
  const text: { destination?: string; gateway?: string; source?: string } = {};
  eachAttribute(buffer, start + RTMSG, end, (type, from) => {
    if (type === RTA.DST) text.destination = readIpv4(buffer, from);
    else if (type === RTA.GATEWAY) text.gateway = readIpv4(buffer, from);
    else if (type === RTA.PREFSRC) text.source = readIpv4(buffer, from);
    else if (type === RTA.OIF) index = buffer.readUInt32LE(from);
  });
  const onlink = (buffer.readUInt32LE(start + 8) & RTNH_F_ONLINK) !== 0;
  return {
    ...text,
    prefix: buffer.readUInt8(start + 1),
    index,
    scope: buffer.readUInt8(start + 6) === RT_SCOPE.link ? 'link' : 'universe',
    ...(onlink ? { onlink } : {}),
  };
}
