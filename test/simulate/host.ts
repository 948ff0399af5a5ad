// One simulated host: the real ledger and the real governor in front of workloads that only count.
import { Governor } from '../../agent/density/governor/governor.js';
import { governorSettings } from '../../agent/density/governor/settings.js';
import type { Permit } from '../../agent/density/governor/types.js';
import type { FakeClock } from './clock.js';
import type { HostSize, LedgerPort } from './ledger.js';
import { conditionOf, type ModelSettings, walk } from './model.js';
import type { Recorder } from './outcome.js';
import type { Policy } from './policy.js';
import { type Random, randomOf } from './random.js';
import type { Arrival } from './trace.js';

interface Instance {
  readonly arrival: Arrival;
  readonly random: Random;
  phase: 'queued' | 'starting' | 'booting' | 'running';
  /** Since when it has wanted to run, ms. */
  since: number;
  /** Seconds of cpu left in this phase. */
  left: number;
  /** Of its life, once ready; ms. */
  life: number | null;
  readyAt: number;
  permit: Permit | undefined;
  /** CPU time it has used or waited for until the last step, and cores that it wants since; microseconds. */
  wanted: number;
  wants: number;
  leave: AbortController;
  use: number;
  memory: number;
}

/** Cores that a start by the agent keeps busy. */
const START_CORES = 1;
/** One network operation on a host of one's own, ms. */
const NETWORK_MS = 1.5;
const WALK_MS = 10_000;
/** What it uses before it is ready, of what it will. */
const BOOT_MEMORY = 0.2;

export class SimHost {
  readonly #size: HostSize;
  readonly #clock: FakeClock;
  readonly #ledger: LedgerPort;
  readonly #policy: Policy;
  readonly #model: ModelSettings;
  readonly #recorder: Recorder;
  readonly #seed: number;
  readonly #all = new Map<string, Instance>();
  readonly #stall = { cpu: 0, memory: 0, io: 0 };
  #governor: Governor;
  #walked = 0;
  #stepped = 0;
  #last = { cpuWanted: 0, cpuPressure: 0, memoryPressure: 0 };

  constructor(options: {
    readonly size: HostSize;
    readonly clock: FakeClock;
    readonly ledger: LedgerPort;
    readonly policy: Policy;
    readonly model: ModelSettings;
    readonly recorder: Recorder;
    readonly seed: number;
  }) {
    this.#size = options.size;
    this.#clock = options.clock;
    this.#ledger = options.ledger;
    this.#policy = options.policy;
    this.#model = options.model;
    this.#recorder = options.recorder;
    this.#seed = options.seed;
    this.#governor = this.#newGovernor();
  }

  get committedCpu(): number {
    return this.#ledger.committedCpu();
  }

