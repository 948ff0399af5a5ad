// Reads nf_tables notifications: any change of our tables that another socket asked for. Addresses that the packet path
// itself adds to a set, and elements that time out, are not notified.
import { eachAttribute, readText } from '../netlink/attribute.js';
import { parseMessages, requesterOf } from '../netlink/message.js';
import type { HintSet } from './hints.js';

const NFNL_SUBSYS_NFTABLES = 10;
const NFT_MSG_NEWGEN = 15;
const NFGENMSG = 4;
/** The name of the table has this number in all nf_tables messages (NFTA_TABLE_NAME, NFTA_RULE_TABLE, ...). */
const NFTA_TABLE = 1;

export interface OwnFirewall {
  /** Names of our tables, whatever their family. */
  readonly tables: readonly string[];
  /** Netlink ports of the sockets through which we change them ourselves. */
  readonly ports: readonly number[];
}

export function readFirewall(data: Buffer, own: OwnFirewall, hints: HintSet): void {
  for (const message of parseMessages(data)) {
    const { type, buffer, start, end } = message;
    if (type >> 8 !== NFNL_SUBSYS_NFTABLES || (type & 0xff) === NFT_MSG_NEWGEN) continue;
    if (own.ports.includes(requesterOf(message))) continue;
    eachAttribute(buffer, start + NFGENMSG, end, (attribute, from, to) => {
      if (attribute !== NFTA_TABLE) return;
      const table = readText(buffer, from, to);
      if (own.tables.includes(table)) hints.add('firewall', null, table);
    });
  }
}
