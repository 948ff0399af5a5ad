import { join } from 'node:path';
import type { Clock } from '../../../agent/base/clock.js';
import { vsockRange } from '../../../agent/config/network.js';
import { configSchema } from '../../../agent/config/schema.js';
import { makeWorkloads } from '../../../agent/daemon/assembly/workloads.js';
import type { World } from '../../../agent/daemon/world.js';
import { Density } from '../../../agent/density/density.js';
import type { HostSize } from '../../../agent/density/policy.js';
import type { Driver } from '../../../agent/drivers/driver.js';
import { externalDriver } from '../../../agent/drivers/external/index.js';
import { Volumes } from '../../../agent/drivers/volumes.js';
import { NO_KERNEL_LOG } from '../../../agent/ends/kernel-log.js';
import { Layers } from '../../../agent/limits/layers.js';
import { TenantGroups } from '../../../agent/limits/tenants.js';
import type { EventPort } from '../../../agent/model/event.js';
import type { WorkloadRecord } from '../../../agent/model/record.js';
import { parseSpec, type WorkloadSpec } from '../../../agent/model/spec.js';
import { Claims } from '../../../agent/network/claims.js';
import { keyOf } from '../../../agent/network/published.js';
import { Placement } from '../../../agent/placement/placement.js';
import { Snapshots } from '../../../agent/snapshots/store.js';
import { DrainFile } from '../../../agent/workload/drain-file.js';
import { DriverSet, type DriverSetParts } from '../../../agent/workload/driver-set.js';
import { Journal } from '../../../agent/workload/journal.js';
import type { Manager } from '../../../agent/workload/manager.js';
import { OutputStore } from '../../../agent/workload/output.js';
import { temporaryDirectory } from '../../runner/temporary.js';
import { machine } from '../host/machine.js';
import { SETTINGS as PLACEMENT } from '../placement/fixture.js';
import { FakeHost } from './fake-host.js';

type Event = Parameters<EventPort['append']>[0];

/** Dies with its agent: what is on its way to the disk arrives, and nothing after that. */
export class TrackedJournal extends Journal {
  readonly #pending = new Set<Promise<void>>();
  #dead = false;

  /** What was to be written, as `ID STATE`, in the order in which it was asked for. */
  readonly asked: string[] = [];
  /** A write that cannot be done, by `ID DESIRED`. */
  failing: string | undefined;
  /** How many turns of the loop a write waits before it begins, by its number; those of one record follow each other. */
  delay: ((write: number) => number) | undefined;
  readonly #turns = new Map<string, Promise<unknown>>();
  /** The agent is to die now. */
  onDeath: () => void = () => undefined;
  #last: { readonly write: number; readonly arrives: boolean } | undefined;

  /** The agent dies at the write after so many more, which reaches the disk or does not. */
  dieAfter(writes: number, arrives: boolean): void {
    this.#last = { write: this.asked.length + writes + 1, arrives };
  }

