import type { ForeignTable } from '../../netns/types.js';
import { type Installation, nameInstallation } from '../model/tags.js';

/** nft tables of other installations, each with whose it is. Those are looked up only where there are any. */
export function namedTables(tables: readonly ForeignTable[], installation: Pick<Installation, 'others'>): string[] {
  if (tables.length === 0) return [];
  const others = installation.others();
  return tables.map(({ table, owner }) => `${table}, of ${nameInstallation(owner, others)}`);
}
