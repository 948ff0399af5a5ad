// The pool of huge pages of the host, from which the memory of a guest can be taken (hugetlbpage.rst).
import { join } from 'node:path';
import { readOptional } from '../../linux/proc.js';
import { BerthError } from '../../protocol/errors.js';
import type { Machine } from '../model/driver-kind.js';
import { HUGE_PAGE } from '../model/qemu-spec.js';

type Guest = Pick<Machine, 'memory'> & { readonly hugepages?: Machine['hugepages'] };

const POOLS = 'kernel/mm/hugepages';

/** Bytes of the guest that count in memory.current: none when it is in huge pages, which the hugetlb controller counts. */
export function chargedMemory({ memory, hugepages }: Guest): number {
  return hugepages === undefined ? memory : 0;
}

/**
 * Throws `hugepages_missing`, naming `field`, when the pool has fewer free pages than the guest needs. Nothing is held by this: two starts
 * may see the same pages, and the VMM of the second then ends with `unable to allocate` in its output.
 */
export function requireHugePages({ memory, hugepages }: Guest, field: string, sys = '/sys'): void {
  if (hugepages === undefined) return;
  const bytes = HUGE_PAGE[hugepages];
  const pool = join(sys, POOLS, `hugepages-${bytes / 1024}kB`);
  const count = (file: string): number | undefined => {
    const text = readOptional(join(pool, file));
    return text === undefined ? undefined : Number(text);
  };
  const free = count('free_hugepages');
  const need = memory / bytes;
  if (free === undefined)
    throw new BerthError('hugepages_missing', `${field}: this kernel has no huge pages of ${hugepages}`, {
      hint: 'Choose the other size, or boot with `hugepagesz=1G hugepages=N`.',
      data: { size: hugepages },
    });
  // Those reserved are free as yet, and promised to somebody.
  const left = free - (count('resv_hugepages') ?? 0);
  if (left >= need) return;
  throw new BerthError('hugepages_missing', `${field}: ${need} of ${hugepages} are needed, ${left} are free`, {
    data: { size: hugepages, need, free: left },
  });
}
