// Reads nf_tables notifications: any change of our tables that another socket asked for. Addresses that the packet path
// itself adds to a set, and elements that time out, are not notified.
import { eachAttribute, readText } from '../netlink/attribute.js';
import { parseMessages, requesterOf } from '../netlink/message.js';
import { NFNL_SUBSYS, NFT_MSG } from '../netlink/netfilter-constants.js';
import { NFGENMSG } from '../netlink/nfnetlink.js';
import type { HintSet } from './hints.js';

/** The name of the table has this number in all nf_tables messages (NFTA_TABLE_NAME, NFTA_RULE_TABLE, ...). */
const TABLE_NAME = 1;

export interface OwnFirewall {
  /** Names of our tables, whatever their family. */
  readonly tables: readonly string[];
  /** Port of the socket through which we change them ourselves. */
  readonly port: number | undefined;
}

export function readFirewall(data: Buffer, own: OwnFirewall, hints: HintSet): void {
  for (const message of parseMessages(data)) {
    const { type, buffer, start, end } = message;
    if (type >> 8 !== NFNL_SUBSYS.NFTABLES || (type & 0xff) === NFT_MSG.NEWGEN) continue;
    if (requesterOf(message) === own.port) continue;
    eachAttribute(buffer, start + NFGENMSG, end, (attribute, from, to) => {
      if (attribute !== TABLE_NAME) return;
      const table = readText(buffer, from, to);
      if (own.tables.includes(table)) hints.add('firewall', null, table);
    });
  }
}
