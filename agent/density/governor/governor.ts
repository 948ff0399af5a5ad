// The start governor: lets starts begin at a rate and in a number that the host bears. What may start when is decided by
// the pure parts beside it (bucket, aimd, queue); here are the promises, the timers and what is told of it. It keeps nothing
// on disk: after a crash recovery asks for the turns again, in its order.
import { BerthError } from '../../base/errors.js';
import type { StartWait } from '../../model/start-wait.js';
import { type Activity, adjust, type Control, capNow, initialControl, rateNow, within } from './aimd.js';
import { type Bucket, refill, take, untilToken } from './bucket.js';
import { FairQueue } from './queue.js';
import { Seldom } from './seldom.js';
import { Sensor } from './sensor.js';
import type {
  Decrease,
  GovernorPort,
  GovernorPorts,
  GovernorSettings,
  GovernorStatus,
  Release,
  StartRequest,
} from './types.js';
import { Waits } from './waits.js';

interface Queued extends StartRequest {
  readonly since: number;
  readonly grant: (release: Release) => void;
  readonly fail: (error: unknown) => void;
}

const TICK_MS = 1000;
/** Of each kind of event, one in this time; the next one says how many were left out. */
const EVENT_MS = 1000;
/** Share of the last start in how long one is expected to take. */
const NEWS = 0.2;

