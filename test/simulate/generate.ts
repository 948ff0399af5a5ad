// Days that nobody had. `day`: arrivals with the hours, heavy-tailed lives, tenants of very different size, a tenant that asks
// for 60 at once, and a host that boots at eleven. `storm`: everything at once.
import { type Random, randomOf } from './random.js';
import type { Arrival, Trace } from './trace.js';

const MIB = 2 ** 20;
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

interface Shape {
  readonly name: string;
  /** Of the arrivals. */
  readonly weight: number;
  readonly priority: number;
  readonly cpu: Arrival['cpu'];
  /** MiB */
  readonly memory: readonly [request: number, limit: number];
  readonly life: readonly [medianMs: number, sigma: number];
  readonly startCpu: number;
  readonly boot: Arrival['boot'];
  readonly use: number;
}

/** startCpu and boot of a container, an interpreter, a JVM and a microVM differ by the factors that one sees everywhere. */
const SHAPES: readonly Shape[] = [
  {
    ...{ name: 'function', weight: 75, priority: 100, cpu: { request: 0.1, limit: 1 }, memory: [64, 192] },
    ...{ life: [90 * SECOND, 1.6], startCpu: 0.04, boot: { cpu: 0.4, cores: 1 }, use: 0.03 },
  },
  {
    ...{ name: 'ci', weight: 15, priority: 50, cpu: { request: 1, limit: 2 }, memory: [384, 1024] },
    ...{ life: [6 * MINUTE, 1.1], startCpu: 0.06, boot: { cpu: 3, cores: 2 }, use: 0.7 },
  },
  {
    ...{ name: 'web', weight: 5, priority: 200, cpu: { request: 0.25, limit: 1 }, memory: [128, 320] },
    ...{ life: [3 * HOUR, 1.3], startCpu: 0.05, boot: { cpu: 1.5, cores: 1 }, use: 0.03 },
  },
  {
    ...{ name: 'jvm', weight: 1.5, priority: 200, cpu: { request: 0.5, limit: 2 }, memory: [512, 1024] },
    ...{ life: [5 * HOUR, 1], startCpu: 0.05, boot: { cpu: 20, cores: 2 }, use: 0.08 },
  },
  {
    ...{ name: 'microvm', weight: 3.5, priority: 500, cpu: { request: 0.5, limit: 1 }, memory: [416, 672] },
    ...{ life: [90 * MINUTE, 1.4], startCpu: 0.25, boot: { cpu: 4, cores: 1 }, use: 0.05 },
  },
];

const TENANTS = [12, 6, 4, 3, 2, 2, 1, 1].map((weight, at) => ({ name: `tenant-${at + 1}`, weight }));

export interface GenerateOptions {
  readonly seed: number;
  readonly cores: number;
}

/** About as many arrivals as keep a host of this size asked for more than it has at noon. */
export function generateDay({ seed, cores }: GenerateOptions): Trace {
  const random = randomOf(seed, 'day');
  const arrivals: Arrival[] = [];
  const perHour = cores * 22;
  for (let at = random.exponential(HOUR / perHour); at < 24 * HOUR; ) {
    const level = diurnal(at);
    // Thinning: the process runs at its highest rate, and only some of it happens.
    if (random.uniform() < level / 1.6) arrivals.push(arrivalOf(random, at, arrivals.length));
    at += random.exponential(HOUR / (perHour * 1.6));
  }
  const burst = Array.from({ length: cores * 4 }, (_, i) => ({
    ...arrivalOf(random, 9 * HOUR + random.uniform() * 2 * SECOND, arrivals.length + i),
    tenant: 'tenant-8',
  }));
  const all = [...arrivals, ...burst].sort((a, b) => a.at - b.at);
  return { version: 1, name: `day, seed ${seed}`, durationMs: 24 * HOUR, boots: [11 * HOUR], arrivals: all };
}

/** 50 small workloads for each core asked for within a second; one tenant asks for nine tenths of them. */
export function generateStorm({ seed, cores }: GenerateOptions): Trace {
  const random = randomOf(seed, 'storm');
  const light = SHAPES.filter(({ name }) => name === 'function' || name === 'web');
  const arrivals = Array.from({ length: cores * 50 }, (_, i) => ({
    ...arrivalOf(random, random.uniform() * SECOND, i, light),
    ...{
      cpu: { request: 0.05, limit: 1 },
      memory: { request: 48 * MIB, limit: 128 * MIB },
      lifetimeMs: null,
      use: 0.004,
    },
    tenant: random.uniform() < 0.9 ? 'tenant-1' : 'tenant-2',
  })).sort((a, b) => a.at - b.at);
  return { version: 1, name: `storm, seed ${seed}`, durationMs: 20 * MINUTE, boots: [], arrivals };
}

function arrivalOf(random: Random, at: number, index: number, shapes: readonly Shape[] = SHAPES): Arrival {
  const { name, priority, cpu, memory, life, startCpu, boot, use } = random.pick(shapes);
  // Two programs of a kind are not the same program.
  const size = random.logNormal(1, 0.25);
  return {
    ...{ at: Math.round(at), id: `${name}-${index}`, tenant: random.pick(TENANTS).name, priority, shape: name, cpu },
    memory: { request: memory[0] * MIB, limit: memory[1] * MIB },
    lifetimeMs: Math.round(Math.min(24 * HOUR, random.logNormal(life[0], life[1]))),
    startCpu: startCpu * size,
    boot: { cpu: boot.cpu * size, cores: boot.cores },
    use: Math.min(cpu.limit, use * size),
  };
}

/** 1 on average, 1.6 at two in the afternoon, 0.4 at two at night. */
export function diurnal(at: number): number {
  return 1 + 0.6 * Math.sin((2 * Math.PI * (at - 8 * HOUR)) / (24 * HOUR));
}
