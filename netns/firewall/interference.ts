// Whether someone else's firewall drops what ours lets pass, the most frequent reason for "the network is down" on a
// host with Docker, firewalld or a CNI plugin: every table may drop, and no table may overrule another.
import type { Host } from '../host.js';
import { NF_INET, NFPROTO } from '../netlink/netfilter-constants.js';
import type { Chain } from '../netlink/nftables.js';
import type { Interference, RoomSettings } from '../types.js';
import { foreignTables, readChains } from './owner.js';
import { readSet } from './read.js';
import { TRAFFIC } from './sets.js';

const FAMILIES: Readonly<Record<number, string>> = {
  [NFPROTO.INET]: 'inet',
  [NFPROTO.IPV4]: 'ip',
  [NFPROTO.IPV6]: 'ip6',
};
/** Hooks that forwarded packets go through. */
const HOOKS: readonly number[] = [NF_INET.PRE_ROUTING, NF_INET.FORWARD, NF_INET.POST_ROUTING];

/**
 * Counts since the tables were loaded first; packets that ask for a connection, so a client that tries again counts
 * again. `suspects` are the chains that drop what no rule of theirs accepts; a rule that drops is not looked for, nor
 * are the legacy iptables (a kernel interface of their own). Throws SysError; ENOENT when our table is not loaded.
 */
export function readInterference(host: Host, { table, tags }: Pick<RoomSettings, 'table' | 'tags'>): Interference {
  const chains = readChains(host);
  const suspects = chains
    .filter((chain) => mayDrop(chain, table))
    .map((chain) => `${FAMILIES[chain.family]} ${chain.table} ${chain.name} (policy drop)`);
  const foreign = foreignTables(chains, tags);
  return {
    offered: count(host, table, TRAFFIC.offered),
    passed: count(host, table, TRAFFIC.passed),
    suspects,
    foreign,
  };
}

function mayDrop({ family, table, hook, policy }: Chain, own: string): boolean {
  const foreign = !(family === NFPROTO.INET && table === own);
  return foreign && family in FAMILIES && policy === 'drop' && hook !== undefined && HOOKS.includes(hook);
}

function count(host: Host, table: string, set: string): number {
  let packets = 0;
  for (const { element } of readSet(host, table, 'inet', set))
    if (element.expression?.kind === 'counter') packets += element.expression.packets;
  return packets;
}
