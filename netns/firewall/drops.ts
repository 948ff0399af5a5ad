// What the firewall has dropped, by link and reason.
import type { Host } from '../host.js';
import { readText } from '../netlink/attribute.js';
import { DROP_REASONS, type Drops } from '../types.js';
import { readSet } from './read.js';
import { dropSet, type Family, REASONS } from './sets.js';
import { tableLoaded } from './setup.js';

/**
 * Packets dropped since the sandbox was made or the tables were loaded, of links that any were dropped of. What a
 * bridged workload sent beyond its bridge (egress, metadata, host, connections) is counted for the bridge: the inet
 * table sees no port. Throws SysError; ENOENT when the inet table is not loaded.
 */
export function readDrops(host: Host, table: string): Drops[] {
  const families: Family[] = tableLoaded(host, table, 'bridge') ? ['inet', 'bridge'] : ['inet'];
  const links = new Map<string, Map<string, number>>();
  for (const family of families)
    for (const reason of DROP_REASONS) {
      if (!(REASONS[family] as readonly string[]).includes(reason)) continue;
      for (const { element } of readSet(host, table, family, dropSet(reason))) {
        const { key, expression } = element;
        if (expression?.kind !== 'counter' || expression.packets === 0) continue;
        const link = readText(key, 0, key.length);
        const packets = links.get(link) ?? new Map<string, number>();
        links.set(link, packets.set(reason, (packets.get(reason) ?? 0) + expression.packets));
      }
    }
  return [...links].map(([link, packets]) => ({ link, packets: Object.fromEntries(packets) }));
}
