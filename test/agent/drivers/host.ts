// A supervisor, a network and a driver put together as the agent does it, for the kernel tests.

import { execFile } from 'node:child_process';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { ExecutionContext } from 'ava';
import type { Driver, DriverContext } from '../../../agent/drivers/driver.js';
import { Volumes } from '../../../agent/drivers/volumes.js';
import { which } from '../../../agent/host/which.js';
import { NO_NETWORK, type Sandbox } from '../../../agent/model/record.js';
import type { WorkloadSpec } from '../../../agent/model/spec.js';
import { removalOf } from '../../../netns/defaults.js';
import { openNetworkRoom } from '../../../netns/index.js';
import type { SandboxNetwork } from '../../../netns/types.js';
import type { HeldProcess, Supervisor } from '../../../systemd/supervisor/protocol.js';
import { exitOf, startBench } from '../../systemd/fixture.js';

export interface Running {
  readonly process: HeldProcess;
  readonly context: DriverContext;
  readonly exit: Promise<HeldProcess>;
  output(): Promise<string>;
}

/** What it has beside its spec. */
type RunsFrom = Pick<DriverContext, 'image' | 'snapshot'>;

export interface TestHost {
  readonly supervisor: Supervisor;
  /** Of the cgroup every workload is born into, from the mount of cgroup v2. */
  readonly cgroup: string;
  /** The same as a directory. */
  readonly cgroupDirectory: string;
  /** The supervisor's runtime directory. */
  readonly runtime: string;
  /** check, network, prepare, spawn. A workload of the same id uses the same directory and network again. */
  run(driver: Driver, spec: WorkloadSpec, network: SandboxNetwork | null, from?: RunsFrom): Promise<Running>;
  remove(driver: Driver, spec: WorkloadSpec, running: Running, network: SandboxNetwork | null): Promise<void>;
}

/** `mountRoots`: see DriverContext. */
export async function startHost(t: ExecutionContext, mountRoots: readonly string[] = []): Promise<TestHost> {
  const bench = await startBench(t);
  const supervisor = await bench.connect();
  const room = openNetworkRoom();
  const made = new Map<string, SandboxNetwork>();
  t.teardown(async () => {
    for (const network of made.values()) await room.remove(removalOf(network));
    await room.close();
  });
  const contextOf = (
    driver: Driver,
    spec: WorkloadSpec,
    network: SandboxNetwork | null,
    from: RunsFrom,
  ): DriverContext => ({
    directory: join(bench.runtime, 'workloads', spec.id),
    sandbox: sandboxOf(network, network === null ? null : (driver.tap(spec)?.name ?? null)),
    which,
    kvmUsable: false,
    mountRoots,
    volumes: new Volumes(bench.runtime),
    warn: () => undefined,
    ...from,
  });
  return {
    supervisor,
    cgroupDirectory: bench.cgroup,
    runtime: bench.runtime,
    cgroup: bench.cgroup.replace(/^.*(?=\/berth-test-)/, ''),
    async run(driver, spec, network, from = {}) {
      const context = contextOf(driver, spec, network, from);
      await driver.check(spec, context);
      if (network !== null) {
        const tap = driver.tap(spec);
        made.set(network.hostLink, network);
        await room.create({ ...network, tap });
      }
      await mkdir(context.directory, { recursive: true, mode: 0o700 });
      const launch = await driver.prepare(spec, context);
      if (launch === null) throw new Error('no process');
      const { argv, env, cwd, pidFile, joinNetns, release } = launch;
      await supervisor.forget(spec.id);
      const exit = exitOf(supervisor, spec.id);
      const output = join(bench.runtime, `${spec.id}.log`);
      const spawned = supervisor.spawn({
        ...{ id: spec.id, argv, env, cgroup: bench.cgroup, output },
        ...(cwd === undefined ? {} : { cwd }),
        ...(pidFile === undefined ? {} : { pidFile }),
        ...(joinNetns && network?.netns ? { netns: join('/run/netns', network.netns) } : {}),
      });
      const process = await spawned.finally(() => release?.());
      return { process, context, exit, output: () => readFile(output, 'utf8') };
    },
    async remove(driver, spec, { context }, network) {
      await driver.cleanup(spec, context);
      await rm(context.directory, { recursive: true });
      if (network !== null) await room.remove(removalOf(network));
    },
  };
}

/** Standard output of a program on the host; rejects when it fails or takes longer than 10 s. */
export async function command(program: string, ...args: string[]): Promise<string> {
  return (await promisify(execFile)(program, args, { timeout: 10_000 })).stdout;
}

/** Calls again every 100 ms until it neither throws nor is undefined; the last error after `ms`. */
export async function eventually<T>(what: () => Promise<T | undefined>, ms = 15_000): Promise<T> {
  for (const deadline = Date.now() + ms; ; await sleep(100)) {
    try {
      const value = await what();
      if (value !== undefined) return value;
      if (Date.now() > deadline) throw new Error('not in time');
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
  }
}

function sandboxOf(network: SandboxNetwork | null, tap: string | null): Sandbox {
  if (network === null) return { ...NO_NETWORK, cgroup: 'default/w' };
  const { netns, hostLink, address, mac } = network;
  return { ...NO_NETWORK, cgroup: 'default/w', netns, hostLink, tap, address, mac };
}
