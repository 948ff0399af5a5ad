// The requests that a network makes, as bytes and without a kernel: whoever is asked says yes to everything and keeps what was sent.
import { constants } from 'node:os';
import { Procfs } from '../../linux/procfs.js';
import { applyEntries } from '../../netns/firewall/index.js';
import type { Host } from '../../netns/host.js';
import { align } from '../../netns/netlink/attribute.js';
import { NLA_F_NESTED, NLM_F, NLMSG } from '../../netns/netlink/constants.js';
import { newVeth } from '../../netns/netlink/link.js';
import { HEADER_SIZE, message, parseMessages, setSequence } from '../../netns/netlink/message.js';
import { NFNL_SUBSYS, NFT_MSG } from '../../netns/netlink/netfilter-constants.js';
import { newTokenBucket } from '../../netns/netlink/traffic.js';
import { Nfnl } from '../../netns/nfnl.js';
import { Rtnl } from '../../netns/rtnl.js';
import { addressRequest, routeRequest, settle } from '../../netns/sandbox/face.js';
import { layoutOf } from '../../netns/sandbox/layout.js';
import { bucketOf } from '../../netns/shaping/rate.js';
import type { SandboxNetwork } from '../../netns/types.js';

const { ENOENT } = constants.errno;

class Recorder {
  readonly sent: Buffer[] = [];
  readonly #answers: Buffer[] = [];

  send(data: Buffer): void {
    this.sent.push(Buffer.from(data));
    for (const { type, flags, sequence } of parseMessages(data)) {
      if ((flags & NLM_F.ACK) === 0) continue;
      const body = Buffer.alloc(20);
      // There is no chain of this name yet.
      if (type === ((NFNL_SUBSYS.NFTABLES << 8) | NFT_MSG.GETCHAIN)) body.writeInt32LE(-ENOENT);
      const answer = message(NLMSG.ERROR, NLM_F.CAPPED, body);
      setSequence(answer, sequence);
      this.#answers.push(answer);
    }
  }

  receive(): Buffer {
    return this.#answers.shift() ?? Buffer.alloc(0);
  }

  close(): void {}
}

/** Datagrams of links, addresses, routes, token buckets and elements of the firewall. */
export function datagramsOf(network: SandboxNetwork): readonly Buffer[] {
  const recorder = new Recorder();
  const host: Host = {
    ...{ home: -1, directoryShared: true, fairQueues: undefined, settings: undefined, slots: new Map() },
    ...{ rtnl: new Rtnl(recorder), nfnl: new Nfnl(recorder), procfs: new Procfs(), close: () => {} },
  };
  const { hostLink, owner, mtu, group, mac, bandwidth, tap } = network;
  const { host: outer, eth0, tap: inner } = layoutOf(network);
  const faces = [[hostLink, outer] as const, ['eth0', eth0] as const, [tap?.name ?? 'tap0', inner] as const];
  host.rtnl.transact([
    {
      message: newVeth({ name: hostLink, alias: owner, mtu, group }, { name: 'eth0', mac, mtu }),
      ...{ op: 'RTM_NEWLINK', path: hostLink },
    },
    settle({ index: 7 }, { alias: owner, mtu, group, up: true }, hostLink),
    ...faces.flatMap(([name, { addresses, routes }]) => [
      ...addresses.map((placed) => addressRequest(7, name, placed)),
      ...routes.map((way) => routeRequest(7, way)),
    ]),
    ...[bandwidth.ingress, bandwidth.egress].flatMap((rate) =>
      rate === null
        ? []
        : [
            {
              message: newTokenBucket({ index: 7, handle: 0x10000, parent: 0xffffffff }, bucketOf(rate, mtu)),
              ...{ op: 'RTM_NEWQDISC', path: hostLink },
            },
          ],
    ),
  ]);
  applyEntries(host, 'berth', { add: [network], remove: [] });
  applyEntries(host, 'berth', { add: [], remove: [network] });
  return recorder.sent;
}

/** sizeof of the header behind that of netlink, by message type: struct ifinfomsg, ifaddrmsg, rtmsg, tcmsg, nfgenmsg. */
function familyHeader(type: number): number {
  if (type >= 0x100) return 4;
  if (type < 20) return 16;
  if (type < 24) return 8;
  return type < 28 ? 12 : 20;
}

/** What the kernel's parser would stumble over: lengths that do not add up, in a message or in an attribute at any depth. */
export function malformed(datagram: Buffer): string[] {
  const messages = parseMessages(datagram);
  const last = messages.at(-1);
  const told =
    last === undefined || align(last.end) < datagram.length ? [`torn after ${messages.length} messages`] : [];
  for (const { type, start, end, buffer } of messages) {
    // Those that begin and end a batch have none.
    if (type === 16 || type === 17) {
      if (end - start !== 4 && end - start !== 16 && !isWhole(buffer, start + 16, end)) told.push(`message ${type}`);
    } else if (!isWhole(buffer, start + familyHeader(type), end)) told.push(`message ${type} of ${end - start} bytes`);
    if (end - start + HEADER_SIZE > datagram.length) told.push(`message ${type} is longer than its datagram`);
  }
  return told;
}

function isWhole(buffer: Buffer, start: number, end: number): boolean {
  let at = start;
  while (at + 4 <= end) {
    const length = buffer.readUInt16LE(at);
    if (length < 4 || at + length > end) return false;
    const nested = (buffer.readUInt16LE(at + 2) & NLA_F_NESTED) !== 0;
    if (nested && !isWhole(buffer, at + 4, at + length)) return false;
    at += align(length);
  }
  return at >= end;
}
