// What is in the tables, by dumps of their sets.
import { constants } from 'node:os';
import { SysError } from '../../linux/errors.js';
import type { Host } from '../host.js';
import { dumpElements, parseElements } from '../netlink/set-element.js';
import type { Entry } from './entries.js';
import { dropSet, FAMILY, type Family, REASONS, SETS } from './sets.js';

/**
 * All elements of the table that belong to sandboxes: those we put in and the drop counters by link.
 * Throws SysError; ENOENT when the table is not loaded.
 */
export function readEntries(host: Host, table: string, family: Family): Entry[] {
  const sets = [...Object.keys(SETS[family]), ...REASONS[family].map(dropSet)];
  return sets.flatMap((set) => readSet(host, table, family, set));
}

/** The elements of one set. Throws SysError; ENOENT when the table is not loaded. */
export function readSet(host: Host, table: string, family: Family, set: string): Entry[] {
  const path = `${family} ${table} ${set}`;
  try {
    const message = dumpElements({ family: FAMILY[family], table, set });
    const parts = host.nfnl.collect(message, `NFT_MSG_GETSETELEM dump ${path}`, parseElements);
    return parts.flat().map((element) => ({ family, set, element }));
  } catch (error) {
    if (!(error instanceof SysError) || error.errno !== constants.errno.ENOENT) throw error;
    throw new SysError('NFT_MSG_GETSETELEM', error.errno, { path, note: `table ${table} is not loaded` });
  }
}
