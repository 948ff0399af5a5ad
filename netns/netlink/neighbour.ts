// RTM_*NEIGH: struct ndmsg and NDA_* attributes: ARP and neighbour discovery entries. See rtnetlink(7).
import { defined } from '../../linux/defined.js';
import { eachAttribute, inet, mac, readMac } from './attribute.js';
import { AF_INET, AF_INET6, NDA, NLM_F, NTF_PROXY, NUD, nameOf, RTM } from './constants.js';
import { familyOf, inetText } from './inet.js';
import { type Message, message } from './message.js';

/** An entry of a link's neighbour table; the text of the address says the family. */
export interface Neighbour {
  readonly index: number;
  readonly address: string;
  /** Absent for a proxy entry, and while the kernel is still asking. */
  readonly mac?: string;
  /** `permanent` is never asked for nor forgotten. Undefined: none of the states has been reached. */
  readonly state: keyof typeof NUD | undefined;
  /** The kernel answers on this link for the address, which is behind another one. */
  readonly proxy?: boolean;
}

const NDMSG = 12;

/** Adds the entry or takes the place of the one that is there. */
export function newNeighbour(neighbour: Neighbour): Buffer {
  return build(RTM.NEWNEIGH, NLM_F.REQUEST | NLM_F.ACK | NLM_F.CREATE | NLM_F.REPLACE, neighbour);
}

/** ENOENT when there is none. The kernel does not look at the state. */
export function deleteNeighbour(neighbour: Pick<Neighbour, 'index' | 'address' | 'proxy'>): Buffer {
  return build(RTM.DELNEIGH, NLM_F.REQUEST | NLM_F.ACK, { ...neighbour, state: 'permanent' });
}

/** ENOENT when there is none. */
export function getNeighbour(index: number, address: string): Buffer {
  return build(RTM.GETNEIGH, NLM_F.REQUEST | NLM_F.ACK, { index, address, state: undefined });
}

/** Dump of the entries of one family on all links. Proxy entries come only with `proxy`, and then alone. */
export function dumpNeighbours(family: 4 | 6, options: { readonly proxy: boolean } = { proxy: false }): Buffer {
  const header = Buffer.alloc(NDMSG);
  header.writeUInt8(family === 4 ? AF_INET : AF_INET6, 0);
  header.writeUInt8(options.proxy ? NTF_PROXY : 0, 10);
  return message(RTM.GETNEIGH, NLM_F.REQUEST | NLM_F.DUMP, header);
}

/** Reads RTM_NEWNEIGH or RTM_DELNEIGH. */
export function parseNeighbour(reply: Message): Neighbour {
  const { buffer, start, end } = reply;
  let address = '';
  let lladdr: string | undefined;
  eachAttribute(buffer, start + NDMSG, end, (type, from, to) => {
    if (type === NDA.DST) address = inetText(buffer, from, to);
    else if (type === NDA.LLADDR) lladdr = readMac(buffer, from, to);
  });
  const proxy = (buffer.readUInt8(start + 10) & NTF_PROXY) !== 0;
  return {
    index: buffer.readInt32LE(start + 4),
    address,
    state: nameOf(NUD, buffer.readUInt16LE(start + 8)),
    ...defined({ mac: lladdr }),
    ...(proxy ? { proxy } : {}),
  };
}

function build(type: number, flags: number, neighbour: Neighbour): Buffer {
  const header = Buffer.alloc(NDMSG);
  header.writeUInt8(familyOf(neighbour.address) === 4 ? AF_INET : AF_INET6, 0);
  header.writeInt32LE(neighbour.index, 4);
  header.writeUInt16LE(neighbour.state === undefined ? 0 : NUD[neighbour.state], 8);
  header.writeUInt8(neighbour.proxy === true ? NTF_PROXY : 0, 10);
  const body = [header, inet(NDA.DST, neighbour.address)];
  if (neighbour.mac !== undefined) body.push(mac(NDA.LLADDR, neighbour.mac));
  return message(type, flags, ...body);
}
