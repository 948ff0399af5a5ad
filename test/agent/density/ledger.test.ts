import test from 'ava';
import { Ledger } from '../../../agent/density/ledger.js';
import type { Limits } from '../../../agent/density/limits.js';
import { DIMENSION_NAMES, type DimensionName, vector } from '../../../agent/model/dimensions.js';
import { fc, holds } from '../../runner/property.js';
import { demand, Gi, host, Mi, tenantLimits } from './shapes.js';

const dimensionsOf = (ledger: Ledger, id: string, asked: Parameters<Ledger['check']>[1]) =>
  ledger.check(id, asked).map(({ scope, dimension }) => `${scope} ${dimension}`);
const row = (ledger: Ledger, scope: string, dimension: DimensionName) =>
  ledger.rows().find((one) => one.scope === scope && one.dimension === dimension);

test('a refusal says dimension, scope, limit, use, request and what is missing', (t) => {
  const ledger = new Ledger(host({ memory: 4 * Gi }, { acme: tenantLimits({ memory: 4 * Gi }) }));
  ledger.commit('a', demand({ memory: 3.9 * Gi }));
  const [first, second] = ledger.check('b', demand({ memory: 256 * Mi }));
  t.like(first, { code: 'admission_refused', dimension: 'memory', scope: 'host', limit: '4Gi', used: '3.9Gi' });
  t.like(second, { scope: 'tenant/acme', requested: '256Mi', shortBy: '153.6Mi', retryAfterMs: null });
  t.regex(second?.hint ?? '', /berth tenant set acme memory=/);
});

test('each dimension refuses by itself, for the host, a kind and a tenant, with a hint', (t) => {
  for (const dimension of DIMENSION_NAMES) {
    const five = { [dimension]: 5 };
    const nothing = Object.fromEntries(DIMENSION_NAMES.map((name) => [name, 0]));
    const whole = demand({ ...nothing, ...five });
    const one = demand({ ...nothing, [dimension]: 1 });
    const kinds = new Map([['exec', vector(five, Number.POSITIVE_INFINITY)]] as const);
    for (const [limits, scope] of [
      [host(five), 'host'],
      [host({}, {}, { kinds }), 'kind/exec'],
      [host({}, { acme: tenantLimits(five) }), 'tenant/acme'],
    ] as const) {
      const ledger = new Ledger(limits);
      ledger.commit('a', whole);
      const [refusal, ...others] = ledger.check('b', one);
      t.like(refusal, { scope, dimension });
      t.deepEqual(others, []);
      t.regex(refusal?.hint ?? '', /^[A-Z].*\.$/);
      t.is(ledger.room(one).find((room) => room.scope === scope)?.more, 0);
    }
  }
});

test('a tenant at its count is refused while the host has room, and others are not', (t) => {
  const ledger = new Ledger(host({ workloads: 10 }, { small: tenantLimits({ workloads: 1 }) }));
  ledger.commit('a', demand({}, { tenant: 'small' }));
  t.is(ledger.check('b', demand({}, { tenant: 'small' }))[0]?.scope, 'tenant/small');
  t.deepEqual(ledger.check('b', demand({}, { tenant: 'other' })), []);
});

test('a guaranteed share is kept free for its tenant, who may borrow beyond it', (t) => {
  const tenants = { acme: tenantLimits({ cpu: 3000 }, { cpu: 2000 }) };
  const ledger = new Ledger(host({ cpu: 4000 }, tenants));
  t.deepEqual(ledger.check('x', demand({ cpu: 2000 }, { tenant: 'other' })), []);
  const [refusal] = ledger.check('x', demand({ cpu: 2001 }, { tenant: 'other' }));
  t.like(refusal, { scope: 'host', dimension: 'cpu', limit: 4, used: 2, shortBy: 0.001 });
  t.regex(refusal?.hint ?? '', /2 is kept free for other tenants/);
  ledger.commit('x', demand({ cpu: 2000 }, { tenant: 'other' }));
  t.deepEqual(ledger.check('a', demand({ cpu: 2000 })), []);
  t.deepEqual(dimensionsOf(ledger, 'a', demand({ cpu: 2500 })), ['host cpu']);
  ledger.release('x');
  t.deepEqual(ledger.check('a', demand({ cpu: 3000 })), [], 'what nobody uses is lent');
  t.deepEqual(dimensionsOf(ledger, 'a', demand({ cpu: 3001 })), ['tenant/acme cpu']);
  ledger.commit('a', demand({ cpu: 1500 }));
  t.is(ledger.room(demand({ cpu: 100 }, { tenant: 'other' })).find(({ dimension }) => dimension === 'cpu')?.more, 20);
  t.deepEqual(ledger.check('x', demand({ cpu: 2000 }, { tenant: 'other' })), []);
});

