// The start governor: bounds how many starts settle at once by what the host bears, and is work-conserving: while there is a
// place, a start has its permit in the same turn of the event loop. What may start when is decided by the pure parts beside
// it (bound, queue) and settling.ts; here are the promises, the timer and what is told of it. The timer runs while starts
// settle or wait, and not otherwise. Nothing is on disk: after a crash recovery asks again, in its order.
import { BerthError } from '../../../protocol/errors.js';
import type { StartWait } from '../../model/start-wait.js';
import { adjust, type Bound, firstBound, placesOf } from './bound.js';
import { FairQueue } from './queue.js';
import { Seldom } from './seldom.js';
import { Sensor } from './sensor.js';
import { Settling, type Start } from './settling.js';
import type {
  Decrease,
  GovernorPort,
  GovernorPorts,
  GovernorSettings,
  GovernorStatus,
  Permit,
  StartRequest,
} from './types.js';
import { Waits } from './waits.js';

interface Queued extends StartRequest {
  readonly since: number;
  readonly grant: (permit: Permit) => void;
  readonly fail: (error: unknown) => void;
}

/** Between two looks at what settles, and between two at the host. */
const TICK_MS = 50;
const CONTROL_MS = 250;
/** Of each kind of event, one in this time; the next one says how many were left out. */
const EVENT_MS = 5000;
/** Share of the last start in how long one is expected to settle. */
const NEWS = 0.2;
const FREE: Permit = { runs: () => undefined, end: () => undefined };