  /** Whether anything moves that is to be watched closely. */
  get busy(): boolean {
    return [...this.#all.values()].some(({ phase }) => phase === 'starting' || phase === 'booting');
  }

  /** Whether anybody still waits to be of use. */
  get settling(): boolean {
    return [...this.#all.values()].some(({ phase }) => phase !== 'running');
  }

  /** Admission, as the manager does it; none: it is queued. */
  offer(arrival: Arrival): readonly string[] {
    const { id, tenant, priority, cpu, memory } = arrival;
    const share = { tenant, cpu: cpu.request, memory: memory.request };
    try {
      this.#governor.requireRoom({ id, tenant, priority });
    } catch {
      return ['start queue'];
    }
    const refusals = this.#ledger.refusals(id, share);
    if (refusals.length > 0) return refusals;
    this.#ledger.commit(id, share);
    const random = randomOf(this.#seed, id);
    const instance: Instance = {
      ...{ arrival, random, phase: 'queued', since: this.#clock.now(), left: 0, life: arrival.lifetimeMs, readyAt: 0 },
      ...{ permit: undefined, leave: new AbortController(), use: arrival.use, memory: 0, wanted: 0, wants: 0 },
    };
    this.#all.set(id, instance);
    this.#enqueue(instance, 'cold');
    return [];
  }

  /** Everything is gone, and wants to run again, the important first, as recovery asks. */
  boot(): number {
    const now = this.#clock.now();
    this.#governor.close();
    this.#governor = this.#newGovernor();
    const byOrder = (a: Instance, b: Instance) =>
      b.arrival.priority - a.arrival.priority || a.arrival.at - b.arrival.at;
    const all = [...this.#all.values()].sort(byOrder);
    for (const instance of all) {
      instance.leave.abort();
      if (instance.phase === 'running' && instance.life !== null)
        instance.life = Math.max(1, instance.life - (now - instance.readyAt));
      this.#again(instance);
    }
    return all.length;
  }

  /** The time since the last step, ms, under what was there at its beginning. */
  step(ms: number): void {
    const now = this.#clock.now();
    const instances = [...this.#all.values()];
    if (now - this.#walked >= WALK_MS) {
      this.#walked = now;
      for (const instance of instances) if (instance.phase === 'running') wander(instance);
    }
    let [wanted, running, memory] = [0, 0, 0];
    for (const { phase, use, memory: used, arrival } of instances) {
      memory += used;
      if (phase === 'running') running += use;
      else if (phase === 'starting') wanted += START_CORES;
      else if (phase === 'booting') wanted += arrival.boot.cores;
    }
    const load = { ...this.#size, cpuWanted: wanted + running, memoryUsed: memory };
    const condition = conditionOf(load, this.#model);
    const { cpuPressure, memoryPressure, share, progress } = condition;
    this.#stall.cpu += cpuPressure * ms * 1000;
    this.#stall.memory += memoryPressure * ms * 1000;
    this.#last = { cpuWanted: load.cpuWanted, cpuPressure, memoryPressure };
    this.#recorder.press(load.cpuWanted / this.#size.cores, cpuPressure, memoryPressure);
    this.#recorder.excessSeconds += (Math.max(0, load.cpuWanted / this.#size.cores - 1) * ms) / 1000;
    if (running > 0 && share < 0.9) this.#recorder.starvedSeconds += ms / 1000;
    if (memoryPressure > 0.1) this.#recorder.stalledSeconds += ms / 1000;
    for (const instance of instances) {
      instance.wanted += instance.wants * ms * 1000;
      this.#advance(instance, (ms / 1000) * progress, progress, now);
      instance.wants = wantsOf(instance);
    }
    this.#stepped = now;
    if (memory > this.#size.memoryBytes) this.#oom();
  }

  reading() {
    const phases = { queued: 0, starting: 0, booting: 0, running: 0 };
    let memory = 0;
    for (const instance of this.#all.values()) {
      phases[instance.phase] += 1;
      memory += instance.memory;
    }
    const { cpuWanted, cpuPressure, memoryPressure } = this.#last;
    return {
      ...{ running: phases.running, queued: phases.queued, starting: phases.starting + phases.booting },
      ...{ cpu: cpuWanted / this.#size.cores, memory: memory / this.#size.memoryBytes, cpuPressure, memoryPressure },
      ...{ bound: this.#governor.status().bound, committedCpu: this.#ledger.committedCpu() },
    };
  }

  close(): void {
    this.#governor.close();
  }

  #newGovernor(): Governor {
    return new Governor(governorSettings(this.#policy.config.governor, this.#size.cores), {
      now: this.#clock.now,
      setTimer: this.#clock.setTimer,
      pressure: () => ({ ...this.#stall }),
      wanted: (id) => this.#wantedBy(id),
      event: () => undefined,
      waited: (seconds) => void this.#recorder.waits.push(seconds),
    });
  }

  #enqueue(instance: Instance, kind: 'cold' | 'resume'): void {
    const { id, tenant, priority, shape, startCpu } = instance.arrival;
    const { signal } = instance.leave;
    const begin = (permit: Permit): void => {
      if (signal.aborted) {
        permit.end();
        return;
      }
      instance.permit = permit;
      instance.phase = 'starting';
      instance.left = startCpu;
    };
    const answer = this.#governor.admit({ id, tenant, priority, kind, shape, signal });
    const expired = (): void => {
      if (signal.aborted) return;
      this.#recorder.expired += 1;
      this.#gone(instance);
    };
    if (answer instanceof Promise) answer.then(begin, expired);
    else begin(answer);
  }

  #advance(instance: Instance, work: number, progress: number, now: number): void {
    const { arrival } = instance;
    if (instance.phase === 'starting') {
      instance.left -= work * START_CORES;
      if (instance.left > 0) return;
      this.#governor.networkTook(NETWORK_MS / progress);
      instance.permit?.runs(arrival.id);
      instance.phase = 'booting';
      instance.left = arrival.boot.cpu;
      instance.memory = arrival.memory.request * BOOT_MEMORY;
    } else if (instance.phase === 'booting') {
      instance.left -= work * arrival.boot.cores;
      const done = arrival.boot.cpu > 0 ? 1 - Math.max(0, instance.left) / arrival.boot.cpu : 1;
      instance.memory = aimOf(arrival) * (BOOT_MEMORY + (1 - BOOT_MEMORY) * done);
      if (instance.left > 0) return;
      instance.phase = 'running';
      instance.readyAt = now;
      this.#recorder.readies.push((now - instance.since) / 1000);
    } else if (instance.phase === 'running' && instance.life !== null && now - instance.readyAt >= instance.life)
      this.#gone(instance);
  }

  /** The kernel kills the one furthest above what it asked for; its restart policy brings it back. */
  #oom(): void {
    let victim: Instance | undefined;
    const over = ({ memory, arrival }: Instance) => memory / arrival.memory.request;
    for (const instance of this.#all.values())
      if (instance.memory > 0 && (victim === undefined || over(instance) > over(victim))) victim = instance;
    if (victim === undefined) return;
    this.#recorder.oomKills += 1;
    victim.leave.abort();
    this.#again(victim);
  }

  #again(instance: Instance): void {
    instance.permit?.end();
    instance.permit = undefined;
    instance.leave = new AbortController();
    instance.phase = 'queued';
    instance.since = this.#clock.now();
    instance.memory = 0;
    this.#enqueue(instance, 'resume');
  }

  /** As cgroups/wanted.ts reads it. */
  #wantedBy(id: string): number | undefined {
    const instance = this.#all.get(id);
    return instance && instance.wanted + instance.wants * (this.#clock.now() - this.#stepped) * 1000;
  }

  #gone(instance: Instance): void {
    instance.permit?.end();
    this.#all.delete(instance.arrival.id);
    this.#ledger.release(instance.arrival.id);
  }
}

/** Cores of its own cgroup. */
function wantsOf({ phase, arrival, use }: Instance): number {
  if (phase === 'booting') return arrival.boot.cores;
  return phase === 'running' ? use : 0;
}

/** People ask for somewhat more than they use. */
function aimOf({ memory }: Arrival): number {
  return memory.request * 0.8;
}

function wander(instance: Instance): void {
  const { arrival, random } = instance;
  const { cpu, memory } = arrival;
  instance.use = walk(instance.use, arrival.use, 0, cpu.limit, 3 * random.normal());
  instance.memory = walk(instance.memory, aimOf(arrival), memory.request / 2, memory.limit, random.normal());
}
