// The CNI plugin of berth against the reference plugin `bridge` with `host-local`, both run as a runtime runs them: one by one,
// and a hundred at once. The namespaces are there before; the plugin of berth has the agent behind it, with journal and ledger.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PLUGIN } from '../../../agent/cni/install.js';
import { pluginText } from '../../../agent/cni/plugin.js';
import { findHierarchy } from '../../../cgroups/hierarchy.js';
import { OwnAgent } from '../../agent/own-agent.js';
import type { Part } from '../group.js';
import { interleave, type Turns, time, turn, type Way } from '../interleave.js';
import { cniMissing, removeCniBridge } from '../network/cni.js';
import { ip } from '../network/iproute.js';
import type { Measurement } from '../result.js';

const AT_ONCE = 100;
const PREFIX = `bench-cni-${process.pid}`;

interface Program {
  readonly path: string;
  readonly config: object;
}

export const cni: Part = {
  name: 'cni',
  what: 'ADD and DEL of the CNI plugin against the reference plugin bridge, one by one and 100 at once',
  missing: () => (findHierarchy() === undefined ? 'no cgroup v2 is mounted' : cniMissing()),
  async run(bench) {
    const agent = new OwnAgent({
      ...{ directory: bench.directory, cgroup: `berth-bench-cni-${process.pid}` },
      env: {
        ...{ BERTH_NETWORK_POOL: '10.201.16.0/22', BERTH_NETWORK_TABLE: `berth_bench_${process.pid}` },
        ...{ BERTH_NETWORK_LINK_PREFIX: 'bb', BERTH_NETWORK_FORWARDING: 'leave', BERTH_NETWORK_SLOTS: '0' },
        BERTH_WEB_LISTEN: '',
      },
    });
    const path = join(bench.directory, PLUGIN);
    writeFileSync(path, pluginText(agent.socket));
    chmodSync(path, 0o755);
    const ours = { path, config: { cniVersion: '1.0.0', name: 'bench', type: PLUGIN } };
    const theirs = { path: '/usr/lib/cni/bridge', config: bridge(bench.directory) };
    const turns = { ...bench, settle: turn };
    for (let at = 0; at < AT_ONCE; at++) ip(['netns', 'add', nameOf(at)]);
    try {
      await agent.start();
      return [
        ...(await oneByOne(ours, theirs, {
          ...turns,
          ...(bench.quick ? { rounds: 1, each: 3 } : { rounds: 4, each: 25 }),
        })),
        ...(await allAtOnce(ours, theirs, { ...turns, ...{ rounds: bench.quick ? 1 : 4, each: 1 } })),
      ];
    } finally {
      for (let at = 0; at < AT_ONCE; at++) ip(['netns', 'del', nameOf(at)]);
      removeCniBridge();
      await agent.end();
    }
  },
};

/** Each ADD is followed by its DEL, so that all of them find the same host. */
async function oneByOne(ours: Program, theirs: Program, turns: Turns): Promise<Measurement[]> {
  const dels = new Map<string, number[][]>();
  const way = (name: string, program: Program): Way => ({
    name,
    async run(numbers) {
      const adds: number[] = [];
      const removed: number[] = [];
      for (const at of numbers) {
        await turn();
        adds.push(await time(() => callSync(program, 'ADD', at % AT_ONCE)));
        removed.push(await time(() => callSync(program, 'DEL', at % AT_ONCE)));
      }
      dels.set(name, [...(dels.get(name) ?? []), removed]);
      return adds;
    },
  });
  const adds = await interleave([way('berth', ours), way('bridge', theirs)], { ...turns, warmUp: [0, 1] });
  // The first round of these is the warm-up.
  const counted = (name: string) => dels.get(name)?.slice(1) ?? [];
  return [
    measured('CNI ADD', 'ms', adds.get('berth') ?? [], adds.get('bridge') ?? [], 1),
    measured('CNI DEL', 'ms', counted('berth'), counted('bridge'), 1),
  ];
}

async function allAtOnce(ours: Program, theirs: Program, turns: Turns): Promise<Measurement[]> {
  const way = (name: string, program: Program): Way => ({
    name,
    async run(numbers) {
      const values: number[] = [];
      for (const _ of numbers) {
        const call = (verb: string) =>
          Promise.all(Array.from({ length: AT_ONCE }, (_each, at) => callLater(program, verb, at)));
        values.push(await time(() => call('ADD')));
        await call('DEL');
      }
      return values;
    },
  });
  const values = await interleave([way('berth', ours), way('bridge', theirs)], turns);
  return [
    measured(`${AT_ONCE} CNI ADD at once, all`, 'ms', values.get('berth') ?? [], values.get('bridge') ?? [], 0.3),
  ];
}

function measured(name: string, unit: string, ours: number[][], theirs: number[][], atMost: number): Measurement {
  return { name, unit, ours, peer: 'CNI bridge', theirs, target: { atMost } };
}

function callSync({ path, config }: Program, verb: string, at: number): void {
  const { status, stdout } = spawnSync(path, [], {
    env: envOf(verb, at),
    input: JSON.stringify(config),
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`${path} ${verb}: ${stdout}`);
}

async function callLater({ path, config }: Program, verb: string, at: number): Promise<void> {
  const child = spawn(path, [], { env: envOf(verb, at), stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.on('error', () => undefined);
  child.stdin.end(JSON.stringify(config));
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    said += chunk;
  });
  const [status] = await once(child, 'close');
  if (status !== 0) throw new Error(`${path} ${verb}: ${said}`);
}

function envOf(verb: string, at: number): NodeJS.ProcessEnv {
  return {
    ...{ PATH: '/usr/sbin:/usr/bin:/sbin:/bin', CNI_PATH: '/usr/lib/cni', CNI_COMMAND: verb, CNI_IFNAME: 'eth0' },
    ...{ CNI_CONTAINERID: nameOf(at), CNI_NETNS: `/run/netns/${nameOf(at)}` },
  };
}

function nameOf(at: number): string {
  return `${PREFIX}-${at}`;
}

function bridge(directory: string): object {
  return {
    ...{ cniVersion: '0.4.0', name: 'bench-cni', type: 'bridge', bridge: 'cni-bench', isGateway: true },
    ...{ isDefaultGateway: true, ipMasq: false },
    ipam: { type: 'host-local', subnet: '10.250.0.0/16', dataDir: `${directory}/cni` },
  };
}
