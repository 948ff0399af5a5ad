// One decision and its outcome: demand of the spec, all dimensions of host, kind, tenant and pools, then the grant, and
// the return of what was granted. Against a ledger that adds everything up for each decision, as berth's first one did,
// and against itself with few workloads.
import { configSchema } from '../../../agent/config/schema.js';
import { Density } from '../../../agent/density/density.js';
import { COUNT } from '../../../agent/model/dimensions.js';
import { parseSpec, type WorkloadSpec } from '../../../agent/model/spec.js';
import type { Bench, Part } from '../group.js';
import { interleave, type Way } from '../interleave.js';
import type { Measurement } from '../result.js';
import { percentile } from '../statistics.js';

const MANY = 5000;
const FEW = 100;
const TENANTS = 50;
const LIMIT_US = 50;
const DRIVER = { overhead: 0, tap: false };

export const admission: Part = {
  name: 'admission',
  what: `a decision with ${MANY} workloads of ${TENANTS} tenants present, against a walk over all of them`,
  run: measure,
};

async function measure(bench: Bench): Promise<Measurement[]> {
  const turns = bench.quick ? { rounds: 2, each: 500 } : { rounds: 6, each: 5000 };
  const warmUp = Array.from({ length: 5000 }, (_, at) => at);
  const [many, few] = [open(bench, MANY), open(bench, FEW)];
  const ways = [way('many', many), way('few', few), walk('walk', many, bench.quick ? 50 : 200)];
  const values = await interleave(ways, { ...bench, ...turns, warmUp, settle: async () => undefined });
  const ours = values.get('many') ?? [];
  const line = { name: `decide, grant, give back, ${MANY} present`, unit: 'us', ours };
  return [
    { ...line, peer: 'a walk over all', theirs: values.get('walk') ?? [], target: { atLeast: 10 } },
    { ...line, peer: `${FEW} present`, theirs: values.get('few') ?? [], target: { atMost: 1.5 } },
    {
      ...line,
      name: `decide, grant, give back, ${MANY} present, p99 of each round`,
      ours: ours.map((round) => [percentile(round, 0.99)]),
      peer: 'limit',
      theirs: ours.map(() => [LIMIT_US]),
      target: { atMost: 1 },
    },
  ];
}

function open(bench: Bench, present: number): Density {
  const tenants = Object.fromEntries(
    Array.from({ length: TENANTS }, (_, n) => [`t${n}`, { workloads: 1000, memory: '64Gi', guaranteed: { cpu: 0.1 } }]),
  );
  const config = configSchema.parse({
    paths: { state: bench.directory },
    density: { max_workloads: 100_000 },
    tenant: tenants,
    licence: { db: { count: 100_000 } },
  });
  const density = new Density({
    config,
    host: { cores: 256, memoryBytes: 2 ** 40, addresses: 65_534 },
    bootId: 'bench',
    onEvent: () => undefined,
    onDamaged: () => undefined,
    onError: () => undefined,
  });
  for (let n = 0; n < present; n++) density.adopt(`w${n}`, density.demand(specOf(n, {}), DRIVER));
  return density;
}

function specOf(n: number, licences: Record<string, number>): WorkloadSpec {
  return parseSpec({
    id: `w${n}`,
    tenant: `t${n % TENANTS}`,
    driver: 'exec',
    exec: { command: ['/bin/true'] },
    resources: { cpu: { request: 0.1, limit: 1 }, memory: { request: '64Mi', limit: '128Mi' }, pids: 64, licences },
  });
}

/** Microseconds of each. The specs are there before: parsing them is not the ledger's. */
function way(name: string, density: Density): Way {
  return {
    name,
    async run(numbers) {
      const specs = numbers.map((n) => specOf(100_000 + n, {}));
      return specs.map((spec) => {
        const begun = performance.now();
        density.upToDate();
        const demand = density.demand(spec, DRIVER);
        if (density.ledger.shortages(spec.id, demand).length > 0) throw new Error('does not fit');
        density.commit(spec.id, demand);
        density.release(spec.id);
        return (performance.now() - begun) * 1000;
      });
    },
  };
}

/** The same question answered by adding up what everybody holds, for the host and for the tenant. */
function walk(name: string, density: Density, most: number): Way {
  const { allocatable } = density.ledger.limits.host;
  return {
    name,
    async run(numbers) {
      const specs = numbers.slice(0, most).map((n) => specOf(100_000 + n, {}));
      return specs.map((spec) => {
        const begun = performance.now();
        const demand = density.demand(spec, DRIVER);
        const [host, tenant] = [new Float64Array(COUNT), new Float64Array(COUNT)];
        for (const [, hold] of density.ledger.holds())
          for (let at = 0; at < COUNT; at++) {
            host[at] = (host[at] ?? 0) + (hold.charge[at] ?? 0);
            if (hold.demand.tenant === spec.tenant) tenant[at] = (tenant[at] ?? 0) + (hold.demand.amounts[at] ?? 0);
          }
        const fits = demand.amounts.every((amount, at) => (host[at] ?? 0) + amount <= (allocatable[at] ?? 0));
        if (!fits) throw new Error('does not fit');
        return (performance.now() - begun) * 1000;
      });
    },
  };
}
