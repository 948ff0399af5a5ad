// Which overhead a new VM counts with: the one that is configured, or the one that was measured. Pure.
import { parseSize } from '../../base/units.js';
import type { Config } from '../../config/schema.js';
import { DRIVER_NAMES, type DriverName, type WorkloadSpec } from '../../model/spec.js';
import type { Known } from './learned.js';

export type Mode = Config['density']['overhead'];

/** Who has measured. */
export interface OverheadPort {
  /** Of VMs of the size of this one. */
  known(spec: WorkloadSpec): Known | undefined;
  sizes(driver: DriverName): readonly Known[];
}

/** Of one kind, and of one size of its VMs where any was measured. Bytes. */
export interface OverheadView {
  readonly driver: DriverName;
  /** `2 vcpus 512Mi`: VMs of up to so many; null: nothing was measured of the driver. */
  readonly size: string | null;
  readonly configured: number;
  /** 98th percentile and a tenth, as measured; null: nothing was. */
  readonly measured: number | null;
  readonly samples: number;
  /** Starts of VMs that were measured. */
  readonly runs: number;
  /** What the next one counts with; one of class guaranteed always with what is configured. */
  readonly counts: Mode;
  readonly counted: number;
  /** Counted for each workload of the kind besides (density.kind.KIND.surcharge). */
  readonly surcharge: number;
}

/** Less than this share of what is configured is not believed: somebody has to look at it, and configure less. */
const LEAST = 1 / 4;
const MIB = 2 ** 20;

/**
 * Never more than what is configured: that is in memory.max, and a VMM that needs more gets none. A guaranteed VM has its
 * whole memory.max protected (memory.min), and so the ledger counts that.
 */
export function overheadFor(
  of: WorkloadSpec['class'],
  configured: number,
  mode: Mode,
  known: Known | undefined,
): number {
  if (mode === 'configured' || of === 'guaranteed' || known?.enough !== true) return configured;
  return Math.min(configured, Math.ceil(Math.max(known.bytes, configured * LEAST) / MIB) * MIB);
}

/** Every kind, each size of it that was measured. */
export function overheadViews(
  { density, drivers }: Pick<Config, 'density' | 'drivers'>,
  measured: OverheadPort | undefined,
): OverheadView[] {
  /** A driver without keys has none. */
  const sections: Partial<Record<DriverName, object>> = drivers;
  return DRIVER_NAMES.flatMap((driver) => {
    const settings = sections[driver] ?? {};
    const configured = 'overhead' in settings ? (parseSize(String(settings.overhead)) ?? 0) : 0;
    const figures = { configured, surcharge: parseSize(density.kind[driver].surcharge) ?? 0 };
    const sizes = measured?.sizes(driver) ?? [];
    const all = sizes.length === 0 ? [undefined] : sizes;
    return all.map((known) => viewOf(driver, figures, density.overhead, known));
  });
}

function viewOf(
  driver: DriverName,
  { configured, surcharge }: { readonly configured: number; readonly surcharge: number },
  mode: Mode,
  known: Known | undefined,
): OverheadView {
  const counts = mode === 'measured' && known?.enough === true ? 'measured' : 'configured';
  return {
    ...{ driver, size: known?.size ?? null, configured, measured: known?.bytes ?? null },
    ...{ samples: known?.samples ?? 0, runs: known?.runs ?? 0 },
    ...{ counts, counted: overheadFor('burstable', configured, mode, known), surcharge },
  };
}
