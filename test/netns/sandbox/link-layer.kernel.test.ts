// A workload that may send any frame it likes: what the host learns of its neighbours by it.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { removalOf } from '../../../netns/defaults.js';
import { readDrops } from '../../../netns/firewall/index.js';
import { openHost } from '../../../netns/host.js';
import { openNetworkRoom } from '../../../netns/index.js';
import type { DropReason } from '../../../netns/types.js';
import { command, makeNames, type NamedNetwork, remains } from '../lab.js';

const names = makeNames(7);
// As a node has it that says nothing: workloads open no connections to the host.
const settings = { ...names.settings(`berth-test-link-layer-${process.pid}`), hostAccess: false };
const room = openNetworkRoom();
const FRAMES = 400;
const network: NamedNetwork = { ...names.sandbox(1), address6: 'fd00:99::1' };

/** `FRAMES` requests for the gateway's MAC, each from another sender. */
const FLOOD = `
import socket, struct, sys
mac = bytes.fromhex(sys.argv[1].replace(":", ""))
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(("eth0", 0))
def total(data):
  n = sum(struct.unpack("!%dH" % (len(data) // 2), data))
  n = (n & 0xffff) + (n >> 16)
  return ~((n & 0xffff) + (n >> 16)) & 0xffff
for i in range(1, ${FRAMES} + 1):
  if sys.argv[2] == "arp":
    who = socket.inet_aton("10.%d.%d.9" % (90 + i // 250, i % 250))
    arp = struct.pack("!HHBBH", 1, 0x800, 6, 4, 1) + mac + who + bytes(6) + socket.inet_aton("169.254.1.1")
    s.send(b"\\xff" * 6 + mac + b"\\x08\\x06" + arp)
  else:
    who = socket.inet_pton(socket.AF_INET6, "fe80::%x" % (0x1000 + i))
    target = socket.inet_pton(socket.AF_INET6, "fe80::1")
    to = socket.inet_pton(socket.AF_INET6, "ff02::1:ff00:1")
    ask = struct.pack("!BBHI", 135, 0, 0, 0) + target + b"\\x01\\x01" + mac
    check = total(who + to + struct.pack("!II", len(ask), 58) + ask)
    ask = ask[:2] + struct.pack("!H", check) + ask[4:]
    s.send(b"\\x33\\x33\\xff\\x00\\x00\\x01" + mac + b"\\x86\\xdd" + struct.pack("!IHBB", 6 << 28, len(ask), 58, 255) + who + to + ask)
`;

const GUEST = fileURLToPath(new URL('../../../../test/netns/sandbox/guest.py', import.meta.url));
const microvm: NamedNetwork = { ...names.microvm(2), address6: 'fd00:99::2' };

