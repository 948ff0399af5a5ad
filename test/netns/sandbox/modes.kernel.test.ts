// Every way to attach a workload, with real traffic; microVMs are real QEMU guests.
import { once } from 'node:events';
import { createServer } from 'node:net';
import test from 'ava';
import { SysError } from '../../../linux/errors.js';
import { removalOf } from '../../../netns/defaults.js';
import { openNetworkRoom } from '../../../netns/index.js';
import type { BridgePort, RoomSettings, SandboxNetwork } from '../../../netns/types.js';
import { command, links, makeNames, remains } from '../lab.js';
import { startMicrovm } from '../microvm.js';

const names = makeNames(9);
const table = `berth-test-modes-${process.pid}`;
const bridge = `br${names.prefix}`.slice(0, 15);
const block = names.pool.slice(0, names.pool.lastIndexOf('.'));
const settings: RoomSettings = {
  ...names.settings(table),
  bridges: [{ name: bridge, addresses: [`${block}.254/24`], vlanFiltering: false }],
};
const port: BridgePort = {
  mode: 'bridge',
  bridge,
  prefix: 24,
  gateway: `${block}.254`,
  prefix6: null,
  gateway6: null,
  isolated: true,
  vlan: null,
};
const room = openNetworkRoom();
const made: SandboxNetwork[] = [];

test.before(() => room.setup(settings));
test.after.always(async (t) => {
  for (const network of made) await room.remove(removalOf(network));
  await room.teardown(settings);
  await room.close();
  for (const network of made) t.deepEqual(await remains(network), []);
  t.false((await links()).includes(bridge));
});

async function create(network: SandboxNetwork): Promise<void> {
  made.push(network);
  await room.create(network);
  const findings = await room.audit([network]);
  if (findings.length > 0) throw new Error(`the audit found ${JSON.stringify(findings)}`);
}

const ping = (netns: string, to: string) => command(`ip netns exec ${netns} ping -c2 -i0.2 -W2 ${to}`);

test.serial('bridge: containers reach the bridge, and each other only when not isolated', async (t) => {
  const [one, two] = [names.sandbox(1), names.sandbox(2)].map((n) => ({ ...n, attachment: port }));
  if (one === undefined || two === undefined) return t.fail();
  await create(one);
  await create(two);
  await ping(one.netns, `${block}.254`);
  await command(`ping -c1 -W2 ${two.address}`);
  await t.throwsAsync(ping(one.netns, two.address));
  const open = { ...port, isolated: false };
  for (const network of [one, two]) await room.create({ ...network, attachment: open });
  // The resolution that failed while the ports were isolated is still being waited for.
  await command(`ip -n ${one.netns} neigh flush all`);
  await ping(one.netns, two.address);
});

test.serial(
  'bridge: an unknown bridge is refused by name, and a bridge of somebody else is left as it is',
  async (t) => {
    const network = { ...names.sandbox(3), attachment: { ...port, bridge: 'nosuchbridge' } };
    await t.throwsAsync(room.create(network), { instanceOf: SysError, message: /nosuchbridge.*ENODEV/ });
    await room.remove(removalOf(network));
    t.deepEqual(await remains(network), []);
    const foreign = `fb${names.prefix}`.slice(0, 15);
    await command(`ip link add ${foreign} type bridge`);
    try {
      const more = { ...settings, bridges: [{ name: foreign, addresses: ['192.0.2.1/24'], vlanFiltering: false }] };
      await room.setup(more);
      t.false((await command(`ip addr show ${foreign}`)).includes('192.0.2.1'));
      await room.setup(settings);
    } finally {
      await command(`ip link del ${foreign}`);
    }
  },
);

test.serial('bridge: a VLAN needs a kernel and a bridge that filter', async (t) => {
  const network = { ...names.sandbox(4), attachment: { ...port, vlan: 7 } };
  const error = await t.throwsAsync(room.create(network), { instanceOf: SysError });
  t.regex(error?.message ?? '', /EOPNOTSUPP.*VLAN/);
  await room.remove(removalOf(network));
  t.deepEqual(await remains(network), []);
});

test.serial('IPv6: host and workload reach each other, and nothing made an address of its own', async (t) => {
  const network = { ...names.sandbox(5), address6: `fd00:be:${(process.pid % 65_536).toString(16)}::5` };
  await create(network);
  await command(`ping -6 -c2 -i0.2 -W2 ${network.address6}`);
  await ping(network.netns, '169.254.1.1');
  const server = createServer((socket) => socket.end('six')).listen(0, 'fe80::1%'.concat(network.hostLink));
  await once(server, 'listening');
  server.close();
  const inside = await command(`ip -n ${network.netns} -6 addr show eth0`);
  t.deepEqual(inside.match(/inet6 \S+/g)?.sort(), [`inet6 ${network.address6}/128`, 'inet6 fe80::2/64']);
  t.regex(await command(`ip -n ${network.netns} -6 route`), /default via fe80::1 dev eth0/);
});

test.serial('a tap on the host: multi-queue, without vnet_hdr, owned by its user', async (t) => {
  const tap = { name: 'unused', uid: 4321, multiQueue: true, vnetHeader: false, guestAddress: null };
  const network: SandboxNetwork = { ...names.sandbox(6), netns: null, tap };
  await create(network);
  await room.create(network);
  const [link] = JSON.parse(await command(`ip -j -d link show ${network.hostLink}`));
  t.like(link, { ifalias: network.owner });
  t.like(link.linkinfo.info_data, { multi_queue: true, vnet_hdr: false, persist: true, user: 4321 });
  t.regex(await command(`ip route get ${network.address}`), new RegExp(`dev ${network.hostLink}`));
  await room.remove(removalOf(network));
  t.deepEqual(await remains(network), []);
});

const tap = { name: 'tap0', uid: 0, multiQueue: false, vnetHeader: true, guestAddress: null };
const GUEST = '172.31.255.2';
const routed = { gateway: '169.254.1.1', mask: '255.255.255.255' };
const bridged = { gateway: `${block}.254`, mask: '255.255.255.0' };
const guest = (number: number): SandboxNetwork => ({ ...names.sandbox(number), tap });
const GUESTS: readonly [string, SandboxNetwork, typeof routed][] = [
  ['routed, tap in the namespace', guest(10), routed],
  ['routed, tap on the host', { ...guest(11), netns: null }, routed],
  ['bridge, tap in the namespace', { ...guest(12), attachment: port }, bridged],
  ['bridge, tap on the host', { ...guest(13), netns: null, attachment: port }, bridged],
  ['a clone with an address of its own', { ...guest(14), tap: { ...tap, guestAddress: GUEST } }, routed],
];
for (const [what, network, way] of GUESTS) {
  test.serial(`a QEMU guest answers pings and http: ${what}`, async (t) => {
    t.timeout(180_000);
    await create(network);
    const vm = await startMicrovm(network, { address: network.tap?.guestAddress ?? network.address, ...way });
    try {
      t.regex(await command(`ping -c2 -i0.2 -W4 ${network.address}`), / 0% packet loss/);
      const answer = await fetch(`http://${network.address}/`, { signal: AbortSignal.timeout(20_000) });
      t.regex(await answer.text(), /hello from guest/);
      // Under a running VMM a repeated create finds everything in place.
      await t.notThrowsAsync(room.create(network));
    } finally {
      await vm.stop();
    }
  });
}
