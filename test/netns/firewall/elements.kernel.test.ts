// Elements in a real table: what survives, what is mended, what is told.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import test from 'ava';
import { SysError } from '../../../linux/errors.js';
import { enterNetwork, openNamespace, unshareNetwork, visitNetwork } from '../../../linux/namespace.js';
import {
  applyEntries,
  auditEntries,
  forgetConnections,
  provideCloneNat,
  readDrops,
  readInterference,
  removeCloneNat,
  removeUnknown,
  setupFirewall,
  teardownFirewall,
} from '../../../netns/firewall/index.js';
import { runNft } from '../../../netns/firewall/nft.js';
import { Nfnl } from '../../../netns/nfnl.js';
import type { SandboxNetwork } from '../../../netns/types.js';
import { command } from '../lab.js';
import { Lab, NET } from './lab.js';

const lab = await Lab.open(4);
const { table } = lab.settings;
const bridged = { ...lab.settings, bridges: [{ name: 'br0', addresses: [], vlanFiltering: false }] };

test.before(async () => {
  await lab.serve(lab.outsideNetns, 80);
});
test.beforeEach(() => {
  teardownFirewall(lab.host, table);
  lab.setup();
});
test.after.always(async () => {
  await lab.close();
});

/** Rules of others; nft wants its lines. */
function load(rules: string): void {
  runNft(rules.replace(/[{};]\s*/g, '$&\n'), 'others');
}

function full(number: number): SandboxNetwork {
  return {
    ...lab.names.sandbox(number),
    address6: `fd00:77::${number}`,
    group: 40 + number,
    firewall: {
      egress: { default: 'deny', allow: ['10.0.0.0/8', 'fd00::/16'], deny: ['10.1.0.0/16'] },
      metadata: true,
      ports: [{ protocol: 'tcp', host: 2000 + number, guest: 80, from: ['192.0.2.0/24'] }],
      reachable: 'published',
      connections: 7,
      packets: { ingress: 100, egress: 200 },
    },
  };
}

function audit(...desired: SandboxNetwork[]) {
  const { missing, unknown } = auditEntries(lab.host, table, desired);
  return [missing.length, unknown.length];
}

async function listed(set: string): Promise<string> {
  return (await command(`/usr/sbin/nft list set inet ${table} ${set}`)).replace(/\s+/g, ' ');
}

test.serial('a sandbox is elements, there once and gone with it; the group stays until it is swept', (t) => {
  const [one, two] = [full(1), full(2)];
  t.true((audit(one)[0] ?? 0) > 15);
  lab.apply([one, two], []);
  lab.apply([one], []);
  t.deepEqual(audit(one, two), [0, 0]);
  lab.apply([], [one]);
  lab.apply([], [one]);
  t.deepEqual(audit(two), [0, 1]);
  t.is(removeUnknown(lab.host, table, [two]), 1);
  t.deepEqual(audit(two), [0, 0]);
  t.true(removeUnknown(lab.host, table, []) > 15);
  t.deepEqual(audit(), [0, 0]);
});

test.serial('an update changes what differs; leftovers of another make are replaced', async (t) => {
  const one = full(1);
  lab.apply([one], []);
  const { firewall } = one;
  const other = {
    ...one,
    firewall: {
      ...firewall,
      egress: { ...firewall.egress, allow: ['10.0.0.0/9'] },
      ports: [{ protocol: 'tcp', host: 2001, guest: 81, from: ['192.0.2.0/25', '2001:db8::/32'] }],
      reachable: 'any',
      connections: 8,
      packets: { ingress: null, egress: 300 },
    },
  } as const;
  lab.apply([other], [one]);
  // The lists that nobody has any more, of denied networks and of senders, one of each family.
  t.deepEqual(audit(other), [0, 4]);
  t.is(removeUnknown(lab.host, table, [other]), 4);
  t.deepEqual(audit(other), [0, 0]);
  // As after a crash: nobody knows what was there.
  lab.apply([one], []);
  t.deepEqual(audit(one), [0, 6]);
  t.regex(await listed('connections'), /ct count over 7/);
  // What is removed is not what is there.
  lab.apply([], [other]);
  removeUnknown(lab.host, table, []);
  t.deepEqual(audit(), [0, 0]);
});

