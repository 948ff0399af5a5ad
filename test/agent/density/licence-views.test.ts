import test from 'ava';
import { Ledger } from '../../../agent/density/ledger.js';
import { licenceViews } from '../../../agent/density/licence-views.js';
import { MOST_HOLDERS } from '../../../agent/model/licence.js';
import { demand, host } from './shapes.js';

const NAMES = ['db', 'os'];

function source(holders: number) {
  const ledger = new Ledger(host({}));
  for (let at = 0; at < holders; at++) {
    const tenant = at % 2 === 0 ? 'acme' : 'globex';
    const extras = NAMES.map((name) => ({ scope: `licence/${name}`, dimension: 'licences', amount: 1 }) as const);
    ledger.commit(`w-${String(at).padStart(5, '0')}`, demand({}, { tenant, extras }));
  }
  const definition = { per: 'instance', on_exhausted: 'refuse', count: 10_000 } as const;
  const licences = {
    names: () => NAMES,
    totals: () => new Map(NAMES.map((name) => [name, 10_000])),
    definition: () => definition,
    leases: () => [],
  };
  return { ledger, licences } as unknown as Parameters<typeof licenceViews>[0];
}

test('thousands of holders: the first by id, how many more there are, and how many of all are in use', (t) => {
  const views = licenceViews(source(5000));
  t.deepEqual(
    views.map(({ name, inUse, holders, moreHolders }) => [name, inUse, holders.length, moreHolders]),
    NAMES.map((name) => [name, 5000, MOST_HOLDERS, 5000 - MOST_HOLDERS]),
  );
  t.is(views[0]?.holders.at(-1)?.workload, 'w-00099');
});

test('a holder of a tenant that is not seen is neither listed nor counted', (t) => {
  const [view] = licenceViews(source(300), { only: 'db', sees: (tenant) => tenant === 'acme' });
  t.deepEqual([view?.holders[1]?.workload, view?.holders.length, view?.moreHolders], ['w-00002', 100, 50]);
  const [few] = licenceViews(source(4), { only: 'db' });
  t.deepEqual([few?.holders.length, few?.moreHolders], [4, undefined]);
});

test('pages of pools, by name', (t) => {
  t.deepEqual(
    licenceViews(source(0), { after: 'db', most: 5 }).map(({ name }) => name),
    ['os'],
  );
});