test('two tenants with shares never take each other’s, and each always gets its own', (t) => {
  const tenants = { a: tenantLimits({}, { cpu: 2000 }), b: tenantLimits({}, { cpu: 1000 }) };
  const ledger = new Ledger(host({ cpu: 4000 }, tenants));
  ledger.commit('1', demand({ cpu: 3000 }, { tenant: 'a' }));
  t.deepEqual(dimensionsOf(ledger, '2', demand({ cpu: 100 }, { tenant: 'a' })), ['host cpu']);
  t.deepEqual(dimensionsOf(ledger, '2', demand({ cpu: 100 }, { tenant: 'c' })), ['host cpu']);
  t.deepEqual(ledger.check('2', demand({ cpu: 1000 }, { tenant: 'b' })), []);
});

test('what a workload holds already is not counted against its own resize', (t) => {
  const ledger = new Ledger(host({ cpu: 1000, workloads: 1 }));
  ledger.commit('a', demand({ cpu: 1000 }));
  t.deepEqual(ledger.check('a', demand({ cpu: 500 })), []);
  t.deepEqual(dimensionsOf(ledger, 'a', demand({ cpu: 1001 })), ['host cpu']);
});

test('what was set aside for one tenant or kind is not another’s: his own quota and share count', (t) => {
  const tenants = { rich: tenantLimits({}, { cpu: 2000 }), poor: tenantLimits({ workloads: 0, cpu: 500 }) };
  const kinds = new Map([['qemu', vector({ workloads: 0 }, Number.POSITIVE_INFINITY)]] as const);
  const ledger = new Ledger(host({ cpu: 3000 }, tenants, { kinds }));
  ledger.reserve('a', demand({ cpu: 2000 }, { tenant: 'rich' }));
  t.deepEqual(dimensionsOf(ledger, 'a', demand({ cpu: 1000 }, { tenant: 'poor' })), [
    'tenant/poor workloads',
    'tenant/poor cpu',
  ]);
  t.deepEqual(dimensionsOf(ledger, 'a', demand({ cpu: 2000 }, { tenant: 'rich', kind: 'qemu' })), [
    'kind/qemu workloads',
  ]);
  // Without it the share of the rich one is kept free again.
  t.deepEqual(dimensionsOf(ledger, 'a', demand({ cpu: 1001 }, { tenant: 'other' })), ['host cpu']);
  t.deepEqual(ledger.check('a', demand({ cpu: 1000 }, { tenant: 'other' })), []);
});

test('a limit lowered under its use refuses new work, keeps count of the old, and lets it shrink', (t) => {
  const ledger = new Ledger(host({ cpu: 8000 }));
  ledger.commit('a', demand({ cpu: 4000 }));
  ledger.setLimits(host({ cpu: 2000 }, { acme: tenantLimits({ cpu: 1000 }) }));
  t.is(row(ledger, 'host', 'cpu')?.committed, 4);
  t.like(ledger.check('b', demand())[0], { dimension: 'cpu', used: 4, limit: 2, shortBy: 2.1 });
  t.deepEqual(ledger.check('a', demand({ cpu: 4000 })), []);
  t.deepEqual(ledger.check('a', demand({ cpu: 3000 })), []);
  t.is(ledger.check('a', demand({ cpu: 4001 })).length, 2);
});

test('a class of another overcommit counts for more, or less, of the host and the same of its tenant', (t) => {
  const factor = (of: { class: string }) => ({ cpu: of.class === 'guaranteed' ? 4 : 1, memory: 1 });
  const ledger = new Ledger(host({ cpu: 4000 }, { acme: tenantLimits({ cpu: 2000 }) }, { factor }));
  ledger.commit('a', demand({ cpu: 500 }, { class: 'guaranteed' }));
  t.is(row(ledger, 'host', 'cpu')?.committed, 2);
  t.is(row(ledger, 'tenant/acme', 'cpu')?.committed, 0.5);
  t.deepEqual(dimensionsOf(ledger, 'b', demand({ cpu: 501 }, { class: 'guaranteed' })), ['host cpu']);
  t.deepEqual(ledger.check('b', demand({ cpu: 1500 })), []);
});

test('what is reserved counts, apart from what is committed, and becomes that', (t) => {
  const ledger = new Ledger(host({ workloads: 1 }));
  ledger.reserve('a', demand());
  t.like(row(ledger, 'host', 'workloads'), { committed: 0, reserved: 1 });
  t.deepEqual(dimensionsOf(ledger, 'b', demand()), ['host workloads']);
  t.deepEqual(ledger.check('a', demand()), []);
  ledger.commit('a', demand());
  t.like(row(ledger, 'host', 'workloads'), { committed: 1, reserved: 0 });
  ledger.release('a');
  t.deepEqual(ledger.check('b', demand()), []);
});

