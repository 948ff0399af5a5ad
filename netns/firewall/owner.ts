// Whose tables are they? A chain without rules says so by its name: unlike a comment, the kernel takes it into a table that is
// in use.
import { constants } from 'node:os';
import type { Host } from '../host.js';
import { NFPROTO } from '../netlink/netfilter-constants.js';
import { type Chain, dumpChains, getTable, parseChain, parseTable } from '../netlink/nftables.js';
import type { Request } from '../netlink-client.js';
import type { ForeignTable, OwnTags, RoomSettings } from '../types.js';
import { FAMILY, type Family } from './sets.js';

const { ENOENT } = constants.errno;

const OWNER = 'owner_';
/** A chain of every table of this room, of versions that told no owner as well. */
const EVERY = 'drop_spoofed';
const FAMILIES: Readonly<Record<number, string>> = { [NFPROTO.INET]: 'inet', [NFPROTO.BRIDGE]: 'bridge' };

/** Name of the chain that says so. */
export function ownerChain({ table }: OwnTags): string {
  return `${OWNER}${table.owner}`;
}

/**
 * The same settings with the name that our tables have: what is asked for, unless another caller or program has a table of this
 * name, which is neither changed nor deleted. Throws SysError.
 */
export function withOwnTable(host: Host, settings: RoomSettings): RoomSettings {
  const { table, tags } = settings;
  const found = tablesOf(readChains(host)).filter(({ name }) => name === table);
  const isTaken =
    found.some(({ owner }) => !isOurs(owner, tags)) ||
    // Of no room like this one: whoever has made it has rules in it, and is not told when they go.
    (['inet', 'bridge'] as const).some(
      (family) => commentOf(host, table, family) !== undefined && !found.some((one) => one.family === family),
    );
  return isTaken ? { ...settings, table: tags.table.instead } : settings;
}

/** The table's comment, empty when it has none; undefined when there is no table. */
export function commentOf(host: Host, table: string, family: Family): string | undefined {
  let comment: string | undefined;
  const request: Request = {
    message: getTable({ family: FAMILY[family], table }),
    op: 'NFT_MSG_GETTABLE',
    path: `${family} ${table}`,
    tolerate: [ENOENT],
  };
  host.nfnl.transact([request], (reply) => {
    comment = parseTable(reply).comment ?? '';
  });
  return comment;
}

/** Tables of this kind that are not ours. Their rules are for every link of their prefix, whoever has made it. */
export function foreignTables(chains: readonly Chain[], tags: OwnTags): ForeignTable[] {
  return tablesOf(chains).flatMap(({ family, name, owner }) =>
    isOurs(owner, tags) ? [] : [{ table: `${family} ${name}`, owner }],
  );
}

/** Of all families. Throws SysError. */
export function readChains(host: Host): readonly Chain[] {
  return host.nfnl.collect(dumpChains(NFPROTO.UNSPEC), 'NFT_MSG_GETCHAIN dump', parseChain);
}

/** What an earlier version has made tells no owner: see OwnTags.former. */
function isOurs(owner: string | null, { table, former }: OwnTags): boolean {
  return owner === null ? former !== null : owner === table.owner;
}

function tablesOf(
  chains: readonly Chain[],
): { readonly family: string; readonly name: string; readonly owner: string | null }[] {
  const found = new Map<string, { family: string; name: string; owner: string | null }>();
  for (const { family: number, table, name } of chains) {
    const family = FAMILIES[number];
    const owner = name.startsWith(OWNER) ? name.slice(OWNER.length) : null;
    if (family === undefined || (owner === null && name !== EVERY)) continue;
    const key = `${family} ${table}`;
    found.set(key, { family, name: table, owner: owner ?? found.get(key)?.owner ?? null });
  }
  return [...found.values()];
}
