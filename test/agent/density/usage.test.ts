import test from 'ava';
import { Ledger } from '../../../agent/density/ledger.js';
import { type Measured, Usage } from '../../../agent/density/usage.js';
import { demand, host } from './shapes.js';

const sample = (usageUsec: number, current: number): Measured => ({
  cpu: { usageUsec },
  memory: { current },
  pids: { current: 2 },
});

test('use by host and tenant: memory and processes as sampled, processor time between two looks', (t) => {
  let now = 0;
  const samples = new Map([
    ['a', sample(1_000_000, 100)],
    ['b', sample(5_000_000, 50)],
  ]);
  const ledger = new Ledger(host({}));
  ledger.commit('a', demand({ memory: 50 }));
  const usage = new Usage(
    {
      workloads: () => [
        { id: 'a', spec: { tenant: 'x' } },
        { id: 'b', spec: { tenant: 'y' } },
        { id: 'unsampled', spec: { tenant: 'y' } },
      ],
      latest: (id) => samples.get(id),
      memory: () =>
        new Map([
          ['MemTotal', 1000],
          ['MemAvailable', 400],
        ]),
      now: () => now,
    },
    ledger,
  );
  t.is(usage.used('host', 'memory'), 600);
  t.is(usage.used('tenant/x', 'memory'), 100);
  t.is(usage.used('tenant/y', 'pids'), 2);
  t.is(usage.used('tenant/x', 'cpu'), 0, 'nothing is known yet');
  t.is(usage.used('tenant/x', 'addresses'), undefined);
  t.is(usage.excess('a'), 2);
  t.is(usage.excess('b'), undefined);
  samples.set('a', sample(11_000_000, 100));
  samples.set('b', sample(10, 50));
  now = 4999;
  t.is(usage.used('tenant/x', 'cpu'), 0);
  now = 10_000;
  t.is(usage.used('tenant/x', 'cpu'), 1);
  t.is(usage.used('tenant/y', 'cpu'), 0, 'started again');
  t.is(usage.used('host', 'cpu'), 1);
});
