import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import test from 'ava';
import { removalOf } from '../../../netns/defaults.js';
import { openNetworkRoom } from '../../../netns/index.js';
import type { NetworkRoom, RoomSettings, SandboxNetwork, Slot, SlotKind } from '../../../netns/types.js';
import { command, links, makeNames } from '../lab.js';

const names = makeNames(0);
const netnsPrefix = `${names.netnsPrefix}slot-`;
const settings: RoomSettings = {
  ...names.settings(`berth-test-slots-${process.pid}`),
  slots: { veth: 2, tap: 1, mtu: 1500, netnsPrefix },
};
const tap = { name: 'tap0', uid: 4321, multiQueue: false, vnetHeader: true, guestAddress: null };
let room: NetworkRoom;

test.before(async () => {
  room = openNetworkRoom({ onSlotError: (error) => console.error(error) });
  await room.setup(settings);
});
test.after.always(async (t) => {
  await room.teardown(settings);
  await room.close();
  t.deepEqual(
    (await links()).filter((name) => name.startsWith(names.prefix)),
    [],
  );
  t.deepEqual(
    (await readdir('/run/netns')).filter((name) => name.startsWith(netnsPrefix)),
    [],
  );
});

async function ready(kind: SlotKind, of = room): Promise<Slot> {
  for (const deadline = Date.now() + 20_000; Date.now() < deadline; ) {
    const slot = of.acquire(kind);
    if (slot !== undefined) return slot;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`no slot became ready: ${JSON.stringify(of.slots())}`);
}

function networkOf(slot: Slot, number: number): SandboxNetwork & { readonly netns: string } {
  return { ...names.sandbox(number), netns: slot.netns, hostLink: slot.hostLink };
}

/** What a file of /proc says in a namespace. */
const inside = (netns: string, file: string): Promise<string> =>
  command(`nsenter --net=/run/netns/${netns} cat ${file}`);

