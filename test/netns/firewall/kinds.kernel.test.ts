// IPv6 and bridges, with links made by hand.
import test from 'ava';
import { readDrops } from '../../../netns/firewall/index.js';
import type { DropReason, SandboxNetwork } from '../../../netns/types.js';
import { command } from '../lab.js';
import { Lab, NET } from './lab.js';

const lab = await Lab.open(4);
const made: string[] = [];

test.before(async () => {
  lab.setup({
    ...lab.settings,
    masquerade: [...lab.settings.masquerade, 'fd00:88::/64', '10.88.0.0/24'],
    bridges: [{ name: 'br0', addresses: ['10.88.0.1/24'], vlanFiltering: false }],
  });
  await lab.serve(lab.outsideNetns, 80);
  await lab.serve(null, 81);
  for (const line of ['ip link add br0 type bridge', 'ip address add 10.88.0.1/24 dev br0', 'ip link set br0 up'])
    await command(line);
});
test.after.always(async () => {
  for (const netns of made) await command(`ip netns delete ${netns}`);
  await lab.close();
});

function dropped(link: string, reason: DropReason): number {
  return readDrops(lab.host, lab.settings.table).find((drops) => drops.link === link)?.packets[reason] ?? 0;
}

async function bare(network: SandboxNetwork): Promise<(line: string) => Promise<string>> {
  const { hostLink, mac, netns, group } = network;
  await command(`ip netns add ${netns}`);
  made.push(netns ?? '');
  await command(`ip link add ${hostLink} group ${group} type veth peer name eth0 address ${mac} netns ${netns}`);
  await command(`ip link set ${hostLink} up`);
  await command(`ip -n ${netns} link set eth0 up`);
  return (line) => command(`ip netns exec ${netns} ${line}`);
}

async function routed6(number: number, firewall: Partial<SandboxNetwork['firewall']>): Promise<SandboxNetwork> {
  const plain = lab.names.sandbox(number);
  const network = { ...plain, address6: `fd00:88::${number}`, firewall: { ...plain.firewall, ...firewall } };
  lab.apply([network], []);
  const inside = await bare(network);
  await command(`ip address add fe80::1/64 dev ${network.hostLink} nodad`);
  await command(`ip route add ${network.address6}/128 dev ${network.hostLink}`);
  await inside(`ip address add ${network.address6}/128 dev eth0 nodad`);
  await inside('ip route add default via fe80::1 dev eth0');
  return network;
}

test.serial('IPv6: neighbours, addresses, egress, published ports', async (t) => {
  const one = await routed6(1, { ports: [{ protocol: 'tcp', host: 8080, guest: 80 }] });
  const inside = (line: string) => command(`ip netns exec ${one.netns} ${line}`);
  t.is(await lab.ask(one.netns, 'tcp', NET.outside6, 80), `tcp ${NET.host6}`);
  t.is(await lab.ask(one.netns, 'tcp', NET.host6, 81), 'silence');
  t.true(dropped(one.hostLink, 'host') > 0);
  await lab.serve(one.netns, 80);
  t.is(await lab.ask(lab.outsideNetns, 'tcp', NET.host6, 8080), `tcp ${NET.outside6}`);
  t.is(await lab.ask(one.netns, 'tcp', NET.host6, 8080), `tcp ${NET.host6}`);
  t.is(dropped(one.hostLink, 'spoofed'), 0);
  await inside('ip address add fd00:88::bad/128 dev eth0 nodad');
  await t.throwsAsync(inside(`ping -c2 -i0.2 -W1 -I fd00:88::bad ${NET.outside6}`));
  t.is(dropped(one.hostLink, 'spoofed'), 2);
  await inside('ip address del fd00:88::bad/128 dev eth0');
  const denied = { ...one, firewall: { ...one.firewall, egress: { default: 'deny', allow: [], deny: [] } } } as const;
  lab.apply([denied], [one]);
  t.is(await lab.ask(one.netns, 'tcp', NET.outside6, 80), 'EACCES');
  t.true(dropped(one.hostLink, 'egress') > 0);
});

test.serial('ports of a bridge: forged frames, ARP, limits', async (t) => {
  const port = (number: number): SandboxNetwork => ({
    ...lab.names.sandbox(number),
    address: `10.88.0.${number}`,
    attachment: {
      mode: 'bridge',
      bridge: 'br0',
      prefix: 24,
      gateway: '10.88.0.1',
      prefix6: null,
      gateway6: null,
      isolated: false,
      vlan: null,
    },
  });
  const [one, two] = [port(11), port(12)];
  const shells: ((line: string) => Promise<string>)[] = [];
  for (const network of [one, two]) {
    const inside = await bare(network);
    await command(`ip link set ${network.hostLink} master br0`);
    await inside(`ip address add ${network.address}/24 dev eth0`);
    await inside('ip route add default via 10.88.0.1');
    shells.push(inside);
  }
  const [first, second] = shells;
  if (first === undefined || second === undefined) return t.fail();
  lab.apply([one, two], []);
  await first(`ping -c1 -W1 ${two.address}`);
  t.is(await lab.ask(one.netns, 'tcp', NET.outside, 80), `tcp ::ffff:${NET.host}`);
  t.is(await lab.ask(one.netns, 'tcp', '10.88.0.1', 81), 'silence');
  t.true(dropped('br0', 'host') > 0);

  await first('ip address add 10.88.0.77/24 dev eth0');
  const before = dropped(one.hostLink, 'spoofed');
  await t.throwsAsync(first(`ping -c2 -i0.2 -W1 -I 10.88.0.77 ${two.address}`));
  t.true(dropped(one.hostLink, 'spoofed') >= before + 2);
  // The neighbour never learns the forged address.
  await t.throwsAsync(second('ping -c1 -W1 10.88.0.77'));
  const entry = await second('ip neighbour show 10.88.0.77');
  t.false(entry.includes('lladdr'), entry);

  lab.apply([{ ...two, firewall: { ...two.firewall, packets: { ingress: 10, egress: null } } }], [two]);
  const flood = await first(`ping -q -c100 -i0.002 -W1 -I ${one.address} ${two.address}`).catch(() => '');
  t.regex(flood, / received/);
  t.true(dropped(two.hostLink, 'packets') > 50);
});