test.serial('hundreds of sandboxes at once, each with lists of its own', (t) => {
  const many = Array.from({ length: 600 }, (_, at) => {
    const plain = { ...full(1), address6: null, hostLink: `bt${at}`, address: `10.70.${at >> 8}.${at & 255}` };
    const allow = [`10.${at >> 8}.${at & 255}.0/24`];
    const ports = [{ protocol: 'tcp', host: 1 + at, guest: 80 }] as const;
    return { ...plain, firewall: { ...plain.firewall, ports, egress: { default: 'deny', allow, deny: [] } } } as const;
  });
  lab.apply(many, []);
  lab.apply(many, []);
  t.deepEqual(audit(...many), [0, 0]);
  lab.apply([], many);
  t.is(removeUnknown(lab.host, table, []), 600 + 1);
  t.deepEqual(audit(), [0, 0]);
});

test.serial('limits of connections stay where there are none', async (t) => {
  lab.apply([full(1)], []);
  // nft_rhash looks every second for what it may take back; a garbage collector that is late hides the mistake.
  await new Promise((resolve) => setTimeout(resolve, 3000));
  t.deepEqual(audit(full(1)), [0, 0]);
});

test.serial('loading again keeps elements and other tables', (t) => {
  load('table inet other { set s { type ipv4_addr; elements = { 1.2.3.4 } } }');
  lab.apply([full(1)], []);
  lab.setup();
  setupFirewall(lab.host, { ...lab.settings, linkPrefix: 'zz', masquerade: [] });
  t.deepEqual(audit(full(1)), [0, 0]);
  setupFirewall(lab.host, bridged);
  setupFirewall(lab.host, bridged);
  lab.setup();
  t.deepEqual(audit(full(1)), [0, 0]);
  teardownFirewall(lab.host, table);
  teardownFirewall(lab.host, table);
  t.notThrows(() => load('delete table inet other'));
});

test.serial('a table of another make is replaced', (t) => {
  load(`delete table inet ${table}; table inet ${table} { set sources { type ipv4_addr; } }`);
  lab.setup();
  lab.apply([full(1)], []);
  t.deepEqual(audit(full(1)), [0, 0]);
});

test.serial('a flushed table is told, and is no obstacle to a removal', (t) => {
  lab.apply([full(1)], []);
  load('flush ruleset');
  const error = t.throws(() => lab.apply([full(2)], []), { instanceOf: SysError });
  t.is(error.errnoName, 'ENOENT');
  t.regex(error.message, /not loaded; set the firewall up and apply all sandboxes again/);
  t.notThrows(() => lab.apply([], [full(1)]));
  t.is(t.throws(() => audit(full(1)), { instanceOf: SysError }).errnoName, 'ENOENT');
  lab.setup();
});

test.serial('without nft or rights the error says what is missing', (t) => {
  const missing = t.throws(() => setupFirewall(lab.host, lab.settings, ['/nonexistent']), { instanceOf: SysError });
  t.is(missing.errnoName, 'ENOENT');
  const script = `
    const { openHost } = await import('${new URL('../../../netns/host.js', import.meta.url)}');
    const { applyEntries, setupFirewall } = await import('${new URL('../../../netns/firewall/index.js', import.meta.url)}');
    const host = openHost();
    const settings = ${JSON.stringify(lab.settings)};
    for (const call of [() => setupFirewall(host, settings), () => applyEntries(host, settings.table, { add: [${JSON.stringify(full(1))}], remove: [] })])
      try { call(); } catch (error) { console.log(error.errnoName); }`;
  const bare = ['--bounding-set', '-net_admin', process.execPath, '--input-type=module', '-e', script];
  t.is(execFileSync('setpriv', bare, { encoding: 'utf8' }), 'EPERM\nEPERM\n');
});

