// VLANs of one bridge, with real traffic. Skips itself where the kernel has none (CONFIG_BRIDGE_VLAN_FILTERING).
import test, { type ExecutionContext } from 'ava';
import { SysError } from '../../../linux/errors.js';
import { removalOf } from '../../../netns/defaults.js';
import { openNetworkRoom } from '../../../netns/index.js';
import type { RoomSettings, SandboxNetwork } from '../../../netns/types.js';
import { command, links, makeNames, type NamedNetwork, remains } from '../lab.js';

const names = makeNames(3);
const bridge = `bv${names.prefix}`.slice(0, 15);
const settings: RoomSettings = {
  ...names.settings(`berth-test-vlan-${process.pid}`),
  bridges: [{ name: bridge, addresses: [], vlanFiltering: true }],
};
const room = openNetworkRoom();
const made = new Map<string, SandboxNetwork>();
let refusal: SysError | undefined;

test.before(async () => {
  try {
    await room.setup(settings);
  } catch (error) {
    if (!(error instanceof SysError) || error.errnoName !== 'EOPNOTSUPP') throw error;
    refusal = error;
  }
});
test.after.always(async (t) => {
  for (const network of made.values()) await room.remove(removalOf(network));
  await room.teardown(settings);
  await room.close();
  for (const network of made.values()) t.deepEqual(await remains(network), []);
  t.false((await links()).includes(bridge));
});

/** Makes it a port in the VLAN, or moves it there; numbers beyond those of the firewall's tests. */
async function place(number: number, vlan: number): Promise<NamedNetwork> {
  const network: NamedNetwork = {
    ...names.sandbox(number),
    attachment: {
      mode: 'bridge',
      bridge,
      prefix: 24,
      gateway: null,
      prefix6: null,
      gateway6: null,
      isolated: false,
      vlan,
    },
  };
  made.set(network.owner, network);
  await room.create(network);
  // A resolution that failed before is still being waited for.
  await command(`ip -n ${network.netns} neigh flush all`);
  return network;
}

/** The VLANs that the bridge has the port in. */
async function vlansOf(network: NamedNetwork): Promise<unknown[]> {
  const [port] = JSON.parse(await command(`bridge -j vlan show dev ${network.hostLink}`));
  return port.vlans;
}

function skipped(t: ExecutionContext): boolean {
  if (refusal === undefined) return false;
  t.log(`this kernel cannot: ${refusal.message}`);
  t.regex(refusal.message, /CONFIG_BRIDGE_VLAN_FILTERING/);
  return true;
}

const ping = ({ netns }: NamedNetwork, { address }: NamedNetwork) =>
  command(`ip netns exec ${netns} ping -c2 -i0.2 -W2 ${address}`);

test.serial('workloads of one VLAN see each other, those of different ones do not', async (t) => {
  if (skipped(t)) return;
  const [one, two, other] = [await place(31, 7), await place(32, 7), await place(33, 8)];
  await ping(one, two);
  await t.throwsAsync(ping(one, other));
  await t.throwsAsync(ping(other, two));
});

test.serial('a port that moves is in its new VLAN only', async (t) => {
  if (skipped(t)) return;
  const [stays, moves, other] = [await place(31, 7), await place(32, 8), await place(33, 8)];
  t.deepEqual(await vlansOf(moves), [{ vlan: 8, flags: ['PVID', 'Egress Untagged'] }]);
  await ping(moves, other);
  await t.throwsAsync(ping(stays, moves));
  for (const vlan of [1, 2, 4094])
    t.deepEqual(await vlansOf(await place(32, vlan)), [{ vlan, flags: ['PVID', 'Egress Untagged'] }]);
});
