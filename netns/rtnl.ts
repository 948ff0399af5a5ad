// Links and routes over one rtnetlink socket.
import { constants } from 'node:os';
import { NetlinkSocket } from '../linux/netlink-socket.js';
import { RTM } from './netlink/constants.js';
import { dumpLinks, getLink, type Link, parseLink } from './netlink/link.js';
import { NetlinkClient, type Transport } from './netlink-client.js';

export type { Request, Transport } from './netlink-client.js';

const { ENODEV } = constants.errno;

export class Rtnl extends NetlinkClient {
  constructor(socket: Transport = NetlinkSocket.open()) {
    super(socket);
  }

  /** The link of this name or index, or undefined. */
  link(which: { readonly name: string } | { readonly index: number }): Link | undefined {
    let found: Link | undefined;
    const path = 'name' in which ? which.name : `#${which.index}`;
    const request = { message: getLink(which), op: 'RTM_GETLINK', path, tolerate: [ENODEV] };
    this.transact([request], (reply) => {
      if (reply.type === RTM.NEWLINK) found = parseLink(reply);
    });
    return found;
  }

  /** All links for which `keep` says yes. `counters` asks for IFLA_STATS64 too. */
  links(keep: (link: Link) => boolean, options: { readonly counters: boolean }): Link[] {
    let links: Link[] = [];
    const restart = () => {
      links = [];
    };
    this.dump(dumpLinks(options.counters), 'RTM_GETLINK dump', restart, (reply) => {
      if (reply.type !== RTM.NEWLINK) return;
      const link = parseLink(reply);
      if (keep(link)) links.push(link);
    });
    return links;
  }
}
