// RTM_NEWADDR: struct ifaddrmsg and IFA_* attributes. See rtnetlink(7).
import { eachAttribute, ipv4, readIpv4 } from './attribute.js';
import { AF_INET, IFA, NLM_F, RT_SCOPE, RTM } from './constants.js';
import { type Message, message } from './message.js';

export type Scope = keyof typeof RT_SCOPE;

/** An IPv4 address on a link. Scope `link` keeps it from being chosen as source towards anywhere else. */
export interface Address {
  readonly index: number;
  readonly address: string;
  readonly prefix: number;
  readonly scope: Scope;
}

const IFADDRMSG = 8;

/** Adds the address; one that is there already is fine (NLM_F_REPLACE). */
export function newAddress(address: Address): Buffer {
  const header = Buffer.alloc(IFADDRMSG);
  header.writeUInt8(AF_INET, 0);
  header.writeUInt8(address.prefix, 1);
  header.writeUInt8(RT_SCOPE[address.scope], 3);
  header.writeUInt32LE(address.index, 4);
  const flags = NLM_F.REQUEST | NLM_F.ACK | NLM_F.CREATE | NLM_F.REPLACE;
  return message(RTM.NEWADDR, flags, header, ipv4(IFA.LOCAL, address.address), ipv4(IFA.ADDRESS, address.address));
}

/** Reads RTM_NEWADDR of IPv4; a scope other than `link` reads as `universe`. */
export function parseAddress(reply: Message): Address {
  const { buffer, start, end } = reply;
  let address = '';
  eachAttribute(buffer, start + IFADDRMSG, end, (type, from) => {
    if (type === IFA.LOCAL) address = readIpv4(buffer, from);
  });
  return {
    index: buffer.readUInt32LE(start + 4),
    address,
    prefix: buffer.readUInt8(start + 1),
    scope: buffer.readUInt8(start + 3) === RT_SCOPE.link ? 'link' : 'universe',
  };
}
