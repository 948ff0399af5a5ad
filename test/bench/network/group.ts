// The network room against ip(8), CNI and C; all through `openNetworkRoom`, that is with the way to its worker thread.
import type { Group } from '../group.js';
import { create } from './create.js';
import { firewall } from './firewall.js';
import { floods } from './floods.js';
import { handout } from './handout.js';
import { remove } from './remove.js';
import { shaping } from './shaping.js';
import { slots } from './slots.js';
import { tap } from './tap.js';
import { leftovers, WORLD } from './world.js';

export const network: Group = {
  name: 'network',
  what: 'namespaces, links, taps and routes against ip, CNI and C',
  wrapper: WORLD,
  parts: [create, remove, tap, handout, slots, shaping, firewall, floods],
  missing: () => (process.getuid?.() === 0 ? undefined : 'needs root'),
  leftovers,
};
