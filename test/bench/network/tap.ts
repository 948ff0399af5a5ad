// A persistent tap that one user may open, up: what a VMM that someone else starts is given. The recipe is that and no
// more; the room's is a sandbox: with a tag, an address and a route.
import { makePersistentTap } from '../../../linux/tuntap.js';
import { openHost } from '../../../netns/host.js';
import { openNetworkRoom } from '../../../netns/index.js';
import { setLink } from '../../../netns/netlink/link.js';
import { GATEWAY } from '../../../netns/types.js';
import type { Part } from '../group.js';
import { interleave, time, turn, type Way } from '../interleave.js';
import { ip } from './iproute.js';
import { LINK_PREFIX, slot, TAP, TAP_UID } from './names.js';
import { roomWay } from './ours.js';
import { removeLinks, settled } from './world.js';

const WARM_UP = [1000, 1001, 1002, 1003, 1004];
const GATEWAY_MAC = 'ee:ee:ee:ee:ee:ee';

export const tap: Part = {
  name: 'tap',
  what: 'a persistent tap with an owner, up, alone and as a sandbox, against the same by ip',
  async run(bench) {
    const turns = bench.quick ? { rounds: 2, each: 5 } : { rounds: 4, each: 50 };
    const settle = () => settled(bench.signal);
    const room = openNetworkRoom();
    const onHost = roomWay(room, (number) => ({ ...slot(0, number), netns: null }));
    const ways = [recipe, bare, onHost, whole];
    try {
      const values = await interleave(ways, { ...bench, ...turns, settle, warmUp: WARM_UP });
      const of = ({ name }: Way) => values.get(name) ?? [];
      const line = { unit: 'ms', target: { atLeast: 15 } };
      return [
        { ...line, name: 'make a tap, recipe alone', peer: bare.name, ours: of(recipe), theirs: of(bare) },
        { ...line, name: 'create a sandbox of a tap', peer: whole.name, ours: of(onHost), theirs: of(whole) },
      ];
    } finally {
      await room.close();
      removeLinks(LINK_PREFIX);
      await settle();
    }
  },
};

const recipe: Way = {
  name: 'recipe',
  async run(numbers) {
    const host = openHost();
    try {
      const values: number[] = [];
      for (const number of numbers) {
        const name = `${LINK_PREFIX}t0-${number}`;
        const up = { op: 'RTM_SETLINK', path: name };
        const work = () => {
          makePersistentTap(name, TAP);
          host.rtnl.transact([{ ...up, message: setLink({ name, up: true }) }]);
        };
        values.push(await time(work));
      }
      return values;
    } finally {
      host.close();
    }
  },
};

const bare = commands('ip tuntap, ip link', (number) => {
  const name = `${LINK_PREFIX}t1-${number}`;
  return [`tuntap add dev ${name} mode tap user ${TAP_UID} vnet_hdr`, `link set ${name} up`];
});

const whole = commands('4 times ip', (number) => {
  const { hostLink, owner, mtu, group, address } = slot(1, number);
  return [
    `tuntap add dev ${hostLink} mode tap user ${TAP_UID} vnet_hdr`,
    `link set ${hostLink} address ${GATEWAY_MAC} mtu ${mtu} alias ${owner} group ${group} up`,
    `addr add ${GATEWAY}/32 dev ${hostLink} scope link`,
    `route add ${address}/32 dev ${hostLink} scope link src ${GATEWAY}`,
  ];
});

function commands(name: string, lines: (number: number) => readonly string[]): Way {
  return {
    name,
    async run(numbers) {
      const values: number[] = [];
      for (const number of numbers) {
        await turn();
        const work = () => {
          for (const line of lines(number)) ip(line.split(' '));
        };
        values.push(await time(work));
      }
      return values;
    },
  };
}
