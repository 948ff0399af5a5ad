// What a change to the firewall of one workload costs when many others are there. Each has a denied network and a
// published port, so the table is as full as the host is.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import type { Firewall, NetworkRoom } from '../../../netns/types.js';
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
const FLAT = { atMost: 1.5 };

export const firewall: Part = {
  name: 'firewall',
  what: 'a change of one workload, with 10, 100 and 1,000 workloads present, against nft add element',
  run: async (bench) => withRoom(null, (room) => measure(bench, room)),
};

async function measure(bench: Bench, room: NetworkRoom): Promise<Measurement[]> {
  const counts = bench.quick ? [5, 10] : [10, 100, 1000];
  const turns = bench.quick ? { rounds: 2, each: 5 } : { rounds: 4, each: 25 };
  const networks: NamedNetwork[] = [];
  const measured: Measurement[] = [];
  let few: { readonly count: number; readonly values: Map<string, number[][]> } | undefined;
  try {
    for (const count of counts) {
      await populate(bench, room, networks, count);
      const ways = [
        updates('element', room, networks, (plain) => ({ ...plain, metadata: !plain.metadata })),
        updates('list', room, networks, ({ egress, ...rest }) => ({
          ...rest,
          egress: { ...egress, deny: [ALSO_DENIED] },
        })),
        elements(networks),
      ];
      const values = await interleave(ways, { ...bench, ...turns, settle: () => settled(bench.signal) });
      const of = (name: string) => values.get(name) ?? [];
      const element = { name: `firewall: one element, ${count} present`, unit: 'ms', ours: of('element') };
      const list = { name: `firewall: another egress list, ${count} present`, unit: 'ms', ours: of('list') };
      const theirs = ways.find(({ missing }) => missing !== undefined)?.missing ?? of(RIVAL);
      measured.push({ ...element, peer: RIVAL, theirs, target: null });
      if (few === undefined) {
        measured.push({ ...list, peer: '', theirs: null, target: null });
        few = { count, values };
        continue;
      }
      for (const [line, way] of [
        [element, 'element'],
        [list, 'list'],
      ] as const) {
        measured.push({ ...line, peer: `with ${few.count} present`, theirs: few.values.get(way) ?? [], target: FLAT });
      }
    }
    return measured;
  } finally {
    await removeAll(room, networks);
    await settled(bench.signal);
  }
}

async function populate(bench: Bench, room: NetworkRoom, networks: NamedNetwork[], count: number): Promise<void> {
  while (networks.length < count) {
    bench.signal.throwIfAborted();
    const network = guarded(networks.length);
    networks.push(network);
    await room.create(network);
  }
  bench.say(`${count} workloads are there`);
}

function guarded(number: number): NamedNetwork {
  const network = sandbox(0, number);
  const port = { protocol: 'tcp', host: FIRST_PORT + number, guest: 80 } as const;
  const { egress, ...rest } = network.firewall;
  return { ...network, firewall: { ...rest, egress: { ...egress, deny: [DENIED] }, ports: [port] } };
}

/** Through the room, there and back; both are updates. */
function updates(
  name: string,
  room: NetworkRoom,
  networks: readonly NamedNetwork[],
  changed: (plain: Firewall) => Firewall,
): Way {
  return {
    name,
    async run(numbers) {
      const values: number[] = [];
      for (const number of numbers) {
        const from = networks[number % networks.length] ?? guarded(number);
        const to = { ...from, firewall: changed(from.firewall) };
        values.push(await time(() => room.update(from, to)));
        values.push(await time(() => room.update(to, from)));
      }
      return values;
    },
  };
}

const RIVAL = 'nft add element';

/** The same element by nft(8), into the same table, and away again. */
function elements(networks: readonly NamedNetwork[]): Way {
  return {
    name: RIVAL,
    missing: existsSync(NFT) ? undefined : 'no nft (nftables)',
    async run(numbers) {
      const values: number[] = [];
      for (const number of numbers) {
        await turn();
        const { address } = networks[number % networks.length] ?? guarded(number);
        const element = ['element', 'inet', TABLE, 'metadata', `{ ${address} }`];
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
