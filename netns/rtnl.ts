// Links and routes over one rtnetlink socket.
import { constants } from 'node:os';
import { NetlinkSocket } from '../linux/netlink-socket.js';
import { RTM } from './netlink/constants.js';
import { dumpLinks, getLink, type Link, parseLink } from './netlink/link.js';
import { getNsid, parseNsid } from './netlink/nsid.js';
import { NetlinkClient, type Transport } from './netlink-client.js';

export type { Request, Transport } from './netlink-client.js';

const { ENODEV } = constants.errno;

export class Rtnl extends NetlinkClient {
  constructor(socket: Transport = NetlinkSocket.open()) {
    super(socket);
  }

  /** The link of this name or index, or undefined. `counters` asks for IFLA_STATS64 too. */
  link(which: { readonly name: string } | { readonly index: number }, options = { counters: false }): Link | undefined {
    let found: Link | undefined;
    const path = 'name' in which ? which.name : `#${which.index}`;
    const request = { message: getLink(which, options.counters), op: 'RTM_GETLINK', path, tolerate: [ENODEV] };
    this.transact([request], (reply) => {
      if (reply.type === RTM.NEWLINK) found = parseLink(reply);
    });
    return found;
  }

  /** All links for which `keep` says yes. `counters` asks for IFLA_STATS64 too. */
  links(keep: (link: Link) => boolean, options: { readonly counters: boolean }): Link[] {
    return this.collect(dumpLinks(options.counters), 'RTM_GETLINK dump', (reply) => {
      if (reply.type !== RTM.NEWLINK) return undefined;
      const link = parseLink(reply);
      return keep(link) ? link : undefined;
    });
  }

  /** The number that the namespace of this socket has for the one behind `fd`; undefined: none. */
  nsid(fd: number): number | undefined {
    let found: number | undefined;
    this.transact([{ message: getNsid(fd), op: 'RTM_GETNSID', path: `descriptor ${fd}` }], (reply) => {
      found ??= parseNsid(reply);
    });
    return found;
  }
}
