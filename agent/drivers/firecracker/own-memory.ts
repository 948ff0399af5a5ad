// What Firecracker itself has in memory: every mapping but those of the guest, whose sizes are known.
import type { Mapping } from '../../../linux/smaps.js';
import { guestMib } from './machine-config.js';

const DATA = /^rw-/;
/** x86-64: guest memory below this address, the rest above 4 GiB (Firecracker, arch/x86_64/layout.rs). arm64 has one piece. */
const BELOW_GAP = 0xd000_0000;
const MIB = 2 ** 20;

/** Sizes of the mappings of a guest, in bytes. */
export function guestRegions(memory: number, arch: string = process.arch): number[] {
  const bytes = guestMib(memory) * MIB;
  return arch !== 'x64' || bytes <= BELOW_GAP ? [bytes] : [BELOW_GAP, bytes - BELOW_GAP];
}

/** Undefined unless each region of the guest is exactly one mapping. `memory`: the guest's, in bytes. */
export function ownMemory(memory: number, mappings: readonly Mapping[]): number | undefined {
  const guest = guestRegions(memory).map((size) =>
    mappings.filter((mapping) => mapping.size === size && DATA.test(mapping.mode)),
  );
  if (guest.some((found) => found.length !== 1)) return undefined;
  const regions = new Set(guest.flat());
  return mappings.reduce((sum, mapping) => sum + (regions.has(mapping) ? 0 : mapping.pss + mapping.swapPss), 0);
}
