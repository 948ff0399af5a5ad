// Random operations on a whole manager, several at once, with the agent killed in the middle of them: what the ledger says
// is compared with what is on disk, added up anew each time.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { configSchema } from '../../../agent/config/schema.js';
import type { Demand } from '../../../agent/density/demand.js';
import type { OverheadPort } from '../../../agent/density/overhead/count.js';
import type { Reservation } from '../../../agent/density/reservations.js';
import type { Driver } from '../../../agent/drivers/driver.js';
import { COUNT, DIMENSION_NAMES } from '../../../agent/model/dimensions.js';
import { isSettled } from '../../../agent/model/lifecycle.js';
import type { WorkloadRecord } from '../../../agent/model/record.js';
import type { WorkloadSpec } from '../../../agent/model/spec.js';
import { BerthError } from '../../../protocol/errors.js';
import { randomOf } from '../../simulate/random.js';
import { FakeClock } from '../density/fake-clock.js';
import { fakeVm } from '../drivers/fake-vm.js';
import { FakeHost } from './fake-host.js';
import { type Life, newLife, specOf } from './fake-world.js';

const MIB = 2 ** 20;
const IDS = 24;
/** Far longer than an end that nobody hears of (workload/actor.ts, EXIT_NEWS_MS). */
const QUIET_MS = 60_000;
const TENANTS = ['a', 'b', 'c'];
const CLASSES = ['guaranteed', 'burstable', 'besteffort'];

function driverOf(name: 'exec' | 'qemu'): Driver {
  return {
    name,
    check: async () => undefined,
    grants: async () => [],
    ...(name === 'qemu' ? { vm: { ...fakeVm, overhead: () => 160 * MIB } } : {}),
    confinement: async () => 'closed' as const,
    tap: () => null,
    prepare: async () => ({ argv: ['/bin/true'], env: {}, joinNetns: true }),
    cleanup: async () => undefined,
  };
}

interface Held {
  readonly phase: 'committed' | 'reserved';
  readonly demand: Demand;
}

function isQuiet({ state, desired }: WorkloadRecord): boolean {
  return desired === 'running' ? state === 'running' || isSettled(state) : desired === 'stopped' && isSettled(state);
}

/** Files of reservations die with their agent as its journal does: what is on its way arrives, and nothing after that. */
function mortal({ journal, world }: Life) {
  const { reservations } = world.density;
  const pending = new Set<Promise<void>>();
  let dead = false;
  const track = (work: () => Promise<void>): Promise<void> => {
    if (dead) return new Promise<never>(() => undefined);
    const tracked: Promise<void> = work().finally(() => pending.delete(tracked));
    pending.add(tracked);
    return tracked;
  };
  const [write, drop] = [reservations.write.bind(reservations), reservations.drop.bind(reservations)];
  reservations.write = (one) => track(() => write(one));
  reservations.drop = (id) => track(() => drop(id));
  const settled = async (): Promise<void> => void (await Promise.allSettled(pending));
  return {
    settled,
    isSettled: () => pending.size === 0,
    die: async (): Promise<void> => {
      dead = true;
      await Promise.all([journal.die(), settled()]);
    },
  };
}

export class Crashes {
  readonly #random: ReturnType<typeof randomOf>;
  readonly #directory: string;
  readonly #host = new FakeHost();
  readonly #clock = new FakeClock();
  /** MiB that VMs were measured to need: of those that are there it changes nothing. */
  #measured = 60;
  #settings = { max_workloads: 16, tenant: {} as Record<string, object> };
  /** What was above its limit at the last look, by scope and dimension. */
  #over = new Map<string, number>();
  #life!: Life;
  #wrong: unknown;
  #die = async (): Promise<void> => undefined;
  #settled = async (): Promise<void> => undefined;
  #isSettled = (): boolean => true;
  readonly counts = { granted: 0, refused: 0, crashes: 0, raced: 0, looks: 0, waits: 0, reservations: 0 };

