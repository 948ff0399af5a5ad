// What the start governor costs where nothing needs governing: the whole agent on this machine starts workloads that sleep,
// one by one and all at once, with the governor and without it in turns. Then programs that boot for a while, all at once:
// the only case in which the governor has something to do.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Client, connect } from '../../../agent/control/client.js';
import { findHierarchy } from '../../../cgroups/hierarchy.js';
import { OwnAgent } from '../../agent/own-agent.js';
import type { Bench, Part } from '../group.js';
import { order } from '../interleave.js';
import type { Measurement } from '../result.js';
import { cpuSeconds } from './cpu.js';

const WAYS = ['with', 'without'] as const;
type Way = (typeof WAYS)[number];

/** Milliseconds of cpu that a program of the storm needs until it is of use; then it says so by its end. */
const BOOT_MS = 100;
const BOOT = `my $t = ${BOOT_MS / 1000}; while ((times)[0] + (times)[1] < $t) {} exit 0`;
const SLEEPS = ['/bin/sleep', '1000000'];
const BOOTS = ['/usr/bin/perl', '-e', BOOT];

interface Round {
  /** Milliseconds from the request until the process runs, one by one. */
  readonly single: readonly number[];
  /** Milliseconds of the agent's cpu for each of these. */
  readonly singleCpu: number;
  /** Starts a second, all at once. */
  readonly rate: number;
  readonly rateCpu: number;
  /** Seconds from the first request until each program of the storm was of use. */
  readonly useful: readonly number[];
}

export const startRate: Part = {
  name: 'start-rate',
  what: 'workloads start one by one, all at once, and as a storm of programs that boot, with the governor and without',
  missing: () => (findHierarchy() === undefined ? 'no cgroup v2 is mounted' : undefined),
  async run(bench) {
    const config = join(bench.directory, 'berth.toml');
    govern(config, 'with');
    const agent = new OwnAgent({
      ...{ directory: bench.directory, cgroup: `berth-bench-agent-${process.pid}`, args: ['--config', config] },
      env: {
        BERTH_NETWORK_POOL: '10.201.16.0/22',
        BERTH_NETWORK_TABLE: `berth_bench_${process.pid}`,
        BERTH_NETWORK_LINK_PREFIX: 'bb',
        BERTH_NETWORK_FORWARDING: 'leave',
        BERTH_NETWORK_SLOTS: '0',
        BERTH_DENSITY_DEFAULT_CPU_REQUEST: '0.001',
        BERTH_DENSITY_DEFAULT_MEMORY_REQUEST: '1Mi',
        BERTH_DENSITY_PER_WORKLOAD_FDS: '15',
      },
    });
    try {
      await agent.start();
      const client = await connect(agent.socket, { patient: true });
      const ends = new Watch(client);
      try {
        return await measure(bench, { agent, client, config, ends });
      } finally {
        await client.close();
      }
    } finally {
      await agent.end();
    }
  },
};

interface Rig {
  readonly agent: OwnAgent;
  readonly client: Client;
  readonly config: string;
  readonly ends: Watch;
}

async function measure(bench: Bench, rig: Rig): Promise<readonly Measurement[]> {
  const sizes = bench.quick ? { single: 10, many: 40, storm: 20 } : { single: 100, many: 240, storm: 120 };
  const seen: Record<Way, Round[]> = { with: [], without: [] };
  for (const way of WAYS) await round(rig, way, { single: 10, many: 40, storm: 10 });
  for (let at = 0; at < (bench.quick ? 2 : 6); at++)
    for (const way of order(WAYS, at)) {
      bench.signal.throwIfAborted();
      const one = await round(rig, way, sizes);
      seen[way].push(one);
      const single = [...one.single].sort((a, b) => a - b)[one.single.length >> 1] ?? 0;
      bench.say(
        `round ${at + 1} ${way}: ${single.toFixed(1)} ms one by one, ${one.rate.toFixed(0)} a second at once, storm over after ${one.useful.at(-1)?.toFixed(2)} s`,
      );
    }
  return lines(sizes, seen);
}