test('pools of licences and bridges have scopes of their own', (t) => {
  const pools = new Map([['licence/db', { dimension: 'licences', capacity: 3, allocatable: 3 }]] as const);
  const ledger = new Ledger(host({}, {}, { pools }));
  const with2 = demand({}, { extras: [{ scope: 'licence/db', dimension: 'licences', amount: 2 }] });
  ledger.commit('a', with2);
  t.like(ledger.check('b', with2)[0], { scope: 'licence/db', dimension: 'licences', limit: 3, used: 2, shortBy: 1 });
  t.deepEqual(ledger.check('a', with2), []);
  t.deepEqual(
    ledger.rows().find(({ scope }) => scope === 'licence/db'),
    {
      ...{ scope: 'licence/db', dimension: 'licences', capacity: 3, kept: 0, allocatable: 3 },
      ...{ committed: 2, reserved: 0, used: null },
    },
  );
});

test('a tenant that has nothing leaves nothing behind', (t) => {
  const ledger = new Ledger(host({ workloads: 10 }));
  for (let n = 0; n < 1000; n++) {
    ledger.commit('a', demand({}, { tenant: `t${n}` }));
    ledger.release('a');
  }
  t.deepEqual(
    ledger.rows().filter(({ scope }) => scope.startsWith('tenant/')),
    [],
  );
});

test('room says how many more, by scope and dimension', (t) => {
  const ledger = new Ledger(host({ cpu: 1000, memory: Gi }, { acme: tenantLimits({ workloads: 4 }) }));
  ledger.commit('a', demand());
  const more = Object.fromEntries(ledger.room(demand()).map((room) => [`${room.scope} ${room.dimension}`, room.more]));
  t.deepEqual(more, { 'host cpu': 9, 'host memory': 15, 'tenant/acme workloads': 3 });
});

const TENANTS = ['a', 'b', 'c', 'd'];
const amount = fc.integer({ min: 0, max: 4000 });
const anyHold = fc.record({
  id: fc.integer({ min: 0, max: 12 }).map((at) => `w${at}`),
  gone: fc.boolean(),
  reserved: fc.boolean(),
  demand: fc
    .record({
      tenant: fc.constantFrom(...TENANTS),
      kind: fc.constantFrom('exec', 'qemu', 'oci'),
      class: fc.constantFrom('guaranteed', 'burstable', 'besteffort'),
      amounts: fc.record({ cpu: amount, memory: amount }),
    })
    .map(({ amounts, ...over }) => demand(amounts, over)),
});
/** Ratios that a computer can add without rounding. */
const ratio = fc.constantFrom(1, 2, 4, 0.5);
const anyLimits = fc
  .record({
    cpu: fc.integer({ min: 1, max: 20_000 }),
    tenants: fc.dictionary(
      fc.constantFrom(...TENANTS),
      fc.record({ quota: amount, cpu: amount, memory: amount }).map(({ quota, ...promised }) => {
        return tenantLimits({ cpu: quota }, promised);
      }),
    ),
    weights: fc.dictionary(
      fc.constantFrom('guaranteed qemu', 'besteffort exec'),
      fc.record({ cpu: ratio, memory: ratio }),
    ),
  })
  .map(({ cpu, tenants, weights }): Limits => {
    const factor: Limits['factor'] = (of) => weights[`${of.class} ${of.driver}`] ?? { cpu: 1, memory: 1 };
    return host({ cpu, memory: 20_000 }, tenants, { factor });
  });

test('after other limits it says the same as one that had these limits from the beginning', (t) =>
  holds(
    t,
    fc.property(
      fc.array(fc.tuple(anyLimits, fc.array(anyHold, { maxLength: 8 })), { minLength: 1, maxLength: 6 }),
      (steps) => {
        const ledger = new Ledger(host({}));
        for (const [limits, changes] of steps) {
          for (const { id, gone, reserved, demand: asked } of changes) {
            if (gone) ledger.release(id);
            else if (reserved) ledger.reserve(id, asked);
            else ledger.commit(id, asked);
          }
          ledger.setLimits(limits);
          const fresh = new Ledger(limits);
          for (const [id, { demand: asked, phase }] of ledger.holds())
            if (phase === 'committed') fresh.commit(id, asked);
            else fresh.reserve(id, asked);
          t.deepEqual(ledger.rows(), fresh.rows());
          for (const tenant of TENANTS) {
            const one = demand({ cpu: 500, memory: 500 }, { tenant });
            t.deepEqual(ledger.shortages('new', one), fresh.shortages('new', one));
            t.deepEqual(ledger.room(one), fresh.room(one));
            t.is(ledger.tenantAccount(tenant) === undefined, fresh.tenantAccount(tenant) === undefined);
          }
        }
      },
    ),
  ));

test('other limits of host and tenants look at no workload', (t) => {
  let asked = 0;
  const factor: Limits['factor'] = () => {
    asked++;
    return { cpu: 1, memory: 1 };
  };
  const ledger = new Ledger(host({ cpu: 1 }, {}, { factor }));
  for (let at = 0; at < 5000; at++) ledger.commit(`w${at}`, demand({}, { tenant: `t${at % 10}` }));
  asked = 0;
  ledger.setLimits(host({ cpu: 2 }, { t1: tenantLimits({ cpu: 3 }, { cpu: 2 }) }, { factor }));
  t.true(asked > 0 && asked < 10, `${asked} questions for the overcommit of a workload`);
});