  override write(record: WorkloadRecord): Promise<void> {
    this.asked.push(`${record.id} ${record.state}`);
    if (this.failing === `${record.id} ${record.desired}`) return Promise.reject(new Error('no space left'));
    const write = () => this.#delayed(record.id, () => super.write(record));
    if (this.asked.length !== this.#last?.write) return this.#track(write);
    if (this.#last.arrives) void this.#track(write);
    this.#dead = true;
    this.onDeath();
    return new Promise<never>(() => undefined);
  }

  override remove(id: string): Promise<void> {
    return this.#track(() => super.remove(id));
  }

  /** Something is on its way to the disk. */
  get isBusy(): boolean {
    return this.#pending.size > 0;
  }

  async idle(): Promise<void> {
    for (let quiet = 0; quiet < 30; quiet++) {
      if (this.#pending.size > 0) quiet = 0;
      await Promise.allSettled(this.#pending);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  async die(): Promise<void> {
    this.#dead = true;
    await Promise.allSettled(this.#pending);
  }

  #delayed(id: string, write: () => Promise<void>): Promise<void> {
    if (this.delay === undefined) return write();
    const turns = this.delay(this.asked.length);
    const wait = async (): Promise<void> => {
      for (let left = turns; left > 0; left--) await new Promise((resolve) => setImmediate(resolve));
    };
    const written = (this.#turns.get(id) ?? Promise.resolve()).then(wait).then(write);
    this.#turns.set(
      id,
      written.catch(() => undefined),
    );
    return written;
  }

  #track(work: () => Promise<void>): Promise<void> {
    if (this.#dead) return new Promise<never>(() => undefined);
    const tracked = work().finally(() => this.#pending.delete(tracked));
    this.#pending.add(tracked);
    return tracked;
  }
}

/** One life of an agent on a fake host: the host and the state directory go on to the next life. */
export interface Life {
  readonly host: FakeHost;
  readonly world: World;
  readonly journal: TrackedJournal;
  readonly manager: Manager;
  readonly events: readonly Event[];
  /** Resolves at the first event, past or to come, that `is` says yes to. */
  until(is: (event: Event) => boolean): Promise<Event>;
}

/** Parts of a life that are others than usual. */
type Instead = Partial<Omit<World, 'drivers'>> & Partial<Pick<DriverSetParts, 'drivers'>>;

export interface LifeOptions {
  readonly host?: FakeHost;
  readonly directory?: string;
  readonly bootId?: string;
  readonly config?: Record<string, unknown>;
  readonly clock?: Clock;
  readonly size?: Partial<HostSize>;
  readonly world?: Instead;
}

/** Id of the installation in every life. */
export const INSTALLATION = '1a2b3c4d';

/** Of the controllers of the fake host. */
const FILES: ReadonlySet<string> = new Set([
  ...['cgroup.freeze', 'cpu.max', 'cpu.weight', 'memory.max', 'memory.swap.max', 'memory.oom.group', 'pids.max'],
]);

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

/** Runs whatever it is told; a process that is really one is not needed to test the lives of workloads. */
export const fakeDriver: Driver = {
  name: 'exec',
  check: async () => undefined,
  grants: async () => [],
  confinement: async () => 'closed' as const,
  tap: () => null,
  prepare: async () => ({ argv: ['/bin/true'], env: {}, joinNetns: true }),
  stop: async () => true,
  cleanup: async () => undefined,
};

export function newLife(options: LifeOptions = {}): Life & { readonly directory: string } {
  const directory = options.directory ?? temporaryDirectory('life');
  const host = options.host ?? new FakeHost();
  const config = configSchema.parse({
    paths: { state: join(directory, 'state'), runtime: join(directory, 'run') },
    lifecycle: { stop_grace: '20ms' },
    ...options.config,
  });
  const events: Event[] = [];
  const waiting = new Set<() => void>();
  const claims = new Claims(config.network, vsockRange(config.network.vsock_ids));
  const journal = new TrackedJournal(config.paths.state);
  const cgroups = host.cgroupPort();
  const layers = new Layers(join(directory, 'run/layers'), silent);
  const limits = {
    files: FILES,
    device: (path: string) => path,
    config: config.cgroups,
    defaultCpu: config.density.default_cpu_request,
  };
  const append = (event: Event): void => {
    events.push(event);
    for (const wake of [...waiting]) wake();
  };
  const density = new Density({
    config,
    host: { cores: 4, memoryBytes: 8 * 2 ** 30, addresses: claims.routable, ...options.size },
    bootId: options.bootId ?? 'boot-1',
    ...(options.clock === undefined ? {} : { clock: options.clock }),
    onEvent: append,
    onDamaged: (damaged) => append({ type: 'journal.damaged', data: { ...damaged } }),
    onError: (error) => append({ type: 'audit.failed', data: { error } }),
  });
  const usual: DriverSetParts['drivers'] = new Map([
    ['exec', fakeDriver],
    ['external', externalDriver()],
  ]);
  const { drivers = usual, ...instead } = options.world ?? {};
  const volumes = new Volumes(config.paths.state);
  const world: World = {
    config,
    bootId: options.bootId ?? 'boot-1',
    installation: { id: INSTALLATION, others: () => [] },
    cgroups,
    network: host.networkPort(),
    supervisor: host.supervisorPort(),
    limits,
    layers,
    placement: new Placement(machine({ coresPerCache: 4 }), PLACEMENT, layers, { log: silent }),
    tenants: new TenantGroups({ cgroups, context: limits, limits: (tenant) => density.tenants.get(tenant).limits }),
    claims,
    portsTaken: (ports) => ports.filter((port) => host.listening.has(keyOf(port))),
    density,
    snapshots: new Snapshots(config.paths.state),
    journal,
    drains: new DrainFile(config.paths.state, {
      onDamaged: (damaged) => append({ type: 'journal.damaged', data: { ...damaged } }),
    }),
    volumes,
    output: new OutputStore({ ...config.paths, maxBytes: 1 << 20 }),
    events: { append, settled: async () => undefined },
    observer: {
      started: () => undefined,
      saved: () => undefined,
      restored: () => undefined,
      ended: () => undefined,
      admission: () => undefined,
      preempted: () => undefined,
      reconciled: () => undefined,
      network: () => undefined,
    },
    log: silent,
    kernelLog: NO_KERNEL_LOG,
    history: () => [],
    ksm: () => ({ run: null, inherited: false }),
    ...instead,
    drivers: new DriverSet({
      ...{ drivers, config, volumes, images: instead.images, log: silent },
      host: { which: () => '/bin/true', kvmUsable: false },
      tenant: (name) => density.config.tenant[name],
    }),
  };
  const manager = makeWorkloads(world);
  journal.onDeath = () => host.die();
  host.onExit = (process) => {
    if (manager.has(process.id)) manager.actor(process.id).ended(process);
  };
  const until = (is: (event: Event) => boolean): Promise<Event> =>
    new Promise((resolve) => {
      const look = (): void => {
        const found = events.find(is);
        if (found === undefined) return;
        waiting.delete(look);
        resolve(found);
      };
      waiting.add(look);
      look();
    });
  return { host, world, journal, manager, events, until, directory };
}

/** The next agent, when the dead one has got stuck at its last call. */
export async function nextLife(
  dead: Life & { readonly directory: string },
  host = dead.host,
  bootId = 'boot-1',
  config?: Record<string, unknown>,
  clock?: Clock,
  world?: Instead,
): Promise<Life & { readonly directory: string }> {
  const { directory } = dead;
  await dead.journal.idle();
  await dead.journal.die();
  dead.manager.close();
  host.revive();
  const life = newLife({
    ...{ host, directory, bootId },
    ...(config === undefined ? {} : { config }),
    ...(clock === undefined ? {} : { clock }),
    ...(world === undefined ? {} : { world }),
  });
  // Durable in a file of its own (daemon/cordon.ts).
  life.manager.setCordoned(dead.manager.cordoned);
  await life.manager.recover();
  return life;
}

export function specOf(over: Record<string, unknown> = {}): WorkloadSpec {
  return parseSpec({ id: 'web-1', tenant: 'acme', driver: 'exec', exec: { command: ['/bin/true'] }, ...over });
}

/** `until(state('running'))` */
export function state(to: string, id = 'web-1') {
  return (event: Event): boolean => event.type === 'workload.state' && event.workload === id && event.data.to === to;
}
