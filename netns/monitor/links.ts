// Reads rtnetlink notifications of the host and of the sandboxes' namespaces. Only what was taken away or changed is a
// hint: additions harm nobody, and a carrier that comes and goes (a VMM attaching to its tap) changes nothing of ours.

import { parseAddress } from '../netlink/address.js';
import { eachAttribute, readText } from '../netlink/attribute.js';
import { parsePort } from '../netlink/bridge.js';
import { AF_UNSPEC, IFF_UP, IFLA, NLM_F, RTM } from '../netlink/constants.js';
import { type Message, parseMessages } from '../netlink/message.js';
import { parseForwardingOff } from '../netlink/netconf.js';
import { parseRoute } from '../netlink/route.js';
import type { HintSet } from './hints.js';

const IFINFOMSG = 16;
/** What of a link is ours to decide. */
const SETTINGS: ReadonlySet<number> = new Set([
  IFLA.ADDRESS,
  IFLA.IFNAME,
  IFLA.MTU,
  IFLA.MASTER,
  IFLA.IFALIAS,
  IFLA.GROUP,
]);

interface SeenLink {
  readonly name: string;
  readonly up: boolean;
  /** The attributes of SETTINGS, as bytes. */
  readonly settings: string;
  /** Id of the namespace in which the other end of a veth is. */
  readonly peerNetns: number | undefined;
}

interface Sandbox {
  readonly link: string;
  readonly inside: Map<number, SeenLink>;
}

/** Knows the links as last seen, on the host those that `watches` accepts by name, and in the namespaces behind them. */
export class LinkReader {
  readonly #watches: (name: string) => boolean;
  readonly #host = new Map<number, SeenLink>();
  readonly #sandboxes = new Map<number, Sandbox>();
  /** Of bridge ports by index, as far as the bridge has spoken of them. */
  readonly #isolated = new Map<number, boolean>();
  /** Links by the destination of their host routes. */
  readonly #routes = new Map<string, string>();

  constructor(watches: (name: string) => boolean) {
    this.#watches = watches;
  }

  /** Forgets everything; dumps of links and routes, read as notifications, fill it again. */
  clear(): void {
    this.#host.clear();
    this.#sandboxes.clear();
    this.#isolated.clear();
    this.#routes.clear();
  }

  /** One datagram; `nsid` null: of the host. */
  read(data: Buffer, nsid: number | null, hints: HintSet): void {
    for (const message of parseMessages(data)) this.readMessage(message, nsid, hints);
  }

  readMessage(message: Message, nsid: number | null, hints: HintSet): void {
    const { type } = message;
    if (type === RTM.NEWADDR) return;
    const sandbox = nsid === null ? undefined : this.#sandboxes.get(nsid);
    if (nsid !== null && sandbox === undefined) return;
    if (type === RTM.NEWNETCONF) {
      const off = nsid === null ? parseForwardingOff(message) : undefined;
      if (off !== undefined) hints.add('forwarding', null, off);
      return;
    }
    if (type === RTM.NEWLINK || type === RTM.DELLINK) this.#readLink(message, sandbox, hints);
    else if (type === RTM.DELADDR) this.#readAddress(message, sandbox, hints);
    else if (type === RTM.NEWROUTE || type === RTM.DELROUTE) this.#readRoute(message, sandbox, hints);
  }

  #readLink(message: Message, sandbox: Sandbox | undefined, hints: HintSet): void {
    const { buffer, start, end } = message;
    const index = buffer.readInt32LE(start + 4);
    if (buffer.readUInt8(start) !== AF_UNSPEC) {
      if (sandbox === undefined) this.#readPort(message, index, hints);
      return;
    }
    const seen = seenLink(buffer, start, end);
    const links = sandbox === undefined ? this.#host : sandbox.inside;
    const before = links.get(index);
    if (sandbox === undefined && before === undefined && !this.#watches(seen.name)) return;
    const name = before?.name ?? seen.name;
    const link = sandbox?.link ?? name;
    if (message.type === RTM.DELLINK) {
      links.delete(index);
      if (sandbox === undefined) this.#isolated.delete(index);
      if (sandbox === undefined) this.#forget(before);
      hints.add('link', link, name);
      return;
    }
    // While a pair is taken down its messages no longer say where the other end is.
    const peerNetns = seen.peerNetns ?? before?.peerNetns;
    links.set(index, { ...seen, peerNetns });
    if (sandbox === undefined && peerNetns !== undefined) this.#follow(peerNetns, name, seen.name);
    const changed = before === undefined ? sandbox !== undefined : before.settings !== seen.settings;
    if (changed || (!seen.up && before?.up !== false)) hints.add('link', link, name);
  }

  // The bridge speaks of its ports as AF_BRIDGE, where RTM_DELLINK means that the port has left it: that shows in the
  // IFLA_MASTER of the link, too. A port that is no longer isolated shows here only.
  #readPort(message: Message, index: number, hints: HintSet): void {
    const link = this.#host.get(index)?.name;
    const isolated = parsePort(message).isolated;
    if (link === undefined || isolated === undefined) return;
    const before = this.#isolated.get(index);
    this.#isolated.set(index, isolated);
    if (before !== undefined && before !== isolated) hints.add('link', link, link);
  }

  #follow(nsid: number, before: string, name: string): void {
    const known = this.#sandboxes.get(nsid);
    if (known?.link === name) return;
    const inside = known?.link === before ? known.inside : new Map<number, SeenLink>();
    this.#sandboxes.set(nsid, { link: name, inside });
  }

  // The kernel gives the id to the next namespace.
  #forget(link: SeenLink | undefined): void {
    if (link?.peerNetns === undefined) return;
    if (this.#sandboxes.get(link.peerNetns)?.link === link.name) this.#sandboxes.delete(link.peerNetns);
  }

  #readAddress(message: Message, sandbox: Sandbox | undefined, hints: HintSet): void {
    const { index, address } = parseAddress(message);
    const link = sandbox?.link ?? this.#host.get(index)?.name;
    if (link !== undefined) hints.add('address', link, address);
  }

  #readRoute(message: Message, sandbox: Sandbox | undefined, hints: HintSet): void {
    const { destination = 'default', prefix, index } = parseRoute(message);
    const object = `${destination}/${prefix}`;
    if (sandbox !== undefined) {
      if (message.type === RTM.DELROUTE) hints.add('route', sandbox.link, object);
      return;
    }
    const holder = this.#routes.get(object);
    const link = this.#host.get(index)?.name;
    if (message.type === RTM.DELROUTE) {
      if (link === undefined) return;
      if (holder === link) this.#routes.delete(object);
      hints.add('route', link, object);
    } else if (link !== undefined) {
      this.#routes.set(object, link);
    } else if (holder !== undefined && (message.flags & NLM_F.REPLACE) !== 0) {
      this.#routes.delete(object);
      hints.add('route', holder, object);
    }
  }
}

function seenLink(buffer: Buffer, start: number, end: number): SeenLink {
  let name = '';
  let settings = '';
  let peerNetns: number | undefined;
  eachAttribute(buffer, start + IFINFOMSG, end, (type, from, to) => {
    if (type === IFLA.IFNAME) name = readText(buffer, from, to);
    if (type === IFLA.LINK_NETNSID) peerNetns = buffer.readInt32LE(from);
    else if (SETTINGS.has(type)) settings += `${type}:${buffer.toString('latin1', from, to)};`;
  });
  const up = (buffer.readUInt32LE(start + 8) & IFF_UP) !== 0;
  return { name, up, settings, peerNetns };
}
