import { rmSync, writeFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import test from 'ava';
import { SysError } from '../../linux/errors.js';
import { removalOf } from '../../netns/defaults.js';
import { type Host, openHost } from '../../netns/host.js';
import { openNetworkRoom } from '../../netns/index.js';
import { removeSandboxes } from '../../netns/removal.js';
import { createSandbox } from '../../netns/sandbox/create.js';
import type { SandboxNetwork } from '../../netns/types.js';
import { command, links, makeNames, remains } from './lab.js';

const names = makeNames(1);
const room = openNetworkRoom();

test.after.always(async (t) => {
  for (let number = 1; number <= 60; number++) await room.remove(removalOf(names.sandbox(number)));
  await room.close();
  t.deepEqual(
    (await links()).filter((name) => name.startsWith(names.prefix)),
    [],
  );
});

test.serial('a sandbox is made, listed, counted and removed, each of it twice', async (t) => {
  const network = names.sandbox(1);
  await room.create(network);
  await room.create(network);
  const { netnsPrefix, ownerPrefix, prefix } = names;
  const owned = await room.list({ netnsPrefix, ownerPrefix });
  t.deepEqual(owned.netns, [network.netns]);
  t.like(owned.links[0], { name: network.hostLink, owner: network.owner });
  await command(`ping -c1 -W2 ${network.address}`);
  const [stats] = await room.stats(prefix);
  t.is(stats?.name, network.hostLink);
  t.true((stats?.rxBytes ?? 0) > 0);

  const inside = await command(`ip -n ${network.netns} -j -d addr show eth0`);
  t.like(JSON.parse(inside)[0], { address: network.mac, mtu: 1500, ifalias: network.owner });
  t.false((await command(`ip -n ${network.netns} addr`)).includes('inet6'));
  t.false((await command(`ip addr show ${network.hostLink}`)).includes('inet6'));

  await room.remove(removalOf(network));
  await room.remove(removalOf(network));
  t.deepEqual(await remains(network), []);
  t.deepEqual(await room.list({ netnsPrefix, ownerPrefix }), { netns: [], links: [] });
});

test.serial('a tap belongs to its user and is up', async (t) => {
  const network = names.microvm(2);
  await room.create(network);
  const [tap] = JSON.parse(await command(`ip -n ${network.netns} -j -d addr show tap0`));
  t.like(tap, { ifname: 'tap0', ifalias: network.owner });
  t.true(tap.flags.includes('UP'));
  t.like(tap.linkinfo, { info_kind: 'tun' });
  t.like(tap.linkinfo.info_data, { type: 'tap', pi: false, vnet_hdr: true, persist: true, user: 4321 });
  const forwarding = `ip netns exec ${network.netns} cat /proc/sys/net/ipv4/ip_forward`;
  t.is((await command(forwarding)).trim(), '1');
  await room.create(network);
  await room.remove(removalOf(network));
  t.deepEqual(await remains(network), []);
});

/** Creates in this thread and fails right after `step`. Returns whether the step was reached. */
function failAfter(host: Host, network: SandboxNetwork, step: string): boolean {
  try {
    createSandbox(host, network, {
      afterStep: (done) => {
        if (done === step) throw new RangeError('killed here');
      },
    });
    return false;
  } catch (error) {
    if (error instanceof RangeError) return true;
    throw error;
  }
}

const STEPS = ['netns-file', 'tap', 'netns-mount', 'pair', 'host-end', 'host-route', 'inside'];
STEPS.forEach((step, position) => {
  test.serial(`creation killed after ${step} is completed by the next one, or removed`, async (t) => {
    const host = openHost();
    try {
      const network = names.microvm(10 + position);
      t.true(failAfter(host, network, step));
      await room.remove(removalOf(network));
      t.deepEqual(await remains(network), []);
      t.true(failAfter(host, network, step));
      await room.create(network);
      t.regex(await command(`ip -n ${network.netns} route`), new RegExp(`${network.address} dev tap0`));
      t.regex(await command(`ip route get ${network.address}`), new RegExp(`dev ${network.hostLink}`));
      await room.remove(removalOf(network));
      t.deepEqual(await remains(network), []);
    } finally {
      host.close();
    }
  });
});

test.serial('a pair whose alias was never written is recognised and completed', async (t) => {
  const network = names.sandbox(20);
  await room.create(network);
  writeFileSync(`/sys/class/net/${network.hostLink}/ifalias`, '\n');
  await room.create(network);
  t.regex(await command(`ip link show ${network.hostLink}`), new RegExp(`alias ${network.owner}`));
  writeFileSync(`/sys/class/net/${network.hostLink}/ifalias`, '\n');
  await room.remove(removalOf(network));
  t.deepEqual(await remains(network), []);
});

test.serial('a link whose namespace was lost is made anew', async (t) => {
  const network = names.sandbox(21);
  await room.create(network);
  const held = `/run/netns/${network.netns}`;
  await command(`umount ${held}`);
  rmSync(held);
  await room.create(network);
  await command(`ping -c1 -W2 ${network.address}`);
  await room.remove(removalOf(network));
  t.deepEqual(await remains(network), []);
});

for (const [what, alias] of [
  ['another owner', 'someone:else'],
  ['no owner', undefined],
] as const) {
  test.serial(`a link of the same name with ${what} is left alone`, async (t) => {
    const network = names.sandbox(22);
    await command(`ip link add ${network.hostLink} type veth peer name ${network.hostLink}p`);
    try {
      if (alias !== undefined) await command(`ip link set ${network.hostLink} alias ${alias}`);
      const error = await t.throwsAsync(room.create(network), { instanceOf: SysError });
      t.like(error, { errnoName: 'EEXIST', path: network.hostLink });
      t.regex(error?.message ?? '', alias === undefined ? /without an owner tag/ : /someone:else/);
      t.deepEqual((await room.list({ netnsPrefix: network.netns, ownerPrefix: network.owner })).netns, []);
      await room.remove(removalOf(network));
      t.true((await links()).includes(network.hostLink));
    } finally {
      await command(`ip link del ${network.hostLink}`);
    }
  });
}

test.serial('the address of another sandbox is not taken over', async (t) => {
  const first = names.sandbox(23);
  const second = { ...names.sandbox(24), address: first.address };
  await room.create(first);
  const error = await t.throwsAsync(room.create(second), { instanceOf: SysError });
  t.regex(error?.message ?? '', new RegExp(`EEXIST: the address is already routed to ${first.hostLink}`));
  await room.remove(removalOf(second));
  await command(`ping -c1 -W2 ${first.address}`);
  await room.remove(removalOf(first));
});

test.serial('many at once: all made, all removed, in few batches', async (t) => {
  const many = Array.from({ length: 30 }, (_, at) => names.sandbox(30 + at));
  const delay = monitorEventLoopDelay({ resolution: 5 });
  delay.enable();
  await Promise.all(many.map((network) => room.create(network)));
  await Promise.all(many.map((network) => room.remove(removalOf(network))));
  delay.disable();
  t.log(`longest stall of the main loop meanwhile: ${(delay.max / 1e6).toFixed(1)} ms`);
  for (const network of many) t.deepEqual(await remains(network), []);
});

test.serial('one bad removal of a batch does not keep the others', async (t) => {
  const network = names.sandbox(25);
  await room.create(network);
  const host = openHost();
  const [bad, good] = removeSandboxes(host, [
    { ...removalOf(network), netns: '../x', patient: false },
    { ...removalOf(network), patient: false },
  ]);
  host.close();
  t.is(bad?.error?.errnoName, 'EINVAL');
  t.is(good?.error, undefined);
  t.deepEqual(await remains(network), []);
});

test.serial('a thread that cannot come back ends, and what it left is recovered', async (t) => {
  const network = names.sandbox(26);
  const crashes: Error[] = [];
  const lost = openNetworkRoom({
    workerUrl: new URL('./lost-worker.js', import.meta.url),
    onCrash: (error) => crashes.push(error),
  });
  await t.throwsAsync(lost.create(network), { instanceOf: SysError, message: /could not return to its network/ });
  t.is(crashes[0]?.name, 'NamespaceLostError');
  await lost.close();
  await room.create(network);
  await command(`ping -c1 -W2 ${network.address}`);
  await room.remove(removalOf(network));
  t.deepEqual(await remains(network), []);
});

test.serial('what somebody changed is found by the audit and mended by a repeated create', async (t) => {
  const network = names.microvm(27);
  const { hostLink, netns } = network;
  const renamed = `x${hostLink}`.slice(0, 15);
  const damages: readonly [RegExp, readonly string[]][] = [
    [/is missing/, [`ip link set ${hostLink} down`, `ip link set ${hostLink} name ${renamed}`]],
    [/is missing/, [`ip link del ${hostLink}`]],
    [/is missing/, [`ip -n ${netns} link del tap0`]],
    [/is down/, [`ip link set ${hostLink} down`]],
    [/MTU of 1400/, [`ip link set ${hostLink} mtu 1400`]],
    [/MTU of 1300/, [`ip -n ${netns} link set eth0 mtu 1300`]],
    [/has the MAC/, [`ip -n ${netns} link set eth0 address 02:00:00:00:00:99`]],
    [/in group 9/, [`ip link set ${hostLink} group 9`]],
    [/lacks 169.254.1.2/, [`ip -n ${netns} addr flush dev eth0`]],
    [/lacks 169.254.1.3/, [`ip addr flush dev ${hostLink}`]],
    [/lacks the route/, [`ip route del ${network.address}`]],
    [/lacks the route/, [`ip -n ${netns} route flush table main`]],
    [/berth-test.* is missing/, [`ip netns del ${netns}`]],
  ];
  await room.create(network);
  for (const [finding, commands] of damages) {
    for (const line of commands) await command(line);
    const found = await room.audit([network]);
    t.regex(found.map(({ detail }) => detail).join('\n'), finding, commands.join('; '));
    t.true(found.every(({ owner }) => owner === network.owner));
    await room.create(network);
    t.deepEqual(await room.audit([network]), [], commands.join('; '));
  }
  t.false((await links()).includes(renamed));
  await room.remove(removalOf(network));
  t.deepEqual(await remains(network), []);
});