const COUNT = 20;
/** Frames of a guest that wants to be more than a host of its link, `COUNT` of the kind that is named. Source addresses are its own. */
const ODD = `
import socket, struct, sys
mac, kind = bytes.fromhex(sys.argv[1].replace(":", "")), sys.argv[2]
own, own6 = socket.inet_aton(sys.argv[3]), socket.inet_pton(socket.AF_INET6, sys.argv[4])
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(("eth0", 0))
def total(data):
  data += bytes(len(data) % 2)
  n = sum(struct.unpack("!%dH" % (len(data) // 2), data))
  n = (n & 0xffff) + (n >> 16)
  return ~((n & 0xffff) + (n >> 16)) & 0xffff
def v4(source, target, body):
  head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), 0, 0, 64, 17, 0) + source + target
  return b"\\x08\\x00" + head[:10] + struct.pack("!H", total(head)) + head[12:] + body
def v6(source, target, following, body):
  return b"\\x86\\xdd" + struct.pack("!IHBB", 6 << 28, len(body), following, 255) + source + target + body
def icmp6(source, target, body):
  check = total(source + target + struct.pack("!II", len(body), 58) + body)
  return body[:2] + struct.pack("!H", check) + body[4:]
def udp(sport, dport, body):
  return struct.pack("!HHHH", sport, dport, 8 + len(body), 0) + body
every = socket.inet_pton(socket.AF_INET6, "ff02::1")
local = socket.inet_pton(socket.AF_INET6, "fe80::99")
nobody = socket.inet_pton(socket.AF_INET6, "fe80::66")
prefix = struct.pack("!BBBBIII", 3, 4, 64, 0xc0, 3600, 3600, 0) + socket.inet_pton(socket.AF_INET6, "2001:db8:bad::")
advert = struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 1800, 0, 0) + prefix + b"\\x01\\x01" + mac
broadcast, group, group6 = b"\\xff" * 6, b"\\x01\\x00\\x5e\\x00\\x00\\x01", b"\\x33\\x33\\x00\\x00\\x00\\x01"
offer = struct.pack("!BBBBIHH4s4s4s4s", 2, 1, 6, 0, 7, 0, 0x8000, bytes(4), bytes(4), own, bytes(4)) + mac + bytes(202) + b"\\x63\\x82\\x53\\x63\\x35\\x01\\x02\\xff"
frames = {
  "advert": (group6, v6(local, every, 58, icmp6(local, every, advert))),
  "advert behind a header": (group6, v6(local, every, 0, struct.pack("!BBBBI", 58, 0, 1, 4, 0) + icmp6(local, every, advert))),
  "offer": (broadcast, v4(own, b"\\xff" * 4, udp(67, 68, offer))),
  "storm": (group, v4(own, socket.inet_aton("224.0.0.1"), udp(5353, 5353, bytes(40)))),
  "storm6": (group6, v6(own6, every, 17, udp(5353, 5353, bytes(40)))),
  "forged behind a header": (group6, v6(socket.inet_pton(socket.AF_INET6, "2001:db8::66"), every, 60, struct.pack("!BBBBI", 17, 0, 1, 4, 0) + udp(1, 2, bytes(8)))),
  "for made-up neighbours": (b"\\xee" * 6, v6(own6, nobody, 17, udp(1000, 2000, bytes(8)))),
  "tagged": (broadcast, b"\\x81\\x00\\x00\\x05" + v4(own, b"\\xff" * 4, udp(67, 68, offer))),
}
to, rest = frames[kind]
for i in range(${COUNT}): s.send(to + mac + rest)
`;

test.before(async () => {
  await room.setup(settings);
  await room.create(network);
  await room.create(microvm);
});

test.after.always(async (t) => {
  for (const one of [network, microvm]) await room.remove(removalOf(one));
  await room.teardown(settings);
  await room.close();
  for (const one of [network, microvm]) t.deepEqual(await remains(one), []);
});

function flood(kind: 'arp' | 'nd'): void {
  const inside = ['netns', 'exec', network.netns, '/usr/bin/python3', '-c', FLOOD, network.mac, kind];
  execFileSync('ip', inside, { stdio: 'pipe' });
}

async function neighbours(family: 4 | 6): Promise<readonly string[]> {
  const text = await command(`ip -${family} neigh show dev ${network.hostLink} nud all`);
  return text.split('\n').filter((line) => line.includes('lladdr'));
}

test.serial('ARP from made-up senders is not learned, and its own is', async (t) => {
  await command(`ip netns exec ${network.netns} ping -c1 -W2 169.254.1.1`);
  flood('arp');
  const learned = await neighbours(4);
  t.deepEqual(
    learned.map((line) => line.split(' ')[0]),
    [network.address],
  );
  await command(`ping -c1 -W2 ${network.address}`);
});

test.serial('neighbour discovery from made-up senders is bounded and counted, and its own goes on', async (t) => {
  flood('nd');
  const learned = (await neighbours(6)).length;
  t.true(learned > 0, 'a guest may give itself an address of the link');
  t.true(learned < FRAMES / 4, `${learned} of ${FRAMES}`);
  const host = openHost();
  try {
    const drops = readDrops(host, settings.table).find(({ link }) => link === network.hostLink);
    t.true((drops?.packets.packets ?? 0) > FRAMES / 2, JSON.stringify(drops));
  } finally {
    host.close();
  }
  await command(`ping -6 -c1 -W2 ${network.address6}`);
});

