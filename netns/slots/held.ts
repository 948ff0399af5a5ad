// What the worker keeps of each slot: a socket inside, so that handing out needs no change of namespace, and the
// indices of its links.
import { constants } from 'node:os';
import { SysError } from '../../linux/errors.js';
import type { HeldSlot, Host } from '../host.js';
import { linkNameFor, macFor } from '../names.js';
import { openNamed } from '../namespaces.js';
import type { Bare } from '../sandbox/layout.js';
import type { RoomSettings, SandboxNetwork, SlotKind, Tap } from '../types.js';

export const SLOT_TAP: Tap = { name: 'tap0', uid: 0, multiQueue: false, vnetHeader: true, guestAddress: null };

/** Whether the ifalias of a host link says: a slot of ours that nobody has. */
export function isFreeTag(settings: RoomSettings, alias: string | undefined): boolean {
  const { slot, former } = settings.tags;
  return alias !== undefined && (alias === slot || alias === former?.slot);
}

/** A slot as a sandbox without addresses. Group 0 is in no set of the firewall: nothing passes. */
export function slotBase(settings: RoomSettings, netns: string, kind: SlotKind, mtu: number): Bare {
  return {
    netns,
    hostLink: linkNameFor(settings.linkPrefix, netns),
    owner: settings.tags.slot,
    mac: macFor(netns),
    mtu,
    group: 0,
    attachment: { mode: 'routed' },
    tap: kind === 'tap' ? SLOT_TAP : null,
    address: null,
    address6: null,
  };
}

/** Whether a sandbox can be made of a slot of its kind: what differs is only what is set at the hand-out. */
export function fitsSlot(network: SandboxNetwork, mtu: number): boolean {
  const { netns, attachment, address6, tap } = network;
  if (netns === null || attachment.mode !== 'routed' || address6 !== null || network.mtu !== mtu) return false;
  return tap === null || (tap.name === SLOT_TAP.name && tap.vnetHeader && !tap.multiQueue);
}

/** Opens the slot and keeps it open. Throws SysError ENODEV when a part of it is missing. */
export function holdSlot(host: Host, netns: string, hostLink: string): HeldSlot {
  const kept = host.slots.get(netns);
  if (kept !== undefined) return kept;
  const inside = openNamed(host, netns);
  const outer = host.rtnl.link({ name: hostLink });
  const eth0 = inside?.rtnl.link({ name: 'eth0' });
  if (inside === undefined || outer === undefined || eth0 === undefined) {
    inside?.close();
    throw new SysError('slot', constants.errno.ENODEV, { path: netns, note: 'a part of it is missing' });
  }
  const tap = inside.rtnl.link({ name: SLOT_TAP.name })?.index ?? null;
  const { mac } = eth0;
  const held = { inside, hostLink, hostIndex: outer.index, eth0: eth0.index, tap, mac, owner: outer.alias };
  host.slots.set(netns, held);
  return held;
}

/** Nobody has it, and it is as a new one. */
export function isFree(host: Host, slot: HeldSlot): boolean {
  return host.settings !== undefined && isFreeTag(host.settings, slot.owner);
}

/** Must precede the removal of the namespace: an open socket keeps it alive. */
export function letGo(host: Host, netns: string): void {
  host.slots.get(netns)?.inside.close();
  host.slots.delete(netns);
}
