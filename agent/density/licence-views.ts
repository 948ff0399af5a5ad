// Pools of licences with who has them, for `berth licence list`.
import { inRange } from '../base/pages.js';
import { type LicenceFilter, type LicenceHolder, type LicenceView, MOST_HOLDERS } from '../model/licence.js';
import type { Density } from './density.js';

type Source = Pick<Density, 'ledger' | 'licences'>;

/** Pools in the range, by name. */
export function licenceViews({ ledger, licences }: Source, filter: LicenceFilter = {}): LicenceView[] {
  const { only, sees = () => true, ...range } = filter;
  const totals = licences.totals();
  const names = only === undefined ? inRange(licences.names(), (name) => name, range) : [only];
  const held = holdersOf(ledger, new Set(names), sees);
  return names.map((name) => {
    const { per, on_exhausted: onExhausted, count } = licences.definition(name);
    const { committed: inUse, reserved } = ledger.pool(`licence/${name}`);
    const all = (held.get(name) ?? []).sort((a, b) => (a.workload < b.workload ? -1 : 1));
    const holders = all.slice(0, MOST_HOLDERS);
    return {
      ...{ name, per, onExhausted, count, leases: licences.leases(name), total: totals.get(name) ?? count },
      ...{ inUse, reserved, holders },
      ...(all.length > holders.length ? { moreHolders: all.length - holders.length } : {}),
    };
  });
}

/** One look at all that hold anything, however many licences there are. */
function holdersOf(
  ledger: Source['ledger'],
  names: ReadonlySet<string>,
  sees: (tenant: string) => boolean,
): Map<string, LicenceHolder[]> {
  const found = new Map([...names].map((name) => [name, [] as LicenceHolder[]]));
  for (const [workload, { demand, phase }] of ledger.holds()) {
    if (phase !== 'committed' || !sees(demand.tenant)) continue;
    for (const { scope, amount } of demand.extras)
      if (scope.startsWith('licence/'))
        found.get(scope.slice('licence/'.length))?.push({ workload, tenant: demand.tenant, count: amount });
  }
  return found;
}
