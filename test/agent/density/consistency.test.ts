// Tens of thousands of random operations against a model that adds everything up anew: the running sums are never wrong, nothing is
// granted that does not fit, and a crash at any moment loses and invents nothing.
import test from 'ava';
import { configSchema } from '../../../agent/config/schema.js';
import type { Demand } from '../../../agent/density/demand.js';
import { Density } from '../../../agent/density/density.js';
import { COUNT, DIMENSION_NAMES } from '../../../agent/model/dimensions.js';
import type { WorkloadSpec } from '../../../agent/model/spec.js';
import { temporaryDirectory } from '../../runner/temporary.js';
import { specOf } from '../workload/fake-world.js';
import { FakeClock } from './fake-clock.js';

/** BERTH_LEDGER_STEPS=100000 tries more of them. */
const OPERATIONS = Number(process.env.BERTH_LEDGER_STEPS ?? 25_000);
const TENANTS = ['a', 'b', 'c', 'd'];
const CLASSES = ['guaranteed', 'burstable', 'besteffort'] as const;
const MINUTE = 60_000;

/** mulberry32: the same seed, the same hundred thousand. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let z = Math.imul(state ^ (state >>> 15), 1 | state);
    z = (z + Math.imul(z ^ (z >>> 7), 61 | z)) ^ z;
    return ((z ^ (z >>> 14)) >>> 0) % below;
  };
}

interface Entry {
  readonly spec: WorkloadSpec;
  readonly phase: 'committed' | 'reserved';
  /** By the boot clock, of a reservation. */
  readonly until: number;
}

class Model {
  readonly #random: (below: number) => number;
  readonly clock = new FakeClock();
  /** What a crash leaves: the journal and the files of reservations. */
  readonly durable = new Map<string, Entry>();
  readonly #directory = temporaryDirectory('consistency');
  #tenants: Record<string, object> = { a: { cpu: 6, guaranteed: { cpu: 2, memory: '256Mi' } }, b: { workloads: 20 } };
  #maxWorkloads = 60;
  #exclusive = 4;
  density: Density;
  granted = 0;
  refused = 0;
  crashes = 0;

  constructor(seed: number) {
    this.#random = randomFrom(seed);
    this.density = this.#open();
  }

  #config() {
    return configSchema.parse({
      paths: { state: this.#directory },
      density: {
        max_workloads: this.#maxWorkloads,
        cpu_overcommit: 2,
        kind: { qemu: { workloads: 10, memory_overcommit: 0.5 } },
        window: [{ name: 'night', cron: '0 22 * * *', duration: '8h', cpu_overcommit: 3, tenant: { a: { cpu: 9 } } }],
      },
      licence: { db: { count: 5 } },
      tenant: this.#tenants,
    });
  }

