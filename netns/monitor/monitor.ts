// Hears of what others change in our links, addresses, routes, tables and namespaces. Two sockets, looked at a few times
// a second without waiting: no thread of its own, and nothing to do while nothing happens.
import { codeOf } from '../../linux/errors.js';
import { NetlinkListener } from '../../linux/netlink-listener.js';
import { NETLINK_NETFILTER, NETLINK_ROUTE } from '../../linux/netlink-socket.js';
import type { Host } from '../host.js';
import { dumpLinks } from '../netlink/link.js';
import type { Message } from '../netlink/message.js';
import { dumpRoutes } from '../netlink/route.js';
import { type OwnFirewall, readFirewall } from './firewall.js';
import { type Hint, HintSet } from './hints.js';
import { LinkReader } from './links.js';
import { NameReader } from './names.js';

export interface MonitorOptions {
  /** Host links whose name starts with this are ours. */
  readonly linkPrefix: string;
  /** Further host links that matter: bridges. */
  readonly links?: readonly string[];
  /** Names in /run/netns that start with this are ours. */
  readonly netnsPrefix: string;
  /** Names of our nft tables. */
  readonly tables: readonly string[];
  /** Time between two looks; default 250 ms. */
  readonly intervalMs?: number;
  /** What may wait between two looks, for each of two sockets; default 16 MiB, taken only when needed. */
  readonly bufferBytes?: number;
  /** Never called with none, nor from within `own`. */
  readonly onHints: (hints: readonly Hint[]) => void;
}

export interface Monitor {
  /**
   * Runs a change of our own. What is heard during it of `names` (host links, names in /run/netns) is not a hint:
   * the kernel does not say who asked for a change of a link. `body` must be synchronous.
   */
  own<T>(names: readonly string[], body: () => T): T;
  /** Looks now instead of at the next tick. */
  poll(): void;
  close(): void;
}

const RTNLGRP = {
  ...{ LINK: 1, IPV4_IFADDR: 5, IPV4_ROUTE: 7, IPV6_IFADDR: 9, IPV6_ROUTE: 11 },
  ...{ IPV4_NETCONF: 24, IPV6_NETCONF: 25 },
} as const;
const NFNLGRP_NFTABLES = 7;
const INTERVAL_MS = 250;
const DIRECTORY = '/run/netns';
// A sandbox that is made notifies about 20 times, with some kB of kernel memory each.
const BUFFER_BYTES = 16 * 1024 * 1024;
/** Beyond that a flood waits for the next look, so that it cannot keep the thread. */
const LARGEST_LOOK = 20_000;

/** Opens on the thread that opened `host`, and looks from its timers. Throws SysError. */
export function openMonitor(host: Host, options: MonitorOptions): Monitor {
  const { bufferBytes = BUFFER_BYTES } = options;
  const routes = NetlinkListener.open({
    protocol: NETLINK_ROUTE,
    groups: Object.values(RTNLGRP),
    allNamespaces: true,
    bufferBytes,
  });
  const tables = attempt([routes], () =>
    NetlinkListener.open({
      protocol: NETLINK_NETFILTER,
      groups: [NFNLGRP_NFTABLES],
      allNamespaces: false,
      bufferBytes,
    }),
  );
  const { linkPrefix, links = [], onHints } = options;
  const own: OwnFirewall = { tables: options.tables, port: attempt([routes, tables], () => host.nfnl.port) };
  const hints = new HintSet();
  const reader = new LinkReader((name) => name.startsWith(linkPrefix) || links.includes(name));
  const names = attempt([routes, tables], () => new NameReader(DIRECTORY, options.netnsPrefix));

  // Only sockets that listen already miss nothing behind the dump.
  const learn = () => {
    const none = new HintSet();
    const visit = (reply: Message) => reader.readMessage(reply, null, none);
    host.rtnl.dump(dumpLinks(false), 'RTM_GETLINK dump', () => reader.clear(), visit);
    for (const family of [4, 6] as const) host.rtnl.dump(dumpRoutes(family), 'RTM_GETROUTE dump', () => {}, visit);
  };
  const listen = () => {
    let lost = drain(routes, (data, nsid) => reader.read(data, nsid, hints));
    lost = drain(tables, (data) => readFirewall(data, own, hints)) || lost;
    if (!lost) return;
    hints.add('lost', null, 'notifications');
    learn();
  };
  const poll = () => {
    listen();
    names.read(hints);
    const found = hints.take();
    if (found.length > 0) onHints(found);
  };

  attempt([routes, tables], learn);
  const timer = setInterval(poll, options.intervalMs ?? INTERVAL_MS).unref();
  return {
    own(ours, body) {
      listen();
      const before = hints.take();
      try {
        return body();
      } finally {
        listen();
        hints.forget(new Set(ours));
        names.forget(ours);
        for (const { kind, link, object } of before) hints.add(kind, link, object);
      }
    },
    poll,
    close() {
      clearInterval(timer);
      routes.close();
      tables.close();
    },
  };
}

function attempt<T>(opened: readonly NetlinkListener[], body: () => T): T {
  try {
    return body();
  } catch (error) {
    for (const listener of opened) listener.close();
    throw error;
  }
}

/** Hands over what waits; true when something was lost. */
function drain(listener: NetlinkListener, visit: (data: Buffer, nsid: number | null) => void): boolean {
  let lost = false;
  for (let count = 0; count < LARGEST_LOOK; count++) {
    try {
      const next = listener.next();
      if (next === undefined) return lost;
      visit(next.data, next.nsid);
    } catch (error) {
      if (codeOf(error) !== 'ENOBUFS') throw error;
      lost = true;
    }
  }
  return lost;
}
