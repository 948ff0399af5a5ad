// What the agent itself costs while 1,000 workloads run and it samples all of them every second, by its own counter of cpu
// time. On this very machine: of a cgroup it reads what the kernel here has, which is said.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from '../../../agent/control/client.js';
import { findHierarchy } from '../../../cgroups/hierarchy.js';
import { OwnAgent } from '../../agent/own-agent.js';
import type { Bench, Part } from '../group.js';
import type { Measurement } from '../result.js';
import { cpuSeconds } from './cpu.js';

const SECONDS = 60;
const ROUNDS = 3;
/** Of a core, percent. */
const LIMIT = 2;
const PORT = 19_464;

export const idle: Part = {
  name: 'idle',
  what: 'cpu of the agent while 1,000 workloads run and each is sampled every second, scraped every 15 s and not at all',
  missing: () => (findHierarchy() === undefined ? 'no cgroup v2 is mounted' : undefined),
  async run(bench) {
    const count = bench.quick ? 50 : 1000;
    const cgroup = `berth-bench-agent-${process.pid}`;
    const agent = new OwnAgent({
      ...{ directory: bench.directory, cgroup },
      env: {
        BERTH_NETWORK_POOL: '10.201.10.0/24',
        BERTH_NETWORK_TABLE: `berth_bench_${process.pid}`,
        BERTH_NETWORK_LINK_PREFIX: 'bb',
        BERTH_NETWORK_FORWARDING: 'leave',
        BERTH_NETWORK_SLOTS: '0',
        BERTH_WEB_LISTEN: `127.0.0.1:${PORT}`,
        BERTH_METRICS_INTERVAL: '1s',
        BERTH_GOVERNOR_ENABLED: 'false',
        // A thousand of them fit below the limit of open files that a shell usually has; without controllers nine each are open.
        BERTH_DENSITY_PER_WORKLOAD_FDS: '15',
        BERTH_DENSITY_DEFAULT_CPU_REQUEST: '0.001',
        BERTH_DENSITY_DEFAULT_MEMORY_REQUEST: '1Mi',
      },
    });
    try {
      await agent.start();
      bench.say(`${count} workloads start`);
      await fill(agent, count);
      bench.say(`read of each: ${filesOf(join(cgroup, 'default', 'idle-0')).join(' ')}`);
      return [
        await measure(bench, agent, `${count} workloads, sampled every second`, async () => undefined),
        await measure(bench, agent, `${count} workloads, and scraped every 15 s`, scrape),
      ];
    } finally {
      agent.berth(['workload', 'delete', '--all', '--now']);
      await agent.end();
    }
  },
};

/** All at once; resolves when all run. */
async function fill(agent: OwnAgent, count: number): Promise<void> {
  const client = await connect(agent.socket);
  try {
    for (let at = 0; at < count; at++)
      await client.call('workload.create', {
        spec: {
          id: `idle-${at}`,
          driver: 'exec',
          network: { mode: 'host' },
          exec: { isolation: 'none', command: ['/bin/sleep', '1000000'] },
        },
      });
    for (;;) {
      const { workloads } = await client.call('workload.list', { state: 'running' });
      if (workloads.length === count) return;
      await sleep(500);
    }
  } finally {
    await client.close();
  }
}

/** What the sampler would read of a workload, where it is there. */
function filesOf(group: string): string[] {
  const mount = findHierarchy()?.mount ?? '';
  const files = ['cpu', 'memory', 'io'].flatMap((name) => [`${name}.stat`, `${name}.pressure`, `${name}.current`]);
  return [...files, 'pids.current'].filter((file) => existsSync(join(mount, group, file)));
}

async function measure(
  bench: Bench,
  { pid }: OwnAgent,
  what: string,
  each15s: () => Promise<void>,
): Promise<Measurement> {
  const values: number[][] = [];
  for (let round = 0; round < (bench.quick ? 1 : ROUNDS); round++) {
    bench.signal.throwIfAborted();
    bench.say(`${what}: minute ${round + 1}`);
    await sleep(5000, undefined, { signal: bench.signal });
    const [from, begun] = [cpuSeconds(pid), performance.now()];
    for (let second = 0; second < (bench.quick ? 15 : SECONDS); second += 15) {
      await each15s();
      await sleep(15_000, undefined, { signal: bench.signal });
    }
    values.push([((cpuSeconds(pid) - from) / ((performance.now() - begun) / 1000)) * 100]);
  }
  const theirs = values.map(() => [LIMIT]);
  return { name: what, unit: '% of a core', ours: values, peer: 'limit', theirs, target: { atMost: 1 } };
}

async function scrape(): Promise<void> {
  const answer = await fetch(`http://127.0.0.1:${PORT}/metrics`);
  await answer.text();
}