export class Governor implements GovernorPort {
  readonly #ports: GovernorPorts;
  readonly #queue: FairQueue<Queued>;
  readonly #sensor: Sensor;
  readonly #events = new Seldom(EVENT_MS);
  readonly #waits = new Waits();
  readonly #totals = {
    ...{ granted: 0, refused: 0, expired: 0 },
    decreases: { cpu: 0, io: 0, memory: 0, network: 0, start: 0 },
  };
  #settings: GovernorSettings;
  #control: Control;
  #bucket: Bucket;
  #inFlight = 0;
  /** How long the last starts took, smoothed; 0 before the first. */
  #usualMs = 0;
  #activity: { starts: number; limited: boolean } = { starts: 0, limited: false };
  #last: { decrease: Decrease; at: number } | undefined;
  #cancelTick: (() => void) | undefined;
  #cancelPump: (() => void) | undefined;
  #closed = false;

  /** `weightOf`: turns of a tenant for one of weight 1 in the same priority; default: all alike. */
  constructor(settings: GovernorSettings, ports: GovernorPorts, weightOf?: (tenant: string) => number) {
    this.#settings = settings;
    this.#ports = ports;
    this.#queue = new FairQueue(weightOf);
    this.#control = initialControl(settings);
    this.#sensor = new Sensor(ports);
    this.#bucket = { tokens: settings.burst, at: ports.now() };
    this.#tickLater();
  }

  requireRoom({ id, tenant, priority }: Pick<StartRequest, 'id' | 'tenant' | 'priority'>): void {
    const { maxQueue, enabled } = this.#settings;
    const length = this.#queue.length;
    if (!enabled || length < maxQueue) return;
    this.#totals.refused += 1;
    const retryAfterMs = Math.ceil(((length - maxQueue + 1) / this.#rate) * 1000);
    const data = { queued: length, maxQueue, rate: round(this.#rate), retryAfterMs };
    this.#tell('start.refused', () => ({ id, tenant, priority, ...data }));
    throw new BerthError(
      'start_queue_full',
      `"${id}" would be start ${length + 1} in the queue, ${maxQueue} may wait; ${round(this.#rate)} a second begin`,
      { data },
    );
  }

  admit(request: StartRequest): Promise<Release> {
    const { signal } = request;
    if (signal.aborted) return Promise.reject(signal.reason);
    if (!this.#settings.enabled) {
      this.#totals.granted += 1;
      return Promise.resolve(() => undefined);
    }
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#queue.remove(request.id);
        reject(signal.reason);
      };
      const done = () => signal.removeEventListener('abort', leave);
      signal.addEventListener('abort', leave, { once: true });
      this.#queue.get(request.id)?.fail(new BerthError('internal', `"${request.id}" asked twice for its turn`));
      this.#queue.push({
        ...request,
        since: this.#ports.now(),
        grant: (release) => {
          done();
          resolve(release);
        },
        fail: (error) => {
          done();
          reject(error);
        },
      });
      this.#pump();
      if (this.#queue.get(request.id) !== undefined) this.#tellQueued(request);
    });
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
    return !this.#settings.enabled || (!this.#sensor.pressed && this.#queue.length === 0);
  }

  /** New figures; who waits keeps waiting, by the new ones. */
  configure(settings: GovernorSettings): void {
    this.#refill();
    this.#settings = settings;
    this.#control = within(this.#control, settings);
    this.#bucket = { ...this.#bucket, tokens: Math.min(this.#bucket.tokens, settings.burst) };
    this.#pump();
    if (settings.enabled) return;
    for (let next = this.#queue.next(); next !== undefined; next = this.#queue.next()) this.#grant(next);
  }

  status(): GovernorStatus {
    this.#refill();
    const { enabled, rate, ceiling, maxQueue, limits } = this.#settings;
    const now = this.#ports.now();
    const oldest = this.#queue.oldest;
    return {
      ...{ enabled, rate: this.#rate, usualRate: rate, ceiling, tokens: this.#bucket.tokens },
      ...{ inFlight: this.#inFlight, cap: capNow(this.#control), queued: this.#queue.length, maxQueue },
      byPriority: this.#queue.byPriority(),
      byTenant: this.#queue.byTenant(),
      ...{ signals: this.#sensor.signals, limits },
      lastDecrease: this.#last === undefined ? null : { ...this.#last.decrease, agoMs: now - this.#last.at },
      waits: this.#waits.summary(),
      oldestWaitMs: oldest === undefined ? 0 : Math.round(now - oldest.since),
      totals: { ...this.#totals, decreases: { ...this.#totals.decreases } },
    };
  }

  /** No further turn is given; promises that wait stay as they are. */
  close(): void {
    this.#closed = true;
    this.#cancelTick?.();
    this.#cancelPump?.();
  }

  /** Starts a second, as of now. */
  get #rate(): number {
    return rateNow(this.#control, this.#settings);
  }

  #waitOf({ since }: Queued, ahead: number): StartWait {
    const cap = capNow(this.#control);
    const byRate = ((ahead + 1) / this.#rate) * 1000;
    // So many have to be over first, of those under way and of those before it.
    const first = Math.max(0, this.#inFlight + ahead + 1 - cap);
    const byRoom = (first / cap) * (this.#usualMs + this.#settings.settleMs);
    const expectedMs = Math.ceil(Math.max(byRate, byRoom));
    return { reason: 'start_queue', waitedMs: Math.round(this.#ports.now() - since), ahead, expectedMs };
  }

  #refill(): void {
    this.#bucket = refill(this.#bucket, this.#rate, this.#settings.burst, this.#ports.now());
  }

  /** Gives turns for as long as there are tokens and room. */
  #pump(): void {
    if (this.#closed) return;
    this.#cancelPump?.();
    this.#cancelPump = undefined;
    this.#refill();
    while (this.#queue.length > 0) {
      if (this.#inFlight >= capNow(this.#control)) {
        this.#activity.limited = true;
        return;
      }
      const taken = take(this.#bucket);
      if (taken === undefined) {
        this.#activity.limited = true;
        const ms = Math.max(1, untilToken(this.#bucket, this.#rate));
        this.#cancelPump = this.#ports.setTimer(ms, () => this.#pump());
        return;
      }
      this.#bucket = taken;
      const next = this.#queue.next();
      if (next !== undefined) this.#grant(next);
    }
  }

  #grant(next: Queued): void {
    const now = this.#ports.now();
    this.#inFlight += 1;
    this.#activity.starts += 1;
    this.#totals.granted += 1;
    this.#waits.add(now - next.since);
    this.#ports.waited((now - next.since) / 1000);
    let over = false;
    next.grant((started) => {
      if (over) return;
      over = true;
      this.#ended(next.shape, started, this.#ports.now() - now);
    });
  }

  #ended(shape: string, started: boolean, ms: number): void {
    // What failed says nothing about how long a start takes.
    if (started) {
      this.#sensor.startTook(shape, ms);
      this.#usualMs += (ms - this.#usualMs) * (this.#usualMs === 0 ? 1 : NEWS);
    }
    const leave = (): void => {
      this.#inFlight -= 1;
      this.#pump();
    };
    const { settleMs } = this.#settings;
    if (started && settleMs > 0) this.#ports.setTimer(settleMs, leave);
    else leave();
  }

  #tickLater(): void {
    this.#cancelTick = this.#ports.setTimer(TICK_MS, () => {
      if (this.#closed) return;
      this.#tick();
      this.#tickLater();
    });
  }

  /** Once a second: what the last one was like, and what follows from it. */
  #tick(): void {
    const now = this.#ports.now();
    const signals = this.#sensor.read(this.#settings.limits);
    const activity: Activity = { ...this.#activity, starts: this.#activity.starts + this.#inFlight };
    this.#activity = { starts: 0, limited: false };
    this.#refill();
    const { control, decrease } = adjust(this.#control, signals, activity, this.#settings);
    this.#control = control;
    if (decrease !== undefined) this.#slowed(decrease, now);
    this.#expire(now);
    this.#pump();
  }

  #slowed(decrease: Decrease, now: number): void {
    // What was saved up in a calm time is not for this one.
    this.#bucket = { ...this.#bucket, tokens: Math.min(1, this.#bucket.tokens) };
    this.#last = { decrease, at: now };
    this.#totals.decreases[decrease.signal] += 1;
    const { signal, value, limit, rate, rateBefore } = decrease;
    const figures = { signal, value: round(value), limit, rateBefore: round(rateBefore), rate: round(rate) };
    this.#tell('governor.slowed', () => ({ ...figures, cap: capNow(this.#control), queued: this.#queue.length }));
  }

  #expire(now: number): void {
    const { maxWaitMs } = this.#settings;
    const late = [...this.#queue.items()].filter(({ kind, since }) => kind === 'cold' && now - since > maxWaitMs);
    for (const { id, since, fail } of late) {
      this.#queue.remove(id);
      this.#totals.expired += 1;
      const waited = Math.round((now - since) / 1000);
      fail(
        new BerthError('deadline_exceeded', `its turn to start did not come in ${waited} s (governor.max_wait)`, {
          hint: 'This host starts as fast as it can bear: see `berth top`, and start it elsewhere or later.',
          data: { waitedMs: Math.round(now - since), queued: this.#queue.length, rate: round(this.#rate) },
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

/** For people and events. */
function round(value: number): number {
  return Math.round(value * 100) / 100;
}