  /** `directory` is empty. */
  constructor(directory: string, seed: number) {
    this.#directory = directory;
    this.#random = randomOf('ledger', seed);
  }

  #below(n: number): number {
    return Math.floor(this.#random.uniform() * n);
  }

  #pick<T>(all: readonly T[]): T {
    return all[this.#below(all.length)] as T;
  }

  #config() {
    const { max_workloads, tenant } = this.#settings;
    return {
      density: { max_workloads, overhead: 'measured', reserved_memory: '0', cpu_overcommit: 2 },
      ...{ tenant, licence: { db: { count: 4 } }, lifecycle: { stop_grace: '1ms' } },
    };
  }

  async open(): Promise<void> {
    const life = newLife({
      ...{ host: this.#host, directory: this.#directory, clock: this.#clock, config: this.#config() },
      size: { memoryBytes: 6 * 2 ** 30 },
      world: {
        drivers: new Map([
          ['exec', driverOf('exec')],
          ['qemu', driverOf('qemu')],
        ]),
      },
    });
    const { density: room } = life.world;
    const port: OverheadPort = {
      known: () => ({
        ...({ driver: 'qemu', size: '1 vcpu 256Mi' } as const),
        ...{ bytes: this.#measured * MIB, samples: 1, runs: 1, ageMs: 1, enough: true },
      }),
      sizes: () => [],
    };
    room.setOverhead(port);
    // Grants of licences are not what is looked at.
    room.audit.append = () => undefined;
    const { die, settled, isSettled } = mortal(life);
    this.#die = die;
    this.#settled = settled;
    this.#isSettled = isSettled;
    this.#life = life;
    await life.manager.recover();
  }

  close(): void {
    this.#life.manager.close();
  }

  /** One to three operations at once, half of the time awaited, seldom with a crash in between. Throws what is wrong. */
  async step(): Promise<number> {
    const before = this.#life;
    const count = 1 + this.#below(3);
    const running = Promise.all(Array.from({ length: count }, () => this.#operation(before)));
    running.catch((error: unknown) => {
      this.#wrong ??= error;
    });
    if (this.#below(40) === 0) await this.#crash();
    else await running;
    if (this.#wrong !== undefined) throw this.#wrong;
    this.#withinLimits();
    return count;
  }

  /** Dead after a few more calls to the world, or a few more turns of the loop, whichever comes first. */
  async #crash(): Promise<void> {
    const dead = this.#life;
    this.counts.crashes += 1;
    this.#host.dieAfter(this.#below(12));
    for (let turns = this.#below(12); turns > 0; turns--) await new Promise((resolve) => setImmediate(resolve));
    await this.#die();
    dead.manager.close();
    this.#host.revive();
    await this.open();
    // What it takes over is what was, less what never was durable: a limit that is lower by now is no news either.
    this.#over = this.#overs();
    await this.look();
  }

  async #operation({ manager, world }: Life): Promise<void> {
    const id = `w${this.#below(IDS)}`;
    const actor = manager.has(id) ? manager.actor(id) : undefined;
    const reserved = world.density.reservations.get(id);
    const what = this.#below(100);
    try {
      if (what < 30) await manager.create(this.#spec(id));
      else if (what < 45) {
        await manager.reserve(this.#spec(id), null, 1000 + this.#below(60_000));
        this.counts.reservations += 1;
      } else if (what < 57 && reserved !== undefined) await this.#race(manager, reserved);
      else if (what < 62) await manager.releaseReservation(id, null);
      else if (what < 76) await manager.setDesired(id, 'deleted', { now: true });
      else if (what < 82) await manager.setDesired(id, 'stopped', { now: true });
      else if (what < 86) await manager.setDesired(id, 'running');
      else if (what < 91 && actor !== undefined)
        await manager.update(id, this.#resized(actor.record.spec, this.#spec(id)));
      else if (what < 94) this.#host.end(id, { code: this.#below(2) });
      else if (what < 97) this.#clock.pass(this.#below(20_000));
      else if (what < 98) this.#measured = 40 + this.#below(120);
      else this.#lower();
      this.counts.granted += 1;
    } catch (error) {
      if (!(error instanceof BerthError)) throw error;
      this.counts.refused += 1;
    }
  }

  /** Committed and released at once: never both. */
  async #race(manager: Life['manager'], { id, spec, token }: Reservation): Promise<void> {
    const calls = [
      () => manager.create(spec, { scheduler: null, reservation: token }),
      () => manager.releaseReservation(token, null),
    ];
    if (this.#below(2) === 0) calls.reverse();
    const [one, other] = await Promise.allSettled(calls.map(async (call) => call()));
    this.counts.raced += 1;
    if (one?.status === 'fulfilled' && other?.status === 'fulfilled')
      throw new Error(`the reservation of ${id} was committed and released`);
  }

  #spec(id: string): WorkloadSpec {
    const vm = this.#below(3) === 0;
    const memory = this.#below(2) === 0 ? {} : { memory: { request: `${1 + this.#below(512)}Mi`, limit: '1Gi' } };
    return specOf({
      ...{ id, tenant: this.#pick(TENANTS), class: this.#pick(CLASSES), priority: this.#below(4) },
      ...(vm ? { driver: 'qemu', exec: undefined, qemu: { kernel: '/k', initrd: '/i', memory: '256Mi' } } : {}),
      resources: {
        cpu: { request: (1 + this.#below(10)) / 10, limit: 1 },
        ...memory,
        ...(this.#below(5) === 0 ? { licences: { db: 1 } } : {}),
      },
      ...{ network: { mode: this.#below(2) === 0 ? 'none' : 'routed' }, restart: { policy: 'never' } },
    });
  }

  #resized(spec: WorkloadSpec, other: WorkloadSpec): WorkloadSpec {
    return { ...spec, resources: other.resources, priority: other.priority };
  }

  /** Or raise: limits that change under their use. */
  #lower(): void {
    const tenant = { workloads: 1 + this.#below(12), memory: `${1 + this.#below(4)}Gi`, cpu: 1 + this.#below(6) };
    this.#settings = {
      max_workloads: 6 + this.#below(16),
      tenant: { ...this.#settings.tenant, [this.#pick(TENANTS)]: tenant },
    };
    const { config, density } = this.#life.world;
    const next = configSchema.parse(this.#config());
    density.setConfig({ ...config, density: next.density, tenant: next.tenant });
    this.#over = this.#overs();
  }

  #overs(): Map<string, number> {
    const found = new Map<string, number>();
    for (const { scope, dimension, committed, reserved, allocatable } of this.#life.manager.capacity())
      if (allocatable !== null && committed + reserved > allocatable + 1e-6)
        found.set(`${scope} ${dimension}`, committed + reserved - allocatable);
    return found;
  }

  /** Nothing is above its limit, but what was when the limit went below it; that only falls. */
  #withinLimits(): void {
    const now = this.#overs();
    for (const [key, over] of now)
      if (over > (this.#over.get(key) ?? 0) + 1e-6)
        throw new Error(`${key} is ${over} above its limit, ${this.#over.get(key) ?? 0} before`);
    this.#over = now;
  }

  /** When all is quiet: the ledger is the sum of what is on disk, and of nothing else. Throws what is wrong. */
  async look(): Promise<void> {
    this.counts.looks += 1;
    const { journal, manager, world } = this.#life;
    const deadline = Date.now() + QUIET_MS;
    // Lets go of reservations whose time is over.
    await manager.fits(specOf({ id: 'probe' }));
    // While a file of a reservation is waited for, a workload may go on, and be written at this very moment.
    const quiet = (): boolean => manager.records().every(isQuiet) && !journal.isBusy && this.#isSettled();
    for (let round = 0; !quiet() || round < 2; round++) {
      if (round === 2) this.counts.waits += 1;
      if (Date.now() > deadline) throw new Error(`never quiet: ${JSON.stringify(manager.records())}`);
      await journal.idle();
      await this.#settled();
    }
    const expected = this.#onDisk();
    const { ledger } = world.density;
    for (const [id, { phase, demand }] of ledger.holds()) {
      const found = expected.get(id);
      if (found === undefined) throw new Error(`${id} is ${phase} in the ledger, and not on disk`);
      if (found.phase !== phase) throw new Error(`${id} is ${phase} in the ledger, and ${found.phase} on disk`);
      for (let at = 0; at < COUNT; at++)
        if (found.demand.amounts[at] !== demand.amounts[at])
          throw new Error(
            `${id}: ${DIMENSION_NAMES[at]} is ${demand.amounts[at]}, on disk ${found.demand.amounts[at]}`,
          );
    }
    for (const id of expected.keys()) if (ledger.hold(id) === undefined) throw new Error(`${id} is on disk alone`);
    this.#sums(expected);
  }

  /** By id: workloads that are not at their end, and reservations that hold still. */
  #onDisk(): Map<string, Held> {
    const { density, drivers } = this.#life.world;
    const found = new Map<string, Held>();
    const demand = (spec: WorkloadSpec, downgraded: readonly string[], overhead: number | undefined): Demand => {
      const configured = drivers.find(spec.driver)?.vm?.overhead(spec) ?? 0;
      return density.demand(spec, { overhead: configured, tap: false }, downgraded, overhead ?? configured);
    };
    const workloads = new Set<string>();
    for (const text of this.#files('workloads')) {
      const { record } = JSON.parse(text) as { record: WorkloadRecord };
      workloads.add(record.id);
      if (isSettled(record.state)) continue;
      const { spec, downgraded = [], overhead } = record;
      found.set(record.id, { phase: 'committed', demand: demand(spec, downgraded, overhead) });
    }
    for (const text of this.#files('reservations')) {
      const { reservation } = JSON.parse(text) as { reservation: Reservation };
      const { id, spec, overhead } = reservation;
      if (workloads.has(id) || density.reservations.left(reservation) <= 0) continue;
      found.set(id, { phase: 'reserved', demand: demand(spec, [], overhead) });
    }
    return found;
  }

  #files(kind: 'workloads' | 'reservations'): string[] {
    const directory = join(this.#directory, 'state', kind);
    const names = readdirSync(directory).filter((name) => name.endsWith('.json'));
    return names.map((name) => readFileSync(join(directory, name), 'utf8'));
  }

  #sums(held: ReadonlyMap<string, Held>): void {
    const { factor } = this.#life.world.density.ledger.limits;
    const sums = new Map<string, number>();
    const add = (key: string, amount: number) => sums.set(key, (sums.get(key) ?? 0) + amount);
    for (const { phase, demand } of held.values()) {
      const weigh = factor({ class: demand.class as WorkloadSpec['class'], driver: demand.kind });
      for (const [at, name] of DIMENSION_NAMES.entries()) {
        const amount = demand.amounts[at] ?? 0;
        const scale = name === 'cpu' ? 1000 : 1;
        const by = name === 'cpu' ? weigh.cpu : name === 'memory' ? weigh.memory : 1;
        add(`host ${name} ${phase}`, (by === 1 ? amount : Math.ceil(amount * by - 1e-6)) / scale);
        for (const scope of [`tenant/${demand.tenant}`, `kind/${demand.kind}`])
          add(`${scope} ${name} ${phase}`, amount / scale);
      }
      for (const { scope, dimension, amount } of demand.extras) add(`${scope} ${dimension} ${phase}`, amount);
    }
    for (const { scope, dimension, committed, reserved } of this.#life.manager.capacity())
      for (const [phase, value] of Object.entries({ committed, reserved })) {
        const sum = sums.get(`${scope} ${dimension} ${phase}`) ?? 0;
        if (Math.abs(sum - value) > 1e-6) throw new Error(`${scope} ${dimension} ${phase}: ${value}, should be ${sum}`);
      }
  }
}
