// Which workloads serve. What runs and says how it can be asked is probed by one scheduler: one timer for all, a bounded number of
// probes at once, no two at the same moment for long. What was found is not durable: the next agent asks again.
import { millisecondsOf } from '../../base/values/amounts.js';
import type { HealthSpec } from '../../model/health-spec.js';
import type { WorkloadRecord } from '../../model/record.js';
import { type InsideProbe, type Probe, type ProbeResult, probe } from './probe.js';
import { type Handle, Wheel } from './wheel.js';

/** Sockets of probes open at once. */
const MOST_AT_ONCE = 256;
/** Programs of probes at once: each is a start of a process in a container. */
const MOST_COMMANDS = 8;
/** Of these, of one tenant: those whose programs are slow do not hold up the others. */
const MOST_OF_TENANT = 4;
/** Until it is well for the first time. */
const EAGER_MS = 1000;
/** Of a pause, either way: what started together is not probed together for ever. */
const JITTER = 0.1;
/** Between two events of one workload: one that flaps has the events that tell it, and no more. */
const QUIET_MS = 10_000;
const LOOPBACK = '127.0.0.1';

export interface HealthPorts {
  event(id: string, type: 'workload.ready' | 'workload.unready', data: Readonly<Record<string, unknown>>): void;
  /** Its processes do not run for now, by the agent's own doing: a probe would say nothing of them. */
  paused(id: string): boolean;
  readonly inside: InsideProbe;
  /** It failed as often as its spec allows. */
  unhealthy(id: string, detail: string): void;
}

export interface HealthOptions {
  readonly probe?: Probe;
  readonly wheel?: Wheel;
  /** Milliseconds, by a clock that nobody sets. */
  readonly now?: () => number;
  readonly random?: () => number;
}

interface Watched {
  readonly id: string;
  readonly tenant: string;
  readonly health: HealthSpec;
  readonly host: string;
  readonly pid: number;
  readonly startTime: number;
  readonly since: number;
  readonly end: AbortController;
  /** Undefined: neither well for once nor failed often enough. */
  ready: boolean | undefined;
  failures: number;
  /** By the last event; undefined: none yet. */
  told: { readonly ready: boolean | undefined; readonly at: number };
  /** Times that it changed since then. */
  flips: number;
  next: Handle | undefined;
}

type Seen = Pick<WorkloadRecord, 'id' | 'spec' | 'state' | 'process' | 'sandbox'>;

export class Health {
  readonly #ports: HealthPorts;
  readonly #probe: Probe;
  readonly #wheel: Wheel;
  readonly #now: () => number;
  readonly #random: () => number;
  readonly #watched = new Map<string, Watched>();
  /** Those whose moment has come, in that order. */
  readonly #due = new Set<Watched>();
  #running = 0;
  /** Tenants of these that run a command. */
  readonly #commands: string[] = [];

  constructor(ports: HealthPorts, options: HealthOptions = {}) {
    const { probe: ask = probe, wheel = new Wheel(), now = () => performance.now(), random = Math.random } = options;
    this.#ports = ports;
    this.#probe = ask;
    this.#wheel = wheel;
    this.#now = now;
    this.#random = random;
  }

  /** To be called with a record whenever its state or process is another one. */
  changed(record: Seen): void {
    const { id, spec, state, process } = record;
    const before = this.#watched.get(id);
    const { health } = spec;
    const runs = state === 'running' && process !== null && health !== undefined;
    const { pid, startTime } = process ?? {};
    if (runs && before?.pid === pid && before?.startTime === startTime && before?.health === health) return;
    if (before !== undefined) this.#leave(before);
    if (!runs) return;
    const now = this.#now();
    const watched: Watched = {
      ...{
        id,
        tenant: spec.tenant,
        health,
        host: record.sandbox.address ?? LOOPBACK,
        since: now,
        end: new AbortController(),
      },
      ...{ pid: process.pid, startTime: process.startTime, ready: undefined, failures: 0, flips: 0, next: undefined },
      told: { ready: undefined, at: now - QUIET_MS },
    };
    this.#watched.set(id, watched);
    this.#later(watched);
  }