export class Governor implements GovernorPort {
  readonly #ports: GovernorPorts;
  readonly #queue: FairQueue<Queued>;
  readonly #sensor: Sensor;
  readonly #settling: Settling;
  readonly #events = new Seldom(EVENT_MS);
  readonly #waits = new Waits();
  readonly #totals = {
    ...{ granted: 0, refused: 0, expired: 0 },
    decreases: { cpu: 0, io: 0, memory: 0, network: 0, start: 0 },
  };
  #settings: GovernorSettings;
  #bound: Bound;
  /** How long the last starts settled, smoothed; 0 before the first. */
  #usualMs = 0;
  /** Somebody waited for a place since the last look at the host. */
  #limited = false;
  #last: { readonly decrease: Decrease; readonly at: number } | undefined;
  /** When the host is looked at next; undefined: nothing settles or waits, and no timer runs. */
  #controlAt: number | undefined;
  #cancelTick: (() => void) | undefined;
  #closed = false;

  /** `weightOf`: turns of a tenant for one of weight 1 in the same priority; default: all alike. */
  constructor(settings: GovernorSettings, ports: GovernorPorts, weightOf?: (tenant: string) => number) {
    this.#settings = settings;
    this.#ports = ports;
    this.#queue = new FairQueue(weightOf);
    this.#bound = firstBound(settings);
    this.#sensor = new Sensor(ports);
    this.#settling = new Settling(ports.wanted);
  }

  requireRoom({ id, tenant, priority }: Pick<StartRequest, 'id' | 'tenant' | 'priority'>): void {
    const { maxQueue, enabled } = this.#settings;
    const length = this.#queue.length;
    if (!enabled || length < maxQueue) return;
    this.#totals.refused += 1;
    const bound = placesOf(this.#bound);
    const data = { queued: length, maxQueue, bound, retryAfterMs: Math.max(1000, this.#msFor(length - maxQueue + 1)) };
    this.#tell('start.refused', () => ({ id, tenant, priority, ...data }));
    throw new BerthError(
      'start_queue_full',
      `"${id}" would be start ${length + 1} in the queue, ${maxQueue} may wait; ${bound} may settle at once`,
      { data },
    );
  }

  admit(request: StartRequest): Permit | Promise<Permit> {
    const { signal } = request;
    if (signal.aborted) return Promise.reject(signal.reason);
    if (!this.#settings.enabled) {
      this.#totals.granted += 1;
      return FREE;
    }
    if (this.#queue.length === 0 && this.#hasPlace) return this.#permit(request.shape, 0);
    return this.#wait(request);
  }

  waiting(id: string): StartWait | undefined {
    const found = this.#queue.get(id);
    return found === undefined ? undefined : this.#waitOf(found, this.#queue.ahead(id));
  }

  allWaiting(): Map<string, StartWait> {
    const places = this.#queue.places();
    return new Map([...this.#queue.items()].map((one) => [one.id, this.#waitOf(one, places.get(one.id) ?? 0)]));
  }

  /** One operation of the network room took so long, waiting for its worker included. */
  networkTook(ms: number): void {
    this.#sensor.networkTook(ms);
  }

  /** Whether there is room for work that nobody waits for, such as filling the pool of namespaces. */
  calm(): boolean {
    return !this.#settings.enabled || (this.#queue.length === 0 && !(this.#settling.size > 0 && this.#sensor.pressed));
  }

  /** New figures; who waits keeps waiting, by the new ones. */
  configure(settings: GovernorSettings): void {
    this.#settings = settings;
    this.#bound = { ...this.#bound, value: Math.min(this.#bound.value, settings.maxSettling) };
    if (this.#controlAt === undefined) this.#bound = firstBound(settings);
    this.#pump();
    if (settings.enabled) return;
    for (let next = this.#queue.next(); next !== undefined; next = this.#queue.next()) this.#grant(next);
  }

  status(): GovernorStatus {
    const { enabled, maxSettling, maxQueue, limits } = this.#settings;
    const now = this.#ports.now();
    const oldest = this.#queue.oldest;
    return {
      ...{ enabled, settling: this.#settling.size, bound: placesOf(this.#bound), maxSettling },
      ...{ queued: this.#queue.length, maxQueue },
      byPriority: this.#queue.byPriority(),
      byTenant: this.#queue.byTenant(),
      ...{ signals: this.#sensor.signals, limits },
      lastDecrease: this.#last === undefined ? null : { ...this.#last.decrease, agoMs: now - this.#last.at },
      waits: this.#waits.summary(),
      oldestWaitMs: oldest === undefined ? 0 : Math.round(now - oldest.since),
      totals: { ...this.#totals, decreases: { ...this.#totals.decreases } },
    };
  }

  /** No further permit is given; promises that wait stay as they are. */
  close(): void {
    this.#closed = true;
    this.#cancelTick?.();
  }

  get #hasPlace(): boolean {
    return !this.#closed && this.#settling.size < placesOf(this.#bound);
  }

  #wait(request: StartRequest): Promise<Permit> {
    const { id, signal } = request;
    this.#limited = true;
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#queue.remove(id);
        reject(signal.reason);
      };
      const done = () => signal.removeEventListener('abort', leave);
      signal.addEventListener('abort', leave, { once: true });
      this.#queue.get(id)?.fail(new BerthError('internal', `"${id}" asked twice for its permit`));
      this.#queue.push({
        ...request,
        since: this.#ports.now(),
        grant: (permit) => {
          done();
          resolve(permit);
        },
        fail: (error) => {
          done();
          reject(error);
        },
      });
      this.#tickLater();
      this.#tellQueued(request);
    });
  }

  #waitOf({ since }: Queued, ahead: number): StartWait {
    const places = Math.max(1, placesOf(this.#bound));
    const expectedMs = this.#msFor(Math.max(1, this.#settling.size + ahead + 1 - places));
    return { reason: 'start_queue', waitedMs: Math.round(this.#ports.now() - since), ahead, expectedMs };
  }

  /** Until so many places are free. */
  #msFor(places: number): number {
    return Math.ceil((places / Math.max(1, placesOf(this.#bound))) * this.#usualMs);
  }

  /** Gives permits for as long as there are places. */
  #pump(): void {
    while (this.#queue.length > 0 && this.#hasPlace) {
      const next = this.#queue.next();
      if (next !== undefined) this.#grant(next);
    }
    if (this.#queue.length > 0) this.#limited = true;
  }

  #grant({ shape, since, grant }: Queued): void {
    grant(this.#permit(shape, this.#ports.now() - since));
  }

  #permit(shape: string, waitedMs: number): Permit {
    this.#totals.granted += 1;
    this.#waits.add(waitedMs);
    this.#ports.waited(waitedMs / 1000);
    const start = this.#settling.begin(shape, this.#ports.now());
    this.#tickLater();
    return {
      runs: (cgroup, serves) => this.#runs(start, cgroup, serves),
      end: () => {
        if (!this.#settling.end(start)) return;
        this.#pump();
      },
    };
  }

  #runs(start: Start, cgroup: string, serves?: () => boolean): void {
    const now = this.#ports.now();
    if (this.#settling.runs(start, cgroup, now, serves))
      this.#sensor.startTook(start.shape, now - start.since, start.beside);
  }

  #tickLater(): void {
    if (this.#cancelTick !== undefined || this.#closed) return;
    this.#cancelTick = this.#ports.setTimer(TICK_MS, () => {
      this.#cancelTick = undefined;
      this.#tick();
    });
  }

  #tick(): void {
    const now = this.#ports.now();
    if (this.#controlAt === undefined) {
      this.#sensor.begin();
      this.#controlAt = now + CONTROL_MS;
    } else if (now >= this.#controlAt) {
      this.#control(now);
      this.#controlAt = now + CONTROL_MS;
    }
    for (const { since } of this.#settling.settle(now, this.#settings.settleTimeoutMs))
      this.#usualMs += (now - since - this.#usualMs) * (this.#usualMs === 0 ? 1 : NEWS);
    this.#pump();
    if (this.#settling.size > 0 || this.#queue.length > 0) this.#tickLater();
    else this.#rest();
  }

  /** No timer runs. What the host bears is learned anew: it may be another one by the next start. */
  #rest(): void {
    this.#controlAt = undefined;
    this.#bound = firstBound(this.#settings);
  }

  /** What the last interval was like, and what follows from it. */
  #control(now: number): void {
    const signals = this.#sensor.read(this.#settings.limits);
    const { size, cores } = this.#settling;
    const activity = { now, settling: size, cores, limited: this.#limited };
    this.#limited = false;
    const { bound, decrease } = adjust(this.#bound, signals, activity, this.#settings);
    this.#bound = bound;
    if (decrease !== undefined) this.#slowed(decrease, now);
    this.#expire(now);
  }

  #slowed(decrease: Decrease, now: number): void {
    this.#last = { decrease, at: now };
    this.#totals.decreases[decrease.signal] += 1;
    const figures = { ...decrease, value: Math.round(decrease.value * 100) / 100 };
    this.#tell('governor.slowed', () => ({ ...figures, queued: this.#queue.length }));
  }

  #expire(now: number): void {
    const { maxWaitMs } = this.#settings;
    const late = [...this.#queue.items()].filter(({ kind, since }) => kind === 'cold' && now - since > maxWaitMs);
    for (const { id, since, fail } of late) {
      this.#queue.remove(id);
      this.#totals.expired += 1;
      const waited = Math.round((now - since) / 1000);
      fail(
        new BerthError('deadline_exceeded', `"${id}" had no permit to start within ${waited} s (governor.max_wait)`, {
          hint: 'This host starts as fast as it can bear: see `berth top`, and start it elsewhere or later.',
          data: { waitedMs: Math.round(now - since), queued: this.#queue.length, bound: placesOf(this.#bound) },
        }),
      );
    }
  }

  #tellQueued({ id, tenant, priority }: StartRequest): void {
    this.#tell('start.queued', () => {
      const wait = this.waiting(id);
      return { id, tenant, priority, ahead: wait?.ahead, expectedMs: wait?.expectedMs, queued: this.#queue.length };
    });
  }

  /** `data` is asked for only when it is told: a place in a long queue is not had for nothing. */
  #tell(type: Parameters<GovernorPorts['event']>[0], data: () => Readonly<Record<string, unknown>>): void {
    const leftOut = this.#events.ask(type, this.#ports.now());
    if (leftOut !== undefined) this.#ports.event(type, { ...data(), leftOut });
  }
}
