// The rules against real packets.
import test from 'ava';
import { readDrops } from '../../../netns/firewall/index.js';
import { routeLoopback } from '../../../netns/sysctl.js';
import type { DropReason, SandboxNetwork } from '../../../netns/types.js';
import { command } from '../lab.js';
import { Lab, NET } from './lab.js';

const lab = await Lab.open(3);

test.before(async () => {
  lab.setup();
  await lab.serve(lab.outsideNetns, 80);
  await lab.serve(null, 81);
});

test.after.always(async () => {
  await lab.close();
});

function dropped(network: SandboxNetwork, reason: DropReason): number {
  const found = readDrops(lab.host, lab.settings.table).find(({ link }) => link === network.hostLink);
  return found?.packets[reason] ?? 0;
}

function inside(network: SandboxNetwork, line: string): Promise<string> {
  return command(`ip netns exec ${network.netns} ${line}`);
}

test.serial('a workload reaches the world under the address of the host', async (t) => {
  const network = await lab.sandbox(1);
  t.is(await lab.ask(network.netns, 'tcp', NET.outside, 80), `tcp ::ffff:${NET.host}`);
  t.is(await lab.ask(network.netns, 'udp', NET.outside, 80), `udp ::ffff:${NET.host}`);
  t.deepEqual(readDrops(lab.host, lab.settings.table), []);
});

test.serial('a forged address or MAC goes nowhere and is counted', async (t) => {
  const network = await lab.sandbox(2);
  await inside(network, 'ip address add 198.51.100.77/32 dev eth0');
  // It would ask for the gateway's MAC in the forged name, and have no answer.
  await inside(network, `ping -c1 -W1 ${NET.outside}`);
  await t.throwsAsync(inside(network, `ping -c2 -i0.2 -W1 -I 198.51.100.77 ${NET.outside}`));
  t.is(dropped(network, 'spoofed'), 2);
  await inside(network, 'ip link set eth0 address 02:00:00:00:00:99');
  await t.throwsAsync(inside(network, `ping -c2 -i0.2 -W1 ${NET.outside}`));
  t.is(dropped(network, 'spoofed'), 4);
  await inside(network, `ip link set eth0 address ${network.mac}`);
  await inside(network, `ping -c1 -W1 ${NET.outside}`);
});

test.serial('metadata is out of reach until it is allowed', async (t) => {
  const network = await lab.sandbox(3);
  t.is(await lab.ask(network.netns, 'tcp', '169.254.169.254', 80), 'silence');
  t.true(dropped(network, 'metadata') > 0);
  const allowed = lab.change(network, { metadata: true });
  t.is(await lab.ask(allowed.netns, 'tcp', '169.254.169.254', 80), `tcp ::ffff:${NET.host}`);
});

test.serial('with egress denied only what is allowed is reached, and a refusal is told', async (t) => {
  const network = await lab.sandbox(4, { egress: { default: 'deny', allow: ['203.0.113.0/24'], deny: [] } });
  t.is(await lab.ask(network.netns, 'tcp', NET.far, 80), `tcp ::ffff:${NET.host}`);
  t.is(await lab.ask(network.netns, 'tcp', NET.outside, 80), 'EHOSTUNREACH');
  t.true(dropped(network, 'egress') > 0);
  lab.setup();
  t.is(await lab.ask(network.netns, 'tcp', NET.outside, 80), 'EHOSTUNREACH');
  const open = lab.change(network, { egress: { default: 'allow', allow: [], deny: [`${NET.far}/32`] } });
  t.is(await lab.ask(open.netns, 'tcp', NET.outside, 80), `tcp ::ffff:${NET.host}`);
  t.is(await lab.ask(open.netns, 'tcp', NET.far, 80), 'EHOSTUNREACH');
});

test.serial('tenants do not see each other, workloads of one do', async (t) => {
  const one = await lab.sandbox(5, {}, 21);
  const same = await lab.sandbox(6, {}, 21);
  const other = await lab.sandbox(7, {}, 22);
  await lab.serve(same.netns, 80);
  await lab.serve(other.netns, 80);
  t.is(await lab.ask(one.netns, 'tcp', same.address, 80), `tcp ::ffff:${one.address}`);
  t.is(await lab.ask(one.netns, 'tcp', other.address, 80), 'silence');
  t.true(dropped(one, 'isolation') > 0);
  t.is(dropped(other, 'isolation'), 0);
});

test.serial('the host answers pings and nothing else, unless it is opened', async (t) => {
  const network = await lab.sandbox(8);
  await inside(network, `ping -c1 -W1 ${NET.host}`);
  t.is(await lab.ask(network.netns, 'tcp', NET.host, 81), 'silence');
  t.true(dropped(network, 'host') > 0);
  t.is(await lab.ask(network.netns, 'tcp', '169.254.1.1', 81), 'silence');
  lab.setup({ ...lab.settings, hostAccess: true });
  t.is(await lab.ask(network.netns, 'tcp', NET.host, 81), `tcp ::ffff:${network.address}`);
  lab.setup();
  t.is(await lab.ask(network.netns, 'tcp', NET.host, 81), 'silence');
  // The other direction is the host's own business.
  await lab.serve(network.netns, 80);
  t.is(await lab.ask(null, 'tcp', network.address, 80), 'tcp ::ffff:169.254.1.1');
});