test.serial('a policy of drop elsewhere is seen and named', async (t) => {
  const network = await lab.sandbox(3);
  t.is(await lab.ask(network.netns, 'tcp', NET.outside, 80), `tcp ::ffff:${NET.host}`);
  // As Docker, firewalld and kube-proxy would be there.
  load(`table ip filter { chain FORWARD { type filter hook forward priority 0; policy drop; ct state established accept; } }
     table inet firewalld { chain filter_FORWARD { type filter hook forward priority 10; policy accept; ct state established accept; ct state new accept; } }
     table ip kube-proxy { chain services { type nat hook prerouting priority -100; ip daddr 10.96.0.1 dnat to 10.1.1.1; } }`);
  const before = readInterference(lab.host, lab.settings);
  t.is(before.offered, before.passed);
  t.deepEqual(before.suspects, ['ip filter FORWARD (policy drop)']);
  t.is(await lab.ask(network.netns, 'udp', NET.outside, 80), 'silence');
  const after = readInterference(lab.host, lab.settings);
  t.is(after.offered, before.offered + 1);
  t.is(after.passed, before.passed);
  t.deepEqual(readDrops(lab.host, table), []);
  const rules = await command('/usr/sbin/nft list ruleset');
  load('delete table ip filter; delete table inet firewalld; delete table ip kube-proxy');
  t.regex(rules, /ip daddr 10\.96\.0\.1 dnat to 10\.1\.1\.1/);
  t.is(await lab.ask(network.netns, 'udp', NET.outside, 80), `udp ::ffff:${NET.host}`);
});

test.serial('connections of one address are forgotten, others stay', async (t) => {
  const [one, two] = [await lab.sandbox(4), await lab.sandbox(5)];
  const entries = () =>
    readFileSync('/proc/thread-self/net/nf_conntrack', 'utf8')
      .split('\n')
      .filter((line) => line.includes('udp'));
  for (const { netns } of [one, two]) await lab.ask(netns, 'udp', NET.outside, 80);
  t.is(entries().filter((line) => line.includes(one.address)).length, 1);
  forgetConnections(lab.host, [one.address, 'fd00:77::1']);
  t.is(entries().filter((line) => line.includes(one.address)).length, 0);
  t.is(entries().filter((line) => line.includes(two.address)).length, 1);
  forgetConnections(lab.host, [NET.outside]);
  t.is(entries().filter((line) => line.includes(two.address)).length, 0);
});

test.serial('a clone is reached by the address of its slot', async (t) => {
  const network = await lab.sandbox(6);
  const { netns, address } = network;
  const inside = (line: string) => command(`ip netns exec ${netns} ${line}`);
  // The guest, as a namespace of its own behind a veth that stands for the tap.
  const guest = `${lab.names.netnsPrefix}guest`;
  await command(`ip netns add ${guest}`);
  try {
    await inside('sysctl -q -w net.ipv4.ip_forward=1');
    await inside(`ip link add tap0 type veth peer name eth0 netns ${guest}`);
    await inside('ip address add 192.168.127.1/24 dev tap0');
    await inside('ip link set tap0 up');
    for (const line of [
      'link set eth0 up',
      'address add 192.168.127.2/24 dev eth0',
      'route add default via 192.168.127.1',
    ])
      await command(`ip -n ${guest} ${line}`);
    const fd = openNamespace(`/run/netns/${netns}`);
    const nfnl = visitNetwork(
      lab.host.home,
      () => enterNetwork(fd),
      () => new Nfnl(),
    );
    for (let round = 0; round < 2; round++) provideCloneNat(nfnl, { address, guestAddress: '192.168.127.2' });
    t.is((await inside('/usr/sbin/nft list ruleset')).match(/nat to/g)?.length, 2);
    t.is(await lab.ask(guest, 'tcp', NET.outside, 80), `tcp ::ffff:${NET.host}`);
    await lab.serve(guest, 80);
    t.is(await lab.ask(null, 'tcp', address, 80), 'tcp ::ffff:169.254.1.1');
    removeCloneNat(nfnl);
    removeCloneNat(nfnl);
    t.is(await inside('/usr/sbin/nft list ruleset'), '');
    nfnl.close();
  } finally {
    await command(`ip netns delete ${guest}`);
  }
});

test.serial('a namespace without anything of ours', (t) => {
  visitNetwork(lab.host.home, unshareNetwork, () => {
    const nfnl = new Nfnl();
    const host = { ...lab.host, nfnl };
    t.notThrows(() => teardownFirewall(host, table));
    t.notThrows(() => applyEntries(host, table, { add: [], remove: [full(1)] }));
    nfnl.close();
  });
});
