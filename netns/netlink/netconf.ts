// Settings of net.ipv4.conf and net.ipv6.conf, as the kernel tells them: NETCONFA_*. See linux/netconf.h.
import { eachAttribute } from './attribute.js';
import { AF_INET, AF_INET6 } from './constants.js';
import type { Message } from './message.js';

/** `struct netconfmsg`, padded. */
const NETCONFMSG = 4;
const NETCONFA = { IFINDEX: 1, FORWARDING: 2 } as const;
/** The index of `conf/all`, which net.ipv4.ip_forward is, too. */
const ALL = -1;

/** Reads an RTM_NEWNETCONF: the family whose forwarding was turned off on the whole host; undefined for any other change. */
export function parseForwardingOff({ buffer, start, end }: Message): 'ipv4' | 'ipv6' | undefined {
  let index = 0;
  let forwarding: number | undefined;
  eachAttribute(buffer, start + NETCONFMSG, end, (type, from) => {
    if (type === NETCONFA.IFINDEX) index = buffer.readInt32LE(from);
    else if (type === NETCONFA.FORWARDING) forwarding = buffer.readInt32LE(from);
  });
  if (index !== ALL || forwarding !== 0) return undefined;
  const family = buffer.readUInt8(start);
  return family === AF_INET ? 'ipv4' : family === AF_INET6 ? 'ipv6' : undefined;
}
