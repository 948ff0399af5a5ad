// Notifications as the kernel words them, in orders that a test with real ones cannot bring about.
import test from 'ava';
import { readFirewall } from '../../../netns/monitor/firewall.js';
import { HintSet } from '../../../netns/monitor/hints.js';
import { LinkReader } from '../../../netns/monitor/links.js';
import { newAddress } from '../../../netns/netlink/address.js';
import { attribute, nested, text, u8, u32 } from '../../../netns/netlink/attribute.js';
import { AF_INET, AF_INET6, IFF_UP, IFLA, NLM_F, RTM } from '../../../netns/netlink/constants.js';
import { message } from '../../../netns/netlink/message.js';
import { newRoute } from '../../../netns/netlink/route.js';

interface Shape {
  readonly index: number;
  readonly name: string;
  readonly up?: boolean;
  readonly mtu?: number;
  readonly nsid?: number;
  readonly family?: number;
}

function link(type: number, { index, name, up = true, mtu = 1500, nsid, family = 0 }: Shape): Buffer {
  const header = Buffer.alloc(16);
  header.writeUInt8(family, 0);
  header.writeInt32LE(index, 4);
  header.writeUInt32LE(up ? IFF_UP : 0, 8);
  const id = Buffer.alloc(4);
  id.writeInt32LE(nsid ?? 0);
  const body = [header, text(IFLA.IFNAME, name), u32(IFLA.MTU, mtu)];
  if (nsid !== undefined) body.push(attribute(IFLA.LINK_NETNSID, id));
  return message(type, 0, ...body);
}

function typed(request: Buffer, type: number, flags = 0): Buffer {
  request.writeUInt16LE(type, 4);
  request.writeUInt16LE(flags, 6);
  return request;
}

/** A reader of links that start with `bt`, and what it says of each notification in turn. */
function reader() {
  const links = new LinkReader((name) => name.startsWith('bt'));
  return (data: Buffer, nsid: number | null = null) => {
    const hints = new HintSet();
    links.read(data, nsid, hints);
    return hints.take().map(({ kind, link: of, object }) => `${kind} ${of} ${object}`);
  };
}

test('a link that was seen is a hint only when something of ours has changed', (t) => {
  const read = reader();
  t.deepEqual(read(link(RTM.NEWLINK, { index: 1, name: 'eth0', up: false })), []);
  t.deepEqual(read(link(RTM.DELLINK, { index: 1, name: 'eth0' })), []);
  t.deepEqual(read(link(RTM.NEWLINK, { index: 7, name: 'bta' })), []);
  t.deepEqual(read(link(RTM.NEWLINK, { index: 7, name: 'bta' })), []);
  t.deepEqual(read(link(RTM.NEWLINK, { index: 7, name: 'bta', mtu: 1400 })), ['link bta bta']);
  t.deepEqual(read(link(RTM.NEWLINK, { index: 7, name: 'bta', mtu: 1400, up: false })), ['link bta bta']);
  t.deepEqual(read(link(RTM.NEWLINK, { index: 7, name: 'bta', mtu: 1400, up: false })), []);
  t.deepEqual(read(link(RTM.NEWLINK, { index: 7, name: 'bta', mtu: 1400 })), []);
  t.deepEqual(read(link(RTM.NEWLINK, { index: 7, name: 'stolen', mtu: 1400 })), ['link bta bta']);
  t.deepEqual(read(link(RTM.DELLINK, { index: 7, name: 'stolen' })), ['link stolen stolen']);
  t.deepEqual(read(link(RTM.DELLINK, { index: 7, name: 'stolen' })), []);
});

test('a port that leaves its bridge has not gone', (t) => {
  const read = reader();
  const AF_BRIDGE = 7;
  read(link(RTM.NEWLINK, { index: 7, name: 'bta' }));
  t.deepEqual(read(link(RTM.DELLINK, { index: 7, name: 'bta', family: AF_BRIDGE })), []);
  t.deepEqual(read(link(RTM.NEWLINK, { index: 7, name: 'bta', mtu: 1 })), ['link bta bta']);
});

test('a port that is no longer isolated is a hint', (t) => {
  const read = reader();
  const AF_BRIDGE = 7;
  const port = (isolated: number) => {
    const header = Buffer.alloc(16);
    header.writeUInt8(AF_BRIDGE, 0);
    header.writeInt32LE(7, 4);
    return message(RTM.NEWLINK, 0, header, nested(12, u8(5, 3), u8(33, isolated)));
  };
  t.deepEqual(read(port(0)), []);
  read(link(RTM.NEWLINK, { index: 7, name: 'bta' }));
  t.deepEqual(read(port(1)), []);
  t.deepEqual(read(port(1)), []);
  t.deepEqual(read(port(0)), ['link bta bta']);
});

