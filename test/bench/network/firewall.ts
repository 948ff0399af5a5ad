// What a change to the firewall of one workload costs when many others are there. Each has a denied network and a
// published port, so the sets are as full as the host is.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import type { NetworkRoom } from '../../../netns/types.js';
import type { Bench, Part } from '../group.js';
import { interleave, time, turn, type Way } from '../interleave.js';
import type { Measurement } from '../result.js';
import { type NamedNetwork, sandbox } from './names.js';
import { removeAll } from './ours.js';
import { TABLE, withRoom } from './settings.js';
import { NFT, settled } from './world.js';

const DENIED = '203.0.113.0/24';
const ALSO_DENIED = '198.51.100.0/24';
const FIRST_PORT = 10_000;
/** What still counts as flat. */
const FLAT = 1.5;

export const firewall: Part = {
  name: 'firewall',
  what: 'one more denied network for one workload, with 10, 100 and 1,000 workloads present, against nft add element',
  run: async (bench) => withRoom(null, (room) => measure(bench, room)),
};

async function measure(bench: Bench, room: NetworkRoom): Promise<Measurement[]> {
  const counts = bench.quick ? [5, 10] : [10, 100, 1000];
  const turns = bench.quick ? { rounds: 2, each: 5 } : { rounds: 4, each: 25 };
  const networks: NamedNetwork[] = [];
  const measured: Measurement[] = [];
  let first: { readonly count: number; readonly values: number[][] } | undefined;
  try {
    for (const count of counts) {
      while (networks.length < count) {
        bench.signal.throwIfAborted();
        const network = guarded(networks.length);
        networks.push(network);
        await room.create(network);
      }
      bench.say(`${count} workloads are there`);
      const ways = [updates(room, networks), elements(networks)];
      const values = await interleave(ways, { ...bench, ...turns, settle: () => settled(bench.signal) });
      const name = `firewall update, ${count} present`;
      const [ours, theirs] = ways.map((way) => way.missing ?? values.get(way.name) ?? []);
      if (ours === undefined || typeof ours === 'string' || theirs === undefined) throw new Error('no update was made');
      measured.push({ name, peer: ways[1]?.name ?? '', unit: 'ms', ours, theirs, target: null });
      first ??= { count, values: ours };
      if (first.count === count) continue;
      const peer = `with ${first.count} present`;
      measured.push({ name, peer, unit: 'ms', ours, theirs: first.values, target: { atMost: FLAT } });
    }
    return measured;
  } finally {
    await removeAll(room, networks);
    await settled(bench.signal);
  }
}

function guarded(number: number): NamedNetwork {
  const network = sandbox(0, number);
  const port = { protocol: 'tcp', host: FIRST_PORT + number, guest: 80 } as const;
  const { egress, ...rest } = network.firewall;
  return { ...network, firewall: { ...rest, egress: { ...egress, deny: [DENIED] }, ports: [port] } };
}

/** Through the room: one more network, then one less; both are updates. */
function updates(room: NetworkRoom, networks: readonly NamedNetwork[]): Way {
  return {
    name: 'room',
    async run(numbers) {
      const values: number[] = [];
      for (const number of numbers) {
        const from = networks[number % networks.length] ?? guarded(number);
        const { egress, ...rest } = from.firewall;
        const to = { ...from, firewall: { ...rest, egress: { ...egress, deny: [DENIED, ALSO_DENIED] } } };
        values.push(await time(() => room.update(from, to)));
        values.push(await time(() => room.update(to, from)));
      }
      return values;
    },
  };
}

/** By nft(8), into the same set of the same table. */
function elements(networks: readonly NamedNetwork[]): Way {
  return {
    name: 'nft add element',
    missing: existsSync(NFT) ? undefined : 'no nft (nftables)',
    async run(numbers) {
      const values: number[] = [];
      for (const number of numbers) {
        await turn();
        const { address } = networks[number % networks.length] ?? guarded(number);
        const element = ['element', 'inet', TABLE, 'denied', `{ ${address} . ${ALSO_DENIED} }`];
        values.push(await time(() => nft(['add', ...element])));
        values.push(await time(() => nft(['delete', ...element])));
      }
      return values;
    },
  };
}

function nft(args: readonly string[]): void {
  const { status, stderr, error } = spawnSync(NFT, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`nft ${args.join(' ')}: ${error?.message ?? stderr.trim()}`);
}