  /** The workload is gone. */
  forget(id: string): void {
    const watched = this.#watched.get(id);
    if (watched !== undefined) this.#leave(watched);
  }

  /** Undefined: its spec does not say how to ask. What does not run is not ready. */
  ready({ id, spec }: Pick<WorkloadRecord, 'id' | 'spec'>): boolean | undefined {
    return spec.health === undefined ? undefined : this.#watched.get(id)?.ready === true;
  }

  close(): void {
    for (const watched of [...this.#watched.values()]) this.#leave(watched);
    this.#wheel.close();
  }

  #leave(watched: Watched): void {
    this.#watched.delete(watched.id);
    this.#due.delete(watched);
    if (watched.next !== undefined) this.#wheel.cancel(watched.next);
    watched.end.abort();
  }

  #later(watched: Watched): void {
    const interval = millisecondsOf(watched.health.interval);
    const pause = watched.ready !== undefined || watched.failures > 0 ? interval : Math.min(interval, EAGER_MS);
    const spread = 1 + JITTER * (2 * this.#random() - 1);
    watched.next = this.#wheel.in(pause * spread, () => {
      watched.next = undefined;
      this.#due.add(watched);
      this.#pump();
    });
  }

  #pump(): void {
    for (const watched of this.#due) {
      if (this.#running >= MOST_AT_ONCE) return;
      const runs = watched.health.command !== undefined;
      if (runs && !this.#hasRoom(watched.tenant)) continue;
      this.#due.delete(watched);
      this.#running += 1;
      if (runs) this.#commands.push(watched.tenant);
      void this.#ask(watched);
    }
  }

  #hasRoom(tenant: string): boolean {
    const all = this.#commands;
    return all.length < MOST_COMMANDS && all.filter((one) => one === tenant).length < MOST_OF_TENANT;
  }

  async #ask(watched: Watched): Promise<void> {
    const { id, host, health, end } = watched;
    const paused = this.#ports.paused(id);
    const runs = health.command !== undefined;
    const ask = () => (runs ? this.#ports.inside(id, health, end.signal) : this.#probe(host, health, end.signal));
    const problem = paused ? null : await ask();
    this.#running -= 1;
    if (runs) this.#commands.splice(this.#commands.indexOf(watched.tenant), 1);
    if (!end.signal.aborted) {
      if (problem !== null && !this.#ports.paused(id)) this.#take(watched, problem);
      if (!end.signal.aborted) this.#later(watched);
    }
    this.#pump();
  }

  #take(watched: Watched, problem: ProbeResult): void {
    const { id, health } = watched;
    if (problem === undefined) {
      watched.failures = 0;
      this.#become(watched, true, undefined);
      return;
    }
    // In the start period it need not be well; what was well once is over it.
    if (watched.ready === undefined && this.#now() - watched.since < millisecondsOf(health.startPeriod)) return;
    watched.failures += 1;
    if (watched.failures < health.retries) {
      this.#tell(watched, problem);
      return;
    }
    this.#become(watched, false, problem);
    if (watched.failures % health.retries === 0)
      this.#ports.unhealthy(id, `its health probe failed ${watched.failures} times in a row: ${problem}`);
  }

  #become(watched: Watched, ready: boolean, problem: ProbeResult): void {
    if (watched.ready !== ready) {
      watched.ready = ready;
      watched.flips += 1;
    }
    this.#tell(watched, problem);
  }

  #tell(watched: Watched, problem: ProbeResult): void {
    const { id, ready, told, flips, failures } = watched;
    const now = this.#now();
    if (ready === undefined || ready === told.ready || now - told.at < QUIET_MS) return;
    watched.told = { ready, at: now };
    watched.flips = 0;
    const more = flips > 1 ? { changes: flips } : {};
    if (ready) this.#ports.event(id, 'workload.ready', more);
    else this.#ports.event(id, 'workload.unready', { failures, reason: problem, ...more });
  }
}
