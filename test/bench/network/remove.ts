// The time until 200 sandboxes are gone. One RTM_DELLINK waits for RCU whether it deletes one link or many.
import { openNetworkRoom } from '../../../netns/index.js';
import type { NetworkRoom } from '../../../netns/types.js';
import type { Bench, Part } from '../group.js';
import { interleave, time, turn, type Way } from '../interleave.js';
import { cniMissing, cniWay, removeCniBridge } from './cni.js';
import { ip } from './iproute.js';
import { sandbox, series } from './names.js';
import { removeAll } from './ours.js';
import { settled } from './world.js';

export const remove: Part = {
  name: 'remove',
  what: 'deletion of 200 sandboxes: by the room in batches, by CNI DEL and by ip link del one after the other',
  async run(bench) {
    const room = openNetworkRoom();
    const [rounds, count] = bench.quick ? [1, 10] : [3, 200];
    const numbers = Array.from({ length: count }, (_, at) => at);
    const ways = [ours(bench, room, numbers), cni(bench, room, numbers), links(bench, room, numbers)];
    try {
      const values = await interleave(ways, { ...bench, rounds, each: 1, settle: () => settled(bench.signal) });
      return ways.slice(1).map(({ name, missing }) => ({
        name: `delete ${count} sandboxes`,
        peer: name,
        unit: 'ms',
        ours: values.get('room') ?? [],
        theirs: missing ?? values.get(name) ?? [],
        target: { atLeast: 35 },
      }));
    } finally {
      await removeAll(
        room,
        ways.flatMap((_, way) => numbers.map((number) => sandbox(way, number))),
      );
      removeCniBridge();
      await room.close();
      await settled(bench.signal);
    }
  },
};

// Only the deletion counts; what is made before it, and what a rival leaves to others, the name of the namespace, is not.

function ours(bench: Bench, room: NetworkRoom, numbers: readonly number[]): Way {
  return {
    name: 'room',
    async run() {
      const networks = numbers.map(series(0));
      for (const network of networks) await room.create(network);
      await settled(bench.signal);
      return [await time(() => removeAll(room, networks))];
    },
  };
}

function cni(bench: Bench, room: NetworkRoom, numbers: readonly number[]): Way {
  const add = cniWay('ADD', series(1), bench.directory, (netns) => room.createIsolated(netns));
  const del = cniWay('DEL', series(1), bench.directory);
  return {
    name: del.name,
    missing: cniMissing(),
    async run() {
      await add.run(numbers);
      await settled(bench.signal);
      const each = await del.run(numbers);
      await removeAll(room, numbers.map(series(1)));
      return [each.reduce((sum, value) => sum + value, 0)];
    },
  };
}

function links(bench: Bench, room: NetworkRoom, numbers: readonly number[]): Way {
  return {
    name: 'ip link del',
    async run() {
      const networks = numbers.map(series(2));
      for (const network of networks) await room.create(network);
      await settled(bench.signal);
      let sum = 0;
      for (const { hostLink } of networks) {
        await turn();
        sum += await time(() => ip(['link', 'del', hostLink]));
      }
      await removeAll(room, networks);
      return [sum];
    },
  };
}
