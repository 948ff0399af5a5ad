// Slots are made by the recipe of every sandbox, without the part that needs an address.
import { constants } from 'node:os';
import { SysError } from '../../linux/errors.js';
import { refuseForeign } from '../foreign.js';
import type { Host } from '../host.js';
import { statsOf } from '../link-stats.js';
import { linkNameFor } from '../names.js';
import { listNamespaces } from '../namespaces.js';
import type { Link } from '../netlink/link.js';
import type { Prepared } from '../protocol.js';
import { IDLE_REMOVAL_BATCH, removeSandboxes } from '../removal.js';
import { type AfterStep, provideBase } from '../sandbox/base.js';
import type { SlotKind } from '../types.js';
import { holdSlot, isFreeTag, letGo, slotBase } from './held.js';

/** Makes, completes or mends a slot that nobody has. Throws SysError; EEXIST when somebody has it. */
export function prepareSlot(host: Host, netns: string, kind: SlotKind, afterStep: AfterStep = () => {}): Prepared {
  const { settings } = host;
  if (settings?.slots == null) throw new SysError('slot', constants.errno.EINVAL, { path: netns, note: 'no pool' });
  const base = slotBase(settings, netns, kind, settings.slots.mtu);
  const { hostLink, mac } = base;
  const holder = host.rtnl.link({ name: hostLink })?.alias;
  if (holder !== undefined && holder !== '' && !isFreeTag(settings, holder)) {
    const note = `its link belongs to ${JSON.stringify(holder)}`;
    throw new SysError('slot', constants.errno.EEXIST, { path: netns, note });
  }
  letGo(host, netns);
  refuseForeign(host, { netns, hostLink, owner: holder ?? base.owner });
  provideBase(host, base, afterStep, () => {});
  holdSlot(host, netns, hostLink);
  return { hostLink, mac, baseline: statsOf(host, hostLink) };
}

/** Removes all slots that nobody has. */
export function removeSlots(host: Host): void {
  const removals = freeSlots(host).map((slot) => ({ ...slot, network: null, recycle: false, patient: false }));
  for (let at = 0; at < removals.length; at += IDLE_REMOVAL_BATCH)
    for (const { error } of removeSandboxes(host, removals.slice(at, at + IDLE_REMOVAL_BATCH))) if (error) throw error;
}

/** Slots that nobody has, whole or half-made, and the first number that no slot has, of whomever. */
export function findSlots(host: Host): { free: { netns: string; kind: SlotKind }[]; next: number } {
  const prefix = host.settings?.slots?.netnsPrefix;
  if (prefix === undefined) return { free: [], next: 0 };
  const numbers = listNamespaces(prefix)
    .map((name) => Number(name.slice(prefix.length)))
    .filter(Number.isSafeInteger);
  const free = freeSlots(host).map(({ netns, hostLink }) => ({ netns, kind: kindOf(host, netns, hostLink) }));
  return { free, next: Math.max(-1, ...numbers) + 1 };
}

/** With the tag that each has. */
function freeSlots(host: Host): { netns: string; hostLink: string; owner: string }[] {
  const { settings } = host;
  if (settings?.slots == null) return [];
  const isOurs = ({ name, alias }: Link) => name.startsWith(settings.linkPrefix) && isFreeTag(settings, alias);
  const tags = new Map(host.rtnl.links(isOurs, { counters: false }).map(({ name, alias = '' }) => [name, alias]));
  return listNamespaces(settings.slots.netnsPrefix).flatMap((netns) => {
    const hostLink = linkNameFor(settings.linkPrefix, netns);
    const owner = tags.get(hostLink);
    return owner === undefined ? [] : [{ netns, hostLink, owner }];
  });
}

function kindOf(host: Host, netns: string, hostLink: string): SlotKind {
  try {
    return holdSlot(host, netns, hostLink).tap === null ? 'veth' : 'tap';
  } catch (error) {
    // Half-made: it is completed as the simpler kind.
    if (error instanceof SysError) return 'veth';
    throw error;
  }
}