/** Frames that the namespace of the microVM has dropped since it was made, or made anew. */
async function droppedInside(): Promise<number> {
  const rules = await command(`ip netns exec ${microvm.netns} /usr/sbin/nft list table ip6 berth-discovery`);
  return Number(/counter packets (\d+)/.exec(rules)?.[1]);
}

for (const [kind, how] of Object.entries({
  solicit: 'asks for the gateway from made-up senders',
  solicit_routed: 'asks for the gateway from made-up senders beyond the link',
  solicit_router: 'asks for routers from made-up senders',
  echo: 'has answers sent to made-up addresses',
  forward: 'sends to made-up neighbours from its own address',
}))
  test.serial(`a guest behind a tap that ${how} fills no neighbour table, is counted, and is reached`, async (t) => {
    // The burst is whole again.
    await room.create(microvm);
    const inside = ['/usr/bin/python3', GUEST, 'tap0', microvm.mac, microvm.address6 ?? '', kind, String(FRAMES)];
    const guest = spawn('ip', ['netns', 'exec', microvm.netns, ...inside], { stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = once(guest, 'exit');
    try {
      await once(guest.stdout, 'data');
      const known = await command(`ip -n ${microvm.netns} -6 neigh show dev tap0 nud all`);
      const learned = known.split('\n').filter((line) => /^(fe80|2001:db8):/.test(line)).length;
      t.true(learned > 0, `${kind} is learned at all`);
      t.true(learned < FRAMES / 4, `${learned} of ${FRAMES}`);
      t.true((await droppedInside()) > FRAMES / 2);
      // Until one of them is answered, eight seconds at most.
      await command(`ping -6 -c1 -i0.5 -w8 ${microvm.address6}`);
    } finally {
      guest.kill('SIGKILL');
      await ended;
      await command(`ip -n ${microvm.netns} -6 neigh flush dev tap0`);
    }
  });

/** What the host knows and does at this link. */
async function hostSide(): Promise<string> {
  const { hostLink } = network;
  const asked = ['-6 -o addr show dev', '-6 route show dev', '-4 route show dev'].map((what) =>
    command(`ip ${what} ${hostLink}`),
  );
  return (await Promise.all(asked)).join('\n');
}

function droppedAs(reason: DropReason): number {
  const host = openHost();
  try {
    const found = readDrops(host, settings.table).find(({ link }) => link === network.hostLink);
    return found?.packets[reason] ?? 0;
  } finally {
    host.close();
  }
}

/** Why they are dropped. A frame with a VLAN tag is for a device that the host does not have, and gets to no filter. */
const KINDS: Readonly<Record<string, DropReason | undefined>> = {
  ...{ advert: 'spoofed', 'advert behind a header': 'spoofed', 'forged behind a header': 'spoofed' },
  ...{ offer: 'host', storm: 'host', storm6: 'host', 'for made-up neighbours': 'host', tagged: undefined },
};

for (const [kind, reason] of Object.entries(KINDS))
  test.serial(`a guest that sends "${kind}" changes nothing at the host, and is counted`, async (t) => {
    // What the guest's kernel says of itself may be counted for its rate meanwhile.
    const [before, dropped] = [await hostSide(), droppedAs(reason ?? 'host')];
    execFileSync('ip', oddly(kind), { stdio: 'pipe' });
    t.is(droppedAs(reason ?? 'host') - dropped, reason === undefined ? 0 : COUNT);
    t.is(await hostSide(), before);
  });

function oddly(kind: string): string[] {
  const { netns, mac, address, address6 } = network;
  return ['netns', 'exec', netns, '/usr/bin/python3', '-c', ODD, mac, kind, address, address6 ?? ''];
}
