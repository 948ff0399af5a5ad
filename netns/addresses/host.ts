// What the host itself uses, for the question whether a pool is free: dumps of both families.
import type { Host } from '../host.js';
import { dumpAddresses, parseAddress } from '../netlink/address.js';
import { RTM } from '../netlink/constants.js';
import { familyOf } from '../netlink/inet.js';
import { dumpRoutes, parseRoute } from '../netlink/route.js';
import type { HostAddress, HostNetworks, HostRoute } from './conflict.js';

/** Routes of all tables and addresses of all links in the host's namespace, by link names. Throws SysError. */
export function readHostNetworks(host: Host): HostNetworks {
  const links = host.rtnl.links(() => true, { counters: false });
  const names = new Map(links.map(({ index, name }) => [index, name]));
  const nameOf = (index: number) => names.get(index) ?? `link ${index}`;
  const routes: HostRoute[] = [];
  const addresses: HostAddress[] = [];
  for (const family of [4, 6] as const) {
    // A kernel without IPv6 answers its dumps with those of every family there is.
    for (const { index, address, prefix } of host.rtnl.collect(dumpAddresses(family), 'RTM_GETADDR dump', (reply) =>
      reply.type === RTM.NEWADDR ? parseAddress(reply) : undefined,
    )) {
      if (familyOf(address) === family) addresses.push({ address, prefix, link: nameOf(index) });
    }
    for (const { index, ...route } of host.rtnl.collect(dumpRoutes(family), 'RTM_GETROUTE dump', (reply) =>
      reply.type === RTM.NEWROUTE ? parseRoute(reply) : undefined,
    )) {
      if (route.destination === undefined || familyOf(route.destination) !== family) continue;
      routes.push({ ...route, link: index === 0 ? null : nameOf(index) });
    }
  }
  return { routes, addresses };
}