async function eventually(is: () => Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + 20_000; Date.now() < deadline; ) {
    if (await is()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error('not so after 20 s');
}

/** Until sockets of processes that have ended are counted no more: RCU frees them when a busy machine gets round to it. */
async function quiet(netns: string): Promise<void> {
  await eventually(async () => /^sockets: used [01]$/m.test(await inside(netns, '/proc/net/sockstat')));
}

/** What of a namespace differs from tenant to tenant. */
async function portrait(netns: string): Promise<string> {
  const parts = ['addr', 'route show table all', 'neigh', 'rule'].map((what) => command(`ip -n ${netns} ${what}`));
  return (await Promise.all(parts)).join('\n').replace(/^.*link\/ether.*$/gm, '');
}

test.serial('a slot becomes a sandbox like any other, and as new afterwards', async (t) => {
  const slot = await ready('veth');
  const before = await portrait(slot.netns);
  const network = networkOf(slot, 1);
  await room.create(network);
  t.deepEqual(await room.audit([network]), []);
  await command(`ping -c2 -i0.2 -W2 ${network.address}`);
  await command(`ip netns exec ${slot.netns} ping -c2 -i0.2 -W2 169.254.1.1`);
  t.regex(await command(`ip neigh show dev ${slot.hostLink}`), new RegExp(network.address));
  await quiet(slot.netns);
  await room.remove(removalOf(network, { recycle: true }));
  t.like(room.slots(), { recycled: 1, discarded: 0 });
  t.is(await portrait(slot.netns), before);
  t.is(await command(`ip neigh show dev ${slot.hostLink}`), '');
  t.is(await command(`ip route show dev ${slot.hostLink}`), '');
  t.regex(await command(`ip link show ${slot.hostLink}`), /alias berth-test:\w+-slot$/m);
});

test.serial('a connection that outlives its process is ended, and the slot used again', async (t) => {
  const slot = await ready('veth');
  const network = networkOf(slot, 2);
  await room.create(network);
  // A peer that never answers keeps the closing socket in FIN_WAIT1 or SYN_SENT after its process is gone.
  const program = `const s=require("net").connect({port:9,host:"169.254.1.1"});setInterval(()=>{},1e3);s.on("error",()=>{});
    require("net").createServer().listen(80,"0.0.0.0",()=>console.log("ready"))`;
  const child = spawn('ip', ['netns', 'exec', slot.netns, process.execPath, '-e', program]);
  await once(child.stdout, 'data');
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
  await room.remove(removalOf(network, { recycle: true }));
  t.regex(await command(`ip link show ${slot.hostLink}`), /-slot/);
});

test.serial('a namespace in which somebody still listens is not used again', async (t) => {
  const slot = await ready('veth');
  const network = networkOf(slot, 3);
  await room.create(network);
  const program = 'require("net").createServer().listen(80,"0.0.0.0",()=>console.log("ready"))';
  const child = spawn('ip', ['netns', 'exec', slot.netns, process.execPath, '-e', program]);
  await once(child.stdout, 'data');
  const { discarded } = room.slots();
  // The listener of a living process is destroyed as a socket, but the process opens the next: netlink sockets stay.
  const holder = spawn('ip', ['-n', slot.netns, 'monitor']);
  await eventually(async () => new RegExp(` 0 +${holder.pid} `).test(await inside(slot.netns, '/proc/net/netlink')));
  await room.remove(removalOf(network, { recycle: true }));
  t.is(room.slots().discarded, discarded + 1);
  t.false((await links()).includes(slot.hostLink));
  for (const process of [child, holder]) {
    const ended = once(process, 'exit');
    process.kill('SIGKILL');
    await ended;
  }
});

test.serial('an address that somebody added keeps a slot from being used again', async (t) => {
  const slot = await ready('veth');
  const network = networkOf(slot, 4);
  await room.create(network);
  await command(`ip -n ${slot.netns} addr add 192.0.2.9/32 dev lo`);
  const { discarded } = room.slots();
  await room.remove(removalOf(network, { recycle: true }));
  t.is(room.slots().discarded, discarded + 1);
});

test.serial('a slot with a tap gets its user at the hand-out', async (t) => {
  const slot = await ready('tap');
  const network = { ...networkOf(slot, 5), tap };
  await room.create(network);
  t.deepEqual(await room.audit([network]), []);
  const [link] = JSON.parse(await command(`ip -n ${slot.netns} -j -d link show tap0`));
  t.like(link.linkinfo.info_data, { user: 4321, persist: true });
  t.regex(await command(`ip -n ${slot.netns} route`), new RegExp(`${network.address} dev tap0`));
  await quiet(slot.netns);
  await room.remove(removalOf(network, { recycle: true }));
  t.false((await command(`ip -n ${slot.netns} route`)).includes(network.address));
});

test.serial('another life takes up the ready slots and leaves those in use alone', async (t) => {
  const slot = await ready('veth');
  const network = networkOf(slot, 6);
  await room.create(network);
  const left = room.slots().names;
  await room.close();
  room = openNetworkRoom();
  await room.setup(settings);
  const next = await ready('veth');
  t.true(left.includes(next.netns));
  t.not(next.netns, slot.netns);
  room.giveBack(next);
  t.false(room.slots().names.includes(slot.netns));
  await command(`ping -c1 -W2 ${network.address}`);
  // Handed out in the first life, taken back in the second.
  await quiet(slot.netns);
  await room.remove(removalOf(network, { recycle: true }));
  t.regex(await command(`ip link show ${slot.hostLink}`), /-slot/);
});

test.serial('a slot that is not what it was is mended at the hand-out', async (t) => {
  const slot = await ready('veth');
  await command(`ip -n ${slot.netns} link set eth0 down`);
  await command(`ip addr flush dev ${slot.hostLink}`);
  const network = networkOf(slot, 7);
  await room.create(network);
  const findings = await room.audit([network]);
  if (findings.length > 0) await room.create(network);
  t.deepEqual(await room.audit([network]), []);
  await room.remove(removalOf(network));
});
