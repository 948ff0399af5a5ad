// RTM_*ADDR: struct ifaddrmsg and IFA_* attributes, for both families. See rtnetlink(7), linux/if_addr.h.
import { eachAttribute, inet } from './attribute.js';
import { AF_INET, AF_INET6, IFA, IFA_F_NODAD, NLM_F, nameOf, RT_SCOPE, RTM } from './constants.js';
import { familyOf, inetText } from './inet.js';
import { type Message, message } from './message.js';

export type Scope = keyof typeof RT_SCOPE;

/** An address on a link; the text says the family. */
export interface Address {
  readonly index: number;
  readonly address: string;
  readonly prefix: number;
  /**
   * IPv4: `link` keeps it from being chosen as source towards anywhere else. The kernel ignores it for IPv6, where the
   * address itself says it, and reports what it found.
   */
  readonly scope: Scope;
  /** IPv6: usable at once, without duplicate address detection. */
  readonly noDad?: boolean;
}

const IFADDRMSG = 8;

/** Adds the address; one that is there already is fine (NLM_F_REPLACE). */
export function newAddress(address: Address): Buffer {
  return build(RTM.NEWADDR, NLM_F.REQUEST | NLM_F.ACK | NLM_F.CREATE | NLM_F.REPLACE, address);
}

/** Takes the address with exactly this prefix away; EADDRNOTAVAIL when there is none. */
export function deleteAddress(address: Omit<Address, 'scope'>): Buffer {
  return build(RTM.DELADDR, NLM_F.REQUEST | NLM_F.ACK, { ...address, scope: 'universe' });
}

/** Dump of the addresses of one family on all links. */
export function dumpAddresses(family: 4 | 6): Buffer {
  const header = Buffer.alloc(IFADDRMSG);
  header.writeUInt8(family === 4 ? AF_INET : AF_INET6, 0);
  return message(RTM.GETADDR, NLM_F.REQUEST | NLM_F.DUMP, header);
}

/** Reads RTM_NEWADDR or RTM_DELADDR of either family. A scope without a name reads as `universe`. */
export function parseAddress(reply: Message): Address {
  const { buffer, start, end } = reply;
  let address = '';
  // Towards a peer IFA_ADDRESS is the other end; and for IPv6 the kernel leaves IFA_LOCAL out where there is no peer.
  eachAttribute(buffer, start + IFADDRMSG, end, (type, from, to) => {
    if (type === IFA.LOCAL || (type === IFA.ADDRESS && address === '')) address = inetText(buffer, from, to);
  });
  const noDad = (buffer.readUInt8(start + 2) & IFA_F_NODAD) !== 0;
  return {
    index: buffer.readUInt32LE(start + 4),
    address,
    prefix: buffer.readUInt8(start + 1),
    scope: nameOf(RT_SCOPE, buffer.readUInt8(start + 3)) ?? 'universe',
    ...(noDad ? { noDad } : {}),
  };
}

function build(type: number, flags: number, address: Address): Buffer {
  const header = Buffer.alloc(IFADDRMSG);
  header.writeUInt8(familyOf(address.address) === 4 ? AF_INET : AF_INET6, 0);
  header.writeUInt8(address.prefix, 1);
  header.writeUInt8(address.noDad === true ? IFA_F_NODAD : 0, 2);
  header.writeUInt8(RT_SCOPE[address.scope], 3);
  header.writeUInt32LE(address.index, 4);
  return message(type, flags, header, inet(IFA.LOCAL, address.address), inet(IFA.ADDRESS, address.address));
}
