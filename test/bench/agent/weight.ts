// What the package weighs: the command beside a Node program that does nothing, the agent's start with and without compiled code,
// its memory with no workload.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { findHierarchy } from '../../../cgroups/hierarchy.js';
import { buildPackage } from '../../../systemd/deb/build.js';
import { OwnAgent } from '../../agent/own-agent.js';
import { openHost } from '../../agent/own-host.js';
import type { Bench, Part } from '../group.js';
import { interleave, type Way } from '../interleave.js';
import type { Measurement } from '../result.js';

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));
const MIB = 2 ** 20;
const MOST_MIB = { package: 1.5, agent: 90 } as const;
const COMMANDS = [['version'], ['help'], ['completion', 'bash']] as const;
const NOTHING = 'an empty Node program';

export const weight: Part = {
  name: 'weight',
  what: 'the package: the command beside an empty Node program, the start of the agent, its memory with no workload',
  missing: () => (findHierarchy() === undefined ? 'no cgroup v2 is mounted' : undefined),
  async run(bench) {
    bench.say('the package is built');
    const file = await buildPackage({ root: ROOT, out: join(bench.directory, 'build') });
    const top = join(bench.directory, 'installed');
    execFileSync('dpkg-deb', ['-x', file, top]);
    const size = within('size of the package', 'MiB', [[statSync(file).size / MIB]], MOST_MIB.package);
    return [size, ...(await commands(bench, top)), ...(await starts(bench, top))];
  },
};

function within(name: string, unit: string, ours: number[][], limit: number): Measurement {
  return { name, unit, ours, peer: 'limit', theirs: ours.map(() => [limit]), target: { atMost: 1 } };
}

const programOf = (top: string): string => join(top, 'usr/lib/berth/berth.js');

async function commands(bench: Bench, top: string): Promise<Measurement[]> {
  const way = (name: string, args: readonly string[]): Way => ({
    name,
    run: async (numbers) =>
      numbers.map(() => {
        const begun = performance.now();
        spawnSync(process.execPath, args, { stdio: 'ignore' });
        return performance.now() - begun;
      }),
  });
  const ours = COMMANDS.map((words) => way(`berth ${words.join(' ')}`, [programOf(top), ...words]));
  const values = await interleave([way(NOTHING, ['-e', '0']), ...ours], {
    ...{ rounds: bench.quick ? 1 : 5, each: bench.quick ? 2 : 10, warmUp: [0, 1], settle: async () => undefined },
    ...{ signal: bench.signal, say: bench.say },
  });
  const theirs = values.get(NOTHING) ?? [];
  return ours.map(({ name }) => ({
    name,
    unit: 'ms',
    ours: values.get(name) ?? [],
    peer: NOTHING,
    theirs,
    target: null,
  }));
}

interface Start {
  readonly readyMs: number;
  readonly mib: number;
}

async function starts(bench: Bench, top: string): Promise<Measurement[]> {
  const [cold, warm]: [Start[], Start[]] = [[], []];
  for (let round = 0; round < (bench.quick ? 1 : 5); round++)
    for (const kept of [cold, warm]) {
      bench.signal.throwIfAborted();
      bench.say(`start ${round + 1} ${kept === cold ? 'without' : 'with'} compiled code`);
      const cache = join(top, 'var/cache/berth');
      if (kept === cold) for (const name of readdirSync(cache)) rmSync(join(cache, name));
      kept.push(await start(top));
    }
  const each = (of: readonly Start[], what: keyof Start): number[][] => of.map((one) => [one[what]]);
  return [
    {
      ...{ name: 'agent, start until ready', unit: 'ms', ours: each(warm, 'readyMs'), target: null },
      ...{ peer: 'nothing compiled before', theirs: each(cold, 'readyMs') },
    },
    within('agent, resident, no workload', 'MiB', each(warm, 'mib'), MOST_MIB.agent),
  ];
}

/** On a host of its own, as its unit starts it. */
async function start(top: string): Promise<Start> {
  const host = await openHost();
  const launcher = readFileSync(join(top, 'usr/bin/berth'), 'utf8').replaceAll(
    '/usr/lib/berth',
    join(top, 'usr/lib/berth'),
  );
  const packaged = (): readonly string[] => ['/bin/sh', '-c', launcher.replaceAll('/usr/bin/node', process.execPath)];
  const agent = new OwnAgent({
    directory: host.directory,
    cgroup: `berth-bench-weight-${process.pid}`,
    prefix: host.prefix,
    start: (_, options) => {
      const [program = '', ...args] = [...host.prefix, ...packaged(), 'berth', 'agent'];
      return spawn(program, args, options);
    },
    env: { BERTH_NETWORK_SLOTS: '0', BERTH_WEB_LISTEN: '' },
  });
  try {
    const begun = performance.now();
    await agent.start();
    const readyMs = performance.now() - begun;
    await sleep(5000);
    return { readyMs, mib: residentMib(agent.pid) };
  } finally {
    await agent.end();
    host.end();
  }
}

function residentMib(pid: number | undefined): number {
  const found = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(found?.[1]) / 1024;
}
