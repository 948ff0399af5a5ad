import test from 'ava';
import { Ledger } from '../../../agent/density/ledger.js';
import { demand, Gi, host, tenantLimits } from './shapes.js';

const TENANTS = Array.from({ length: 300 }, (_, at) => `t-${String(at).padStart(3, '0')}`);

function ledger(): Ledger {
  const limits = Object.fromEntries(TENANTS.map((name) => [name, tenantLimits({ memory: Gi, cpu: 1000 })]));
  const made = new Ledger(host({ memory: 64 * Gi, cpu: 64_000 }, limits));
  for (const tenant of TENANTS.slice(0, 100)) made.commit(`of-${tenant}`, demand({}, { tenant }));
  made.commit('beside', demand({}, { tenant: 'beside' }));
  return made;
}

test('what all share and what each tenant has are together all rows, each once', (t) => {
  const made = ledger();
  const shared = made.sharedRows();
  const names = made.tenants();
  t.deepEqual(names, [...TENANTS, 'beside'].sort());
  const ofTenants = [...made.rowsOfTenants(names).values()].flat();
  t.deepEqual([...shared, ...ofTenants], made.rows());
  t.true(shared.every(({ scope }) => !scope.startsWith('tenant/')));
  t.deepEqual(
    [...new Set(ofTenants.map(({ scope }) => scope))],
    names.map((name) => `tenant/${name}`),
  );
});
