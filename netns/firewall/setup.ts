// The tables themselves: loaded at start, removed at the end.
import { constants } from 'node:os';
import type { Host } from '../host.js';
import { deleteTable } from '../netlink/nftables.js';
import type { RoomSettings } from '../types.js';
import { assertSettings, assertTable } from './check.js';
import { runNft } from './nft.js';
import { commentOf } from './owner.js';
import { FAMILY, type Family } from './sets.js';
import { loadText } from './table.js';

const { ENOENT } = constants.errno;

/**
 * Loads the tables in one transaction. Repeatable at any time: elements of sets stay, others' tables are not touched.
 * When an older version had made the sets otherwise, they start empty: apply all sandboxes again after every call.
 * `places` is where nft may be. Throws SysError; see `runNft` and `Nfnl` for the errors that an admin can mend.
 */
export function setupFirewall(host: Host, settings: RoomSettings, places?: readonly string[]): void {
  assertSettings(settings);
  const { table } = settings;
  const loaded = { inet: commentOf(host, table, 'inet'), bridge: commentOf(host, table, 'bridge') };
  runNft(tablesText(settings, loaded), table, places);
}

/** One transaction from what is loaded, by the comments of the tables, to what `settings` ask. Pure. */
export function tablesText(settings: RoomSettings, loaded: Readonly<Record<Family, string | undefined>>): string {
  const { table, bridges } = settings;
  const inet = loadText(settings, 'inet', loaded.inet);
  if (bridges.length === 0) return loaded.bridge === undefined ? inet : `${inet}delete table bridge ${table}\n`;
  // An inet table that is made anew does not know the workloads on bridges yet. Nothing that they send comes so far while the
  // table of their ports knows none of them, either.
  const isReplaced = inet.startsWith('delete');
  return inet + loadText(settings, 'bridge', isReplaced && loaded.bridge !== undefined ? '' : loaded.bridge);
}

/** Removes the tables; missing ones are fine. Throws SysError. */
export function teardownFirewall(host: Host, table: string): void {
  assertTable(table);
  for (const family of ['inet', 'bridge'] as const) {
    const message = deleteTable({ family: FAMILY[family], table });
    const request = { message, op: 'NFT_MSG_DELTABLE', path: `${family} ${table}`, tolerate: [ENOENT] };
    host.nfnl.commit([request]);
  }
}

/** Whether the table is there. Throws SysError. */
export function tableLoaded(host: Host, table: string, family: Family): boolean {
  return commentOf(host, table, family) !== undefined;
}
