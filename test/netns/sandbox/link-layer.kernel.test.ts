// A workload that may send any frame it likes: what the host learns of its neighbours by it.
import { execFileSync } from 'node:child_process';
import test from 'ava';
import { removalOf } from '../../../netns/defaults.js';
import { readDrops } from '../../../netns/firewall/index.js';
import { openHost } from '../../../netns/host.js';
import { openNetworkRoom } from '../../../netns/index.js';
import { command, makeNames, type NamedNetwork, remains } from '../lab.js';

const names = makeNames(7);
const settings = names.settings(`berth-test-link-layer-${process.pid}`);
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

test.before(async () => {
  await room.setup(settings);
  await room.create(network);
});

test.after.always(async (t) => {
  await room.remove(removalOf(network));
  await room.teardown(settings);
  await room.close();
  t.deepEqual(await remains(network), []);
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
