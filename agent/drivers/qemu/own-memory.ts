// What QEMU itself has in memory. Nobody counts the guest's pages apart: they are anonymous as QEMU's own are, and a memfd
// for them would cost huge pages and KSM. But they are one mapping, and its size is known.
import type { Mapping } from '../../../linux/smaps.js';
import { ramSize } from './arguments.js';

/** Code that TCG has translated is mapped `rwx`. */
const DATA = /^rw-/;

/**
 * All mappings but the guest's, swapped-out pages included, of pages shared with other processes its part. Undefined unless
 * exactly one mapping can be the guest's. `memory`: the guest's, in bytes.
 */
export function ownMemory(memory: number, mappings: readonly Mapping[]): number | undefined {
  const size = ramSize(memory);
  const guest = mappings.filter((mapping) => mapping.size === size && DATA.test(mapping.mode));
  if (guest.length !== 1) return undefined;
  return mappings.reduce((sum, mapping) => sum + (mapping === guest[0] ? 0 : mapping.pss + mapping.swapPss), 0);
}
