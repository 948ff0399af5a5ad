// A persistent tap that one user may open, up: what a VMM that someone else starts is given.
import { makePersistentTap } from '../../../linux/tuntap.js';
import { openHost } from '../../../netns/host.js';
import { setLink } from '../../../netns/netlink/link.js';
import type { Part } from '../group.js';
import { interleave, time, turn, type Way } from '../interleave.js';
import { ip } from './iproute.js';
import { LINK_PREFIX, TAP_UID } from './names.js';
import { removeLinks, settled } from './world.js';

export const tap: Part = {
  name: 'tap',
  what: 'a persistent tap with an owner, up: by the recipe, and by ip tuntap add and ip link set',
  async run(bench) {
    const turns = bench.quick ? { rounds: 2, each: 5 } : { rounds: 4, each: 50 };
    try {
      const values = await interleave([recipe, iproute], { ...bench, ...turns, settle: () => settled(bench.signal) });
      const [ours, theirs] = [values.get(recipe.name) ?? [], values.get(iproute.name) ?? []];
      return [{ name: 'make a tap', peer: iproute.name, unit: 'ms', ours, theirs, target: { atLeast: 15 } }];
    } finally {
      removeLinks(LINK_PREFIX);
      await settled(bench.signal);
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
          makePersistentTap(name, { uid: TAP_UID, multiQueue: false, vnetHeader: true });
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

const iproute: Way = {
  name: 'ip tuntap, ip link',
  async run(numbers) {
    const values: number[] = [];
    for (const number of numbers) {
      await turn();
      const name = `${LINK_PREFIX}t1-${number}`;
      const work = () => {
        ip(['tuntap', 'add', 'dev', name, 'mode', 'tap', 'user', String(TAP_UID), 'vnet_hdr']);
        ip(['link', 'set', name, 'up']);
      };
      values.push(await time(work));
    }
    return values;
  },
};
