// RTM_*NSID: by which number a namespace calls another one (linux/net_namespace.h, struct rtgenmsg). It is the number in
// IFLA_LINK_NETNSID, so that it says exactly in which namespace the other end of a veth is.
import { eachAttribute, u32 } from './attribute.js';
import { AF_UNSPEC, NETNSA, NLM_F, RTM } from './constants.js';
import { type Message, message } from './message.js';

/** sizeof(struct rtgenmsg), padded. */
const RTGENMSG = 4;

export function getNsid(fd: number): Buffer {
  const header = Buffer.alloc(RTGENMSG);
  header.writeUInt8(AF_UNSPEC, 0);
  return message(RTM.GETNSID, NLM_F.REQUEST | NLM_F.ACK, header, u32(NETNSA.FD, fd));
}

/** Undefined: the namespace has no number here (NETNSA_NSID_NOT_ASSIGNED, -1). */
export function parseNsid({ type, buffer, start, end }: Message): number | undefined {
  let nsid: number | undefined;
  if (type !== RTM.NEWNSID) return undefined;
  eachAttribute(buffer, start + RTGENMSG, end, (attribute, from) => {
    if (attribute === NETNSA.NSID) nsid = buffer.readInt32LE(from);
  });
  return nsid === undefined || nsid < 0 ? undefined : nsid;
}