test('what happens in a namespace concerns the link that leads there, and only while it does', (t) => {
  const read = reader();
  t.deepEqual(read(link(RTM.DELLINK, { index: 2, name: 'eth0' }), 0), []);
  read(link(RTM.NEWLINK, { index: 7, name: 'bta', nsid: 0 }));
  t.deepEqual(read(link(RTM.NEWLINK, { index: 2, name: 'eth0' }), 0), ['link bta eth0']);
  t.deepEqual(read(link(RTM.NEWLINK, { index: 2, name: 'eth0' }), 0), []);
  t.deepEqual(read(link(RTM.DELLINK, { index: 2, name: 'eth0' }), 1), []);
  t.deepEqual(read(link(RTM.NEWLINK, { index: 7, name: 'btb', nsid: 0 })), ['link bta bta']);
  t.deepEqual(read(link(RTM.NEWLINK, { index: 2, name: 'eth0' }), 0), []);
  t.deepEqual(read(link(RTM.NEWLINK, { index: 7, name: 'btb', up: false })), ['link btb btb']);
  t.deepEqual(read(link(RTM.DELLINK, { index: 7, name: 'btb' })), ['link btb btb']);
  t.deepEqual(read(link(RTM.DELLINK, { index: 2, name: 'eth0' }), 0), []);
  read(link(RTM.NEWLINK, { index: 9, name: 'btc', nsid: 0 }));
  t.deepEqual(read(link(RTM.DELLINK, { index: 2, name: 'eth0' }), 0), ['link btc eth0']);
});

/** RTM_NEWNETCONF; 1 is NETCONFA_IFINDEX, 2 NETCONFA_FORWARDING. */
function netconf(family: number, index: number, forwarding?: number): Buffer {
  const signed = (value: number): Buffer => {
    const buffer = Buffer.alloc(4);
    buffer.writeInt32LE(value);
    return buffer;
  };
  const settings = forwarding === undefined ? [] : [attribute(2, signed(forwarding))];
  return message(RTM.NEWNETCONF, 0, Buffer.from([family, 0, 0, 0]), attribute(1, signed(index)), ...settings);
}

test('forwarding of the whole host that is turned off is a hint, of each family; nothing else of these settings is', (t) => {
  const read = reader();
  const [all, eth0] = [-1, 2];
  t.deepEqual(read(netconf(AF_INET, all, 0)), ['forwarding null ipv4']);
  t.deepEqual(read(netconf(AF_INET6, all, 0)), ['forwarding null ipv6']);
  t.deepEqual(read(netconf(AF_INET, all, 1)), []);
  t.deepEqual(read(netconf(AF_INET, eth0, 0)), []);
  t.deepEqual(read(netconf(AF_INET, all)), [], 'another setting');
  read(link(RTM.NEWLINK, { index: 7, name: 'bta', nsid: 3 }));
  t.deepEqual(read(netconf(AF_INET, all, 0), 3), [], 'inside a workload');
});

test('addresses and routes that go are hints, those that come are none', (t) => {
  const read = reader();
  read(link(RTM.NEWLINK, { index: 7, name: 'bta', nsid: 3 }));
  const address = newAddress({ index: 7, address: 'fd00::1', prefix: 128, scope: 'universe' });
  const route = (index: number) => newRoute({ destination: '10.0.0.5', prefix: 32, index, scope: 'link' }, 'replace');
  t.deepEqual(read(typed(address, RTM.NEWADDR)), []);
  t.deepEqual(read(typed(address, RTM.DELADDR)), ['address bta fd00::1']);
  t.deepEqual(read(typed(address, RTM.DELADDR), 3), ['address bta fd00::1']);
  t.deepEqual(read(typed(address, RTM.DELADDR), 4), []);
  t.deepEqual(read(typed(route(7), RTM.NEWROUTE)), []);
  t.deepEqual(read(typed(route(1), RTM.NEWROUTE, NLM_F.CREATE)), []);
  t.deepEqual(read(typed(route(1), RTM.NEWROUTE, NLM_F.REPLACE)), ['route bta 10.0.0.5/32']);
  t.deepEqual(read(typed(route(1), RTM.NEWROUTE, NLM_F.REPLACE)), []);
  t.deepEqual(read(typed(route(1), RTM.DELROUTE)), []);
  t.deepEqual(read(typed(route(7), RTM.DELROUTE)), ['route bta 10.0.0.5/32']);
  t.deepEqual(read(typed(route(1), RTM.DELROUTE), 3), ['route bta 10.0.0.5/32']);
});

test('changes of our tables that others asked for are told, once', (t) => {
  const NFT_MSG_DELRULE = 0x0a08;
  const NFT_MSG_NEWGEN = 0x0a0f;
  const change = (type: number, table: string, port: number) => {
    const out = message(type, 0, Buffer.alloc(4), text(1, table));
    out.writeUInt32LE(port, 12);
    return out;
  };
  const hints = new HintSet();
  const own = { tables: ['berth'], port: 77 };
  for (const data of [
    change(NFT_MSG_DELRULE, 'berth', 77),
    change(NFT_MSG_DELRULE, 'other', 5),
    change(NFT_MSG_NEWGEN, 'berth', 5),
    change(0x0108, 'berth', 5),
  ])
    readFirewall(data, own, hints);
  t.deepEqual(hints.take(), []);
  const twice = Buffer.concat([change(NFT_MSG_DELRULE, 'berth', 5), change(NFT_MSG_DELRULE, 'berth', 6)]);
  readFirewall(twice, own, hints);
  t.deepEqual(hints.take(), [{ kind: 'firewall', link: null, object: 'berth' }]);
});