test.serial('published ports lead to the workload, from everywhere', async (t) => {
  const ports = [
    { protocol: 'tcp', host: 8080, guest: 80 },
    { protocol: 'udp', host: 5353, guest: 80 },
  ] as const;
  const network = await lab.sandbox(9, { ports }, 31);
  const other = await lab.sandbox(10, {}, 32);
  routeLoopback(lab.host.procfs, network.hostLink);
  await lab.serve(network.netns, 80);
  t.is(await lab.ask(lab.outsideNetns, 'tcp', NET.host, 8080), `tcp ::ffff:${NET.outside}`);
  t.is(await lab.ask(lab.outsideNetns, 'udp', NET.host, 5353), `udp ::ffff:${NET.outside}`);
  t.is(await lab.ask(null, 'tcp', NET.host, 8080), `tcp ::ffff:${NET.host}`);
  t.is(await lab.ask(null, 'tcp', '127.0.0.1', 8080), `tcp ::ffff:${NET.host}`);
  t.is(await lab.ask(null, 'udp', '127.0.0.1', 5353), `udp ::ffff:${NET.host}`);
  t.is(await lab.ask(network.netns, 'tcp', NET.host, 8080), `tcp ::ffff:${NET.host}`);
  t.is(await lab.ask(other.netns, 'tcp', NET.host, 8080), `tcp ::ffff:${other.address}`);
  t.is(await lab.ask(lab.outsideNetns, 'tcp', NET.host, 5353), 'ECONNREFUSED');
  lab.change(network, { ports: [{ protocol: 'tcp', host: 8081, guest: 80 }] });
  t.is(await lab.ask(lab.outsideNetns, 'tcp', NET.host, 8080), 'ECONNREFUSED');
  t.is(await lab.ask(lab.outsideNetns, 'tcp', NET.host, 8081), `tcp ::ffff:${NET.outside}`);
});

test.serial('a link that the loopback may go out of does not let it in', async (t) => {
  const network = await lab.sandbox(11);
  routeLoopback(lab.host.procfs, network.hostLink);
  await inside(network, 'ip address flush dev lo');
  await inside(network, `ip route add 127.0.0.0/8 via 169.254.1.1 dev eth0 src ${network.address}`);
  await inside(network, 'sysctl -q -w net.ipv4.conf.eth0.route_localnet=1');
  t.is(await lab.ask(network.netns, 'tcp', '127.0.0.1', 81), 'silence');
  t.true(dropped(network, 'host') > 0);
});

test.serial('connections beyond the limit are refused, and closed ones forgotten', async (t) => {
  const network = await lab.sandbox(12, { connections: 2 });
  const first = await lab.connection(network.netns ?? '', NET.outside, 80);
  const second = await lab.connection(network.netns ?? '', NET.far, 80);
  t.is(await lab.ask(network.netns, 'tcp', NET.outside, 80), 'silence');
  t.true(dropped(network, 'connections') > 0);
  t.true(await first.echo());
  t.true(await second.echo());
  second.end();
  t.is(await lab.ask(network.netns, 'tcp', NET.outside, 80), `tcp ::ffff:${NET.host}`);
  t.true(await first.echo());
});

test.serial('packets beyond the rate are dropped in each direction', async (t) => {
  const network = await lab.sandbox(13, { packets: { ingress: null, egress: 20 } });
  const flood = `ping -q -c200 -i0.002 -W1 ${NET.outside}`;
  const received = (text: string) => Number(/(\d+) received/.exec(text)?.[1]);
  // On a busy machine the flood takes longer than it should, and more of it is within the rate.
  const within = async (limited: SandboxNetwork) => {
    const from = performance.now();
    const count = received(await inside(limited, flood));
    const most = 40 + (20 * (performance.now() - from)) / 1000;
    t.true(count >= 16 && count <= Math.min(most, 190), `${count} of 200 came back, at most ${most}`);
    return count;
  };
  const out = await within(network);
  t.is(dropped(network, 'packets'), 200 - out);
  const limited = lab.change(network, { packets: { ingress: 20, egress: null } });
  const back = await within(limited);
  t.is(dropped(network, 'packets'), 400 - out - back);
  const free = lab.change(limited, { packets: { ingress: null, egress: null } });
  t.is(received(await inside(free, flood)), 200);
});

test.serial('changes do not touch established connections', async (t) => {
  const network = await lab.sandbox(14);
  const connection = await lab.connection(network.netns ?? '', NET.outside, 80);
  lab.change(network, { egress: { default: 'deny', allow: [], deny: [] }, connections: 1 });
  t.is(await lab.ask(network.netns, 'tcp', NET.outside, 80), 'EHOSTUNREACH');
  t.true(await connection.echo());
  lab.setup();
  t.true(await connection.echo());
});
