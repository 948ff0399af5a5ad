import test from 'ava';
import { configSchema } from '../../../agent/config/schema.js';
import { coresOf } from '../../../agent/density/cores.js';
import { Density } from '../../../agent/density/density.js';
import { Placement } from '../../../agent/placement/placement.js';
import type { PlacementSettings } from '../../../agent/placement/types.js';
import { temporaryDirectory } from '../../runner/temporary.js';
import { machine, type Shape } from '../host/machine.js';
import { SETTINGS } from '../placement/fixture.js';
import { specOf } from '../workload/fake-world.js';

const DRIVER = { overhead: 0, tap: false };

function placementOf(shape: Shape, more: Partial<PlacementSettings> = {}): Placement {
  return new Placement(
    machine(shape),
    { ...SETTINGS, ...more },
    { set: async () => undefined },
    {
      log: { warn: () => undefined },
    },
  );
}

function densityOf(config: object): Density {
  return new Density({
    config: configSchema.parse({ paths: { state: temporaryDirectory('state') }, ...config }),
    host: { cores: 8, memoryBytes: 2 ** 34, addresses: 100 },
    bootId: 'b',
    onEvent: () => undefined,
    onDamaged: () => undefined,
    onError: () => undefined,
  });
}

const alone = (id: string, limit: number, licences: Record<string, number> = {}) =>
  specOf({ id, class: 'guaranteed', resources: { cpu: { limit }, memory: { limit: '64Mi' }, licences } });

test('cpus of one workload alone count for the host, the quota of its tenant, and licences', (t) => {
  const cores = coresOf(placementOf({ coresPerCache: 8, isolated: [7] }));
  const density = densityOf({ tenant: { acme: { cores: 3 } }, licence: { db: { count: 9, per: 'vcpu' } } });
  if (cores !== undefined) density.setCores(cores);
  const first = density.demand(alone('a', 2, { db: 1 }), DRIVER);
  density.commit('a', first);
  t.like(
    density.rows().find(({ scope, dimension }) => scope === 'host' && dimension === 'cores'),
    { capacity: 7, committed: 2 },
    'all but the one that is kept for the host, isolated ones among them',
  );
  t.is(density.ledger.pool('licence/db').committed, 2);
  const shortages = density.ledger.shortages('b', density.demand(alone('b', 2), DRIVER));
  t.deepEqual(
    shortages.map(({ scope, dimension, short }) => [scope, dimension, short]),
    [['tenant/acme', 'cores', 1]],
  );
  t.deepEqual(density.ledger.shortages('c', density.demand(alone('c', 0.5), DRIVER)), [], 'it shares');
});

test('where nobody is alone, nothing is counted', (t) => {
  t.is(coresOf(placementOf({ coresPerCache: 8 }, { policy: 'none' })), undefined);
  t.is(coresOf(placementOf({ coresPerCache: 8 }, { cpuset: false })), undefined);
});