async function round(rig: Rig, way: Way, sizes: { single: number; many: number; storm: number }): Promise<Round> {
  const { agent, client, config, ends } = rig;
  govern(config, way);
  await client.call('node.reload');
  const single: number[] = [];
  const cpu = () => cpuSeconds(agent.pid) * 1000;
  let before = cpu();
  for (const id of idsOf('one', sizes.single)) {
    const asked = performance.now();
    const runs = ends.of(id, 'running');
    await client.call('workload.create', { spec: specOf(id, SLEEPS) });
    await runs;
    single.push(performance.now() - asked);
  }
  const singleCpu = (cpu() - before) / sizes.single;
  await removeAll(rig);
  before = cpu();
  const many = await atOnce(rig, idsOf('many', sizes.many), SLEEPS, 'running');
  const rateCpu = (cpu() - before) / sizes.many;
  await removeAll(rig);
  const useful = await atOnce(rig, idsOf('storm', sizes.storm), BOOTS, 'exited');
  await removeAll(rig);
  return { single, singleCpu, rate: sizes.many / Math.max(...many), rateCpu, useful: useful.sort((a, b) => a - b) };
}

/** Seconds from the first request until each has reached the state. */
async function atOnce({ client, ends }: Rig, ids: readonly string[], command: string[], state: string) {
  const begun = performance.now();
  const all = ids.map(async (id) => {
    const there = ends.of(id, state);
    await client.call('workload.create', { spec: specOf(id, command) });
    await there;
    return (performance.now() - begun) / 1000;
  });
  return Promise.all(all);
}

async function removeAll({ client, ends }: Rig): Promise<void> {
  const { workloads } = await client.call('workload.list', {});
  await Promise.all(
    workloads.map(async ({ id }) => {
      const gone = ends.of(id, 'deleted');
      await client.call('workload.delete', { id, now: true });
      await gone;
    }),
  );
}

/** Tells when a workload has reached a state. */
class Watch {
  readonly #waiting = new Map<string, () => void>();

  constructor(client: Client) {
    void this.#follow(client).catch(() => undefined);
  }

  of(id: string, state: string): Promise<void> {
    return new Promise((resolve) => this.#waiting.set(`${id} ${state}`, resolve));
  }

  async #follow(client: Client): Promise<void> {
    for await (const { type, workload, data } of client.events()) {
      const key = `${workload} ${type === 'workload.deleted' ? 'deleted' : data.to}`;
      this.#waiting.get(key)?.();
      this.#waiting.delete(key);
    }
  }
}

function govern(config: string, way: Way): void {
  writeFileSync(config, `[governor]\nenabled = ${way === 'with'}\n`);
}

const idsOf = (name: string, count: number): string[] => Array.from({ length: count }, (_, at) => `${name}-${at}`);

const specOf = (id: string, command: string[]) => ({
  ...{ id, driver: 'exec', network: { mode: 'host' } },
  exec: { isolation: 'none', command },
});

function lines(sizes: { single: number; many: number; storm: number }, seen: Record<Way, Round[]>): Measurement[] {
  const line = (
    name: string,
    unit: string,
    of: (one: Round) => readonly number[],
    target: Measurement['target'],
  ): Measurement => ({
    ...{ name, unit, peer: 'no governor', target },
    ...{ ours: seen.with.map(of), theirs: seen.without.map(of) },
  });
  const half = (values: readonly number[]) => values[values.length >> 1] ?? 0;
  return [
    line('one by one, until it runs', 'ms', ({ single }) => single, { atMost: 1.05 }),
    line("one by one, agent's cpu each", 'ms', ({ singleCpu }) => [singleCpu], { atMost: 1.1 }),
    line(`${sizes.many} at once`, 'a second', ({ rate }) => [rate], { atLeast: 0.95 }),
    line(`${sizes.many} at once, agent's cpu each`, 'ms', ({ rateCpu }) => [rateCpu], { atMost: 1.1 }),
    line(`storm of ${sizes.storm}, until the last is of use`, 's', ({ useful }) => [useful.at(-1) ?? 0], { atMost: 1 }),
    line(`storm of ${sizes.storm}, until half are of use`, 's', ({ useful }) => [half(useful)], { atMost: 1 }),
  ];
}
