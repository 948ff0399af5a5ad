// Layouts as requests: one address or route each, with the words for its error.
import { constants } from 'node:os';
import { SysError } from '../../linux/errors.js';
import type { Host } from '../host.js';
import { newAddress } from '../netlink/address.js';
import { type Link, type LinkSettings, setLink } from '../netlink/link.js';
import { getRoute, newRoute, parseRoute } from '../netlink/route.js';
import type { Request } from '../rtnl.js';
import type { Placed, Way } from './layout.js';

const { EEXIST } = constants.errno;

export function up(index: number, name: string): Request {
  return { message: setLink({ index, up: true }), op: 'RTM_SETLINK', path: name, value: 'up' };
}

/** Changes a link; `value` of an error is what was to be set. */
export function settle(link: { readonly index: number }, settings: LinkSettings, name: string): Request {
  const value = Object.entries(settings)
    .map(([key, to]) => `${key} ${to}`)
    .join(' ');
  return { message: setLink({ ...settings, index: link.index }), op: 'RTM_SETLINK', path: name, value };
}

export function addressRequest(index: number, name: string, placed: Placed): Request {
  const message = newAddress({ index, ...placed });
  return { message, op: 'RTM_NEWADDR', path: name, value: `${placed.address}/${placed.prefix}` };
}

export function routeRequest(index: number, way: Way): Request {
  return { message: newRoute({ index, ...way }, 'replace'), op: 'RTM_NEWROUTE', path: nameOf(way) };
}

function nameOf(way: Way): string {
  return way.destination === undefined ? 'default' : `${way.destination}/${way.prefix}`;
}

/** The route of an address on the host is never taken from another link. Throws SysError EEXIST naming the holder. */
export function provideHostRoute(host: Host, link: Pick<Link, 'index' | 'name'>, way: Way): void {
  const request = { op: 'RTM_NEWROUTE', path: nameOf(way), value: link.name };
  const exclusive = { ...request, message: newRoute({ index: link.index, ...way }, 'exclusive'), tolerate: [EEXIST] };
  if (host.rtnl.transact([exclusive])[0] === 0) return;
  const holder = routeHolder(host, way);
  if (holder !== undefined && holder !== link.index) {
    const name = host.rtnl.link({ index: holder })?.name ?? `link ${holder}`;
    throw new SysError('RTM_NEWROUTE', EEXIST, { ...request, note: `the address is already routed to ${name}` });
  }
  host.rtnl.transact([{ ...request, message: newRoute({ index: link.index, ...way }, 'replace') }]);
}

function routeHolder(host: Host, { destination = '', prefix }: Way): number | undefined {
  let index: number | undefined;
  const request = { message: getRoute(destination), op: 'RTM_GETROUTE', path: destination };
  host.rtnl.transact([request], (reply) => {
    const route = parseRoute(reply);
    if (route.prefix === prefix) index = route.index;
  });
  return index;
}
