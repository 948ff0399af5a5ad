// Reading the host's links: counters for the metrics, owner tags for the reaper. One dump each, never one call a link.
import type { Host } from './host.js';
import { listNamespaces } from './namespaces.js';
import type { LinkStats, OwnedNetwork } from './types.js';

/** Counters of all host links whose name starts with `linkPrefix`, from one RTM_GETLINK dump. Throws SysError. */
export function readStats(host: Host, linkPrefix: string): LinkStats[] {
  const stats: LinkStats[] = [];
  const links = host.rtnl.links((link) => link.name.startsWith(linkPrefix), { counters: true });
  for (const { name, counters } of links) if (counters !== undefined) stats.push({ name, ...counters });
  return stats;
}

/** What exists and is tagged by netns name or ifalias. Throws SysError. */
export function listOwned(host: Host, prefixes: { netnsPrefix: string; ownerPrefix: string }): OwnedNetwork {
  const links = host.rtnl.links((link) => link.alias?.startsWith(prefixes.ownerPrefix) === true, { counters: false });
  return {
    netns: listNamespaces(prefixes.netnsPrefix),
    links: links.map(({ name, alias, index }) => ({ name, owner: alias ?? '', index })),
  };
}