  #open(): Density {
    const density = new Density({
      config: this.#config(),
      host: { cores: 8, memoryBytes: 8 * 2 ** 30, addresses: 50 },
      bootId: 'boot',
      clock: this.clock,
      onEvent: () => undefined,
      onDamaged: () => undefined,
      onError: () => undefined,
    });
    // Grants of licences are not what is looked at, and a hundred thousand of them would only fill the disk.
    density.audit.append = () => undefined;
    const capacity = this.#exclusive;
    density.setCores({
      capacity: () => capacity,
      of: (spec) => (spec.class === 'guaranteed' && spec.driver === 'exec' ? 1 : 0),
    });
    return density;
  }

  demand(spec: WorkloadSpec): Demand {
    return this.density.demand(spec, { overhead: 10 * 2 ** 20, tap: spec.driver === 'qemu' });
  }

  #spec(id: string): WorkloadSpec {
    const r = this.#random;
    const vm = r(5) === 0;
    return specOf({
      id,
      tenant: TENANTS[r(TENANTS.length)],
      class: CLASSES[r(3)],
      priority: r(1001),
      ...(vm ? { driver: 'qemu', exec: undefined, qemu: { kernel: '/k', initrd: '/i', vcpus: 1 + r(2) } } : {}),
      resources: {
        cpu: { request: (1 + r(20)) / 10, limit: 2 },
        memory: { request: (1 + r(64)) * 2 ** 20 + r(1000), limit: '128Mi' },
        ...(r(4) === 0 ? { licences: { db: 1 } } : {}),
      },
      network: { mode: r(3) === 0 ? 'none' : 'routed' },
    });
  }

  step(): void {
    const r = this.#random;
    this.#expire();
    const id = `w${r(90)}`;
    const known = this.durable.get(id);
    const what = r(1000);
    if (what < 380)
      this.#grant(
        id,
        { ...this.#spec(id), ...(known === undefined ? {} : { tenant: known.spec.tenant }) },
        'committed',
      );
    else if (what < 560 && known === undefined) this.#grant(id, this.#spec(id), 'reserved');
    else if (what < 940) this.#release(id);
    else if (what < 960) this.#crash(r(2) === 0);
    else if (what < 975) this.clock.set(this.clock.wall() + (r(2) === 0 ? -1 : 1) * r(3 * 24 * 60) * MINUTE);
    else if (what < 985) this.clock.pass(r(120) * MINUTE);
    else this.#change();
  }

  #change(): void {
    const r = this.#random;
    const guaranteed = r(3) === 0 ? {} : { memory: `${r(512)}Mi`, cpu: r(4) };
    this.#tenants = { ...this.#tenants, [TENANTS[r(4)] ?? 'a']: { cpu: 4 + r(12), workloads: r(40), guaranteed } };
    this.#maxWorkloads = 20 + r(60);
    this.density.setConfig(this.#config());
  }

  #grant(id: string, spec: WorkloadSpec, phase: Entry['phase']): void {
    this.density.upToDate();
    const demand = this.demand(spec);
    const before = this.density.ledger.hold(id);
    const shortages = this.density.ledger.shortages(id, demand);
    const more = this.density.ledger.room(demand);
    if (before === undefined && (shortages.length === 0) !== more.every((room) => room.more > 0))
      throw new Error(`check and room disagree about ${id}: ${JSON.stringify([shortages, more])}`);
    if (shortages.length > 0) {
      this.refused += 1;
      return;
    }
    this.granted += 1;
    this.#sameRowsOfTenant(demand.tenant);
    if (phase === 'committed') this.density.commit(id, demand);
    else this.density.ledger.reserve(id, demand);
    this.#mustFit(demand, before?.demand);
    this.durable.set(id, { spec, phase, until: this.clock.boot() + 10 * MINUTE });
  }

  /** What has just been granted is within every limit, unless it was over before and did not grow. */
  #mustFit(demand: Demand, before: Demand | undefined): void {
    for (const { scope, dimension, committed, reserved, allocatable } of this.density.ledger.rows()) {
      if (allocatable === null || committed + reserved <= allocatable + 1e-6) continue;
      const at = DIMENSION_NAMES.indexOf(dimension as never);
      const grew = (demand.amounts[at] ?? 0) > (before?.amounts[at] ?? 0);
      const [kind, name] = scope.split('/');
      const concerned =
        kind === 'host' || (kind === 'tenant' && name === demand.tenant) || (kind === 'kind' && name === demand.kind);
      if (concerned && grew) throw new Error(`${scope} ${dimension} has ${committed}+${reserved} of ${allocatable}`);
    }
  }

  /** Asked for alone, a tenant has the rows that it has among all. */
  #sameRowsOfTenant(tenant: string): void {
    const among = this.density.ledger.rows().filter(({ scope }) => `${scope}/`.startsWith(`tenant/${tenant}/`));
    const alone = this.density.ledger.rowsOfTenants([tenant]).get(tenant) ?? [];
    if (JSON.stringify(alone) !== JSON.stringify(among)) throw new Error(`rows of ${tenant} differ`);
  }

  #release(id: string): void {
    this.density.release(id);
    this.durable.delete(id);
  }

  #expire(): void {
    for (const [id, { phase, until }] of this.durable)
      if (phase === 'reserved' && until <= this.clock.boot()) this.#release(id);
  }

  /** `granting`: it dies between the grant and the durable record, which then never was. */
  #crash(granting: boolean): void {
    this.crashes += 1;
    if (granting) this.density.commit('lost', this.demand(this.#spec('lost')));
    this.density = this.#open();
    for (const [id, { spec, phase }] of this.durable)
      if (phase === 'committed') this.density.adopt(id, this.demand(spec));
      else this.density.ledger.reserve(id, this.demand(spec));
  }

  /** Everything added up anew. */
  mismatches(): string[] {
    const sums = new Map<string, { committed: number; reserved: number }>();
    const add = (key: string, phase: Entry['phase'], amount: number): void => {
      const sum = sums.get(key) ?? { committed: 0, reserved: 0 };
      sum[phase] += amount;
      sums.set(key, sum);
    };
    const factor = this.density.ledger.limits.factor;
    for (const [id, { phase, spec }] of this.durable) {
      const demand = this.density.ledger.hold(id)?.demand;
      if (demand === undefined) return [`${id} is not held`];
      const weigh = factor({ class: spec.class, driver: spec.driver });
      for (let at = 0; at < COUNT; at++) {
        const name = DIMENSION_NAMES[at] ?? 'workloads';
        const amount = demand.amounts[at] ?? 0;
        const by = name === 'cpu' ? weigh.cpu : name === 'memory' ? weigh.memory : 1;
        const scale = name === 'cpu' ? 1000 : 1;
        add(`host ${name}`, phase, (by === 1 ? amount : Math.ceil(amount * by - 1e-6)) / scale);
        add(`tenant/${spec.tenant} ${name}`, phase, amount / scale);
        add(`kind/${spec.driver} ${name}`, phase, amount / scale);
      }
      for (const { scope, dimension, amount } of demand.extras) add(`${scope} ${dimension}`, phase, amount);
    }
    return this.density.ledger.rows().flatMap(({ scope, dimension, committed, reserved }) => {
      const sum = sums.get(`${scope} ${dimension}`) ?? { committed: 0, reserved: 0 };
      const right = Math.abs(sum.committed - committed) < 1e-6 && Math.abs(sum.reserved - reserved) < 1e-6;
      return right
        ? []
        : [`${scope} ${dimension}: ${committed}+${reserved}, should be ${sum.committed}+${sum.reserved}`];
    });
  }
}

test('thousands of operations with crashes, changed tenants and clocks that jump keep the ledger right', (t) => {
  const model = new Model(20_261_127);
  for (let n = 0; n < OPERATIONS; n++) {
    model.step();
    if (n % 50 === 0) {
      const wrong = model.mismatches();
      if (wrong.length > 0) return t.fail(`after ${n} operations: ${wrong.join('; ')}`);
    }
  }
  t.deepEqual(model.mismatches(), []);
  t.log(`${model.granted} granted, ${model.refused} refused, ${model.crashes} crashes`);
  t.true(model.granted > OPERATIONS / 10 && model.refused > OPERATIONS / 20 && model.crashes > OPERATIONS / 100);
  for (const id of [...model.durable.keys()]) model.density.release(id);
  t.true(
    model.density.ledger.rows().every(({ committed, reserved }) => committed === 0 && reserved === 0),
    'and the end is zero',
  );
});
