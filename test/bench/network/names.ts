// Names and addresses of the sandboxes: the same for every way of making them, so that the kernel does the same work.
import { PLAIN_FIREWALL, UNLIMITED } from '../../../netns/defaults.js';
import { macFor } from '../../../netns/names.js';
import type { SandboxNetwork, Tap } from '../../../netns/types.js';

export const NETNS_PREFIX = 'bench-berth-';
export const LINK_PREFIX = 'bz';
export const OWNER_PREFIX = 'bench-berth:';
/** The user that the taps belong to. */
export const TAP_UID = 4321;

export const TAP: Tap = { name: 'tap0', uid: TAP_UID, multiQueue: false, vnetHeader: true, guestAddress: null };

export type NamedNetwork = SandboxNetwork & { readonly netns: string };

/** A container's sandbox. `series`, 0 to 49, tells the ways apart; `number` is below 65,000. */
export function sandbox(series: number, number: number): NamedNetwork {
  const id = `${series}-${number}`;
  return {
    netns: `${NETNS_PREFIX}${id}`,
    hostLink: `${LINK_PREFIX}${id}`,
    address: `10.${200 + series}.${(number + 1) >> 8}.${(number + 1) & 255}`,
    address6: null,
    mac: macFor(id),
    owner: `${OWNER_PREFIX}${id}`,
    mtu: 1500,
    group: 1,
    attachment: { mode: 'routed' },
    tap: null,
    bandwidth: UNLIMITED,
    firewall: PLAIN_FIREWALL,
  };
}

/** The sandboxes of one way. */
export function series(of: number): (number: number) => NamedNetwork {
  return (number) => sandbox(of, number);
}

/** A microVM's slot: a tap behind the veth pair. */
export function slot(series: number, number: number): NamedNetwork {
  return { ...sandbox(series, number), tap: TAP };
}
