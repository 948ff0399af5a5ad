// Families of the host as a whole; others than berth's workloads are in them, too.
import type { HostStalls } from '../../density/governor/pressure.js';
import type { Collectors } from '../collectors.js';

/** As they were at the last sample; undefined: the kernel does not say. */
export interface HostFigures {
  readonly stalls: HostStalls | undefined;
  /** Bytes. */
  readonly ksmProfit: number | undefined;
}

export interface HostSource {
  host(): HostFigures;
}

export function addHostFamilies(c: Collectors, source: HostSource): void {
  c.counter(
    'berth_host_pressure_seconds_total',
    'Time in which the host stalled for want of a resource (PSI); some: at least one task, full: all of them.',
    ['resource', 'kind'],
    () => {
      const { stalls } = source.host();
      if (stalls === undefined) return [];
      const of = (resource: keyof HostStalls, kind: 'some' | 'full') => {
        const { someUsec, fullUsec } = stalls[resource];
        return [{ resource, kind }, (kind === 'some' ? someUsec : fullUsec) / 1e6] as const;
      };
      // Of cpus the kernel writes zeros for `full`: on the whole system it has no meaning (psi.rst).
      const both = (['memory', 'io'] as const).flatMap((resource) => [of(resource, 'some'), of(resource, 'full')]);
      return [of('cpu', 'some'), ...both];
    },
  );
  c.gauge(
    'berth_host_ksm_profit_bytes',
    'Memory that merging of equal pages (KSM) saves on this host, less its own bookkeeping; absent where the kernel does not say.',
    [],
    () => {
      const { ksmProfit } = source.host();
      return ksmProfit === undefined ? [] : [[{}, ksmProfit]];
    },
  );
}
