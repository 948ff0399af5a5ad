// Pools of licences with who has them, for `berth licence list`.
import type { LicenceView } from '../model/licence.js';
import type { Density } from './density.js';

/** All pools, or one. */
export function licenceViews({ ledger, licences }: Density, only?: string): LicenceView[] {
  const totals = licences.totals();
  const names = only === undefined ? licences.names() : [only];
  return names.map((name) => {
    const { per, on_exhausted: onExhausted, count } = licences.definition(name);
    const scope = `licence/${name}`;
    const holders = [...ledger.holds()].flatMap(([workload, { demand, phase }]) => {
      const amount = demand.extras.find((extra) => extra.scope === scope)?.amount;
      if (amount === undefined || phase !== 'committed') return [];
      return [{ workload, tenant: demand.tenant, count: amount }];
    });
    const { committed: inUse, reserved } = ledger.pool(scope);
    const total = totals.get(name) ?? count;
    return { name, per, onExhausted, count, leases: licences.leases(name), total, inUse, reserved, holders };
  });
}
