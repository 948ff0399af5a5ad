// The pressure engine: what the kernel's triggers say goes through the ladder, and what the ladder decides is carried out.
// While it is calm nothing runs but `look`, with each sample of the metrics; while any scope is alarmed it looks each second.
import { isDeepStrictEqual } from 'node:util';
import { ioCost } from '../../cgroups/probe.js';
import type { CgroupStats } from '../../cgroups/types.js';
import { inSlices, sliced } from '../../linux/sliced.js';
import { parseDuration } from '../base/units.js';
import type { PressureConfig } from '../config/pressure.js';
import type { Condition } from '../model/condition.js';
import { adopt, adopted, undoHeld } from './adopt.js';
import { pressureConditions } from './conditions.js';
import { FutileGuard, type Protected } from './guard.js';
import { PressureHistory } from './history.js';
import { type Decision, decide, matters, undoAll } from './ladder.js';
import { Measure, RESOURCES } from './measure.js';
import { balloonOf, balloonsOf, isFrozen, latestKill, valuesOf } from './merge.js';
import { type Outcome, Performer } from './perform.js';
import type { Closing, Held, PressureWorld } from './ports.js';
import { isShort, lookRound, type Seen, updateStall } from './round.js';
import { keyOf, type Ladder, newLadder, scopesOf, wantedOf } from './scopes.js';
import { ladderSettings } from './settings.js';
import { type PressureStatus, statusOf } from './status.js';
import { Triggers, type Wanted } from './triggers.js';
import type { Action, Reading, Target } from './types.js';
import { watchedDirectories } from './watched.js';

const TICK_MS = 1000;
/** Beyond `release_after`, for a scope that was alarmed for nothing. */
const LINGER_MS = 2000;
/** While workloads stay the same: cgroups of others come and go, and a trigger that could not be had is asked for again. */
const RESYNC_MS = 10_000;

export class Pressure {
  /** The last minute of every scope; by id of workloads, by name of other scopes. */
  readonly history = new PressureHistory();
  readonly #world: PressureWorld;
  #config: PressureConfig;
  readonly #measure: Measure;
  readonly #triggers: Triggers;
  readonly #guard: FutileGuard;
  readonly #performer: Performer;
  readonly #ladders = new Map<string, Ladder>();
  /** Of the host and of tenants. Workloads come by `observe`: here each would be a file. */
  #wide: readonly Ladder[] = [];
  #targets: readonly Target[] = [];
  /** What ladders, triggers and watches were last made for. */
  #synced: { readonly targets: readonly Target[]; readonly at: number } | undefined;
  #timer: Closing | undefined;
  #ticking: Promise<void> | undefined;
  #looking: Promise<void> | undefined;
  readonly #performing = new Set<Promise<void>>();
  #open = false;

  constructor(world: PressureWorld, config: PressureConfig) {
    this.#world = world;
    this.#config = config;
    this.#measure = new Measure(world.proc);
    this.#triggers = new Triggers(world.signals, ({ key, threshold: { kind, stall } }) => {
      const ladder = this.#ladders.get(key);
      if (ladder === undefined) return;
      const { some, full } = ladder.fired;
      ladder.fired = { some: Math.max(some, stall), full: kind === 'full' ? Math.max(full, stall) : full };
      this.#alarm(ladder);
    });
    this.#guard = new FutileGuard(world, () => this.#wake());
    this.#performer = new Performer(world);
  }

  /** Takes over what an earlier agent has left in force, to give it back when it is calm; at once where nothing may be held. */
  async start(): Promise<void> {
    this.#open = true;
    const { mode } = this.#config;
    if (mode !== 'off') await this.look();
    const left = this.#adopt(this.#world.actuator.held());
    for (const action of left) await this.#carryOut(action, {}, false);
  }

  /** With each sample of the metrics: new workloads get their triggers, and who has none is looked at. Never rejects. */
  look(): Promise<void> {
    this.#looking ??= this.#look()
      .catch((error: unknown) => this.#world.log.error({ err: error }, 'pressure could not be looked at'))
      .finally(() => {
        this.#looking = undefined;
      });
    return this.#looking;
  }

  async #look(): Promise<void> {
    if (!this.#open || this.#config.mode === 'off') return;
    await this.#sync();
    if (!this.#open) return;
    const { unobserved } = this.#triggers;
    const memory = this.#measure.hostMemory();
    for (const ladder of this.#wide) {
      if (this.#isActive(ladder)) continue;
      updateStall(ladder, this.#measure, this.#world.clock.now());
      const seen = unobserved.has(ladder.key) && matters(ladder.stall, ladder.settings);
      if (seen || isShort(ladder, memory)) this.#alarm(ladder);
    }
    this.#recordScopes(this.#wide);
    if (this.#timer === undefined) this.#measure.close();
  }

  /** What the sampler has seen of a workload: for the history, and in the place of triggers that could not be had. */
  observe(id: string, stats: CgroupStats): void {
    const { clock } = this.#world;
    this.history.record(id, clock.unix(), stats);
    if (!this.#open || this.#config.mode === 'off') return;
    const seen = this.#measure.observe(id, clock.now(), stats);
    const ladder = this.#ladders.get(keyOf(`workload/${id}`, 'memory'));
    if (ladder !== undefined && this.#triggers.unobserved.has(ladder.key) && matters(seen.memory, ladder.settings))
      this.#alarm(ladder);
    const target = seen.high ? this.#targets.find((one) => one.id === id) : undefined;
    if (target !== undefined) this.#guard.arm(protectedOf(target));
  }

  /** The sampler has found it as it was. */
  quiet(id: string): void {
    this.history.quiet(id, this.#world.clock.unix());
  }

  /** Bytes that guests were asked to give back, by workload. */
  balloons(): ReadonlyMap<string, number> {
    return this.#config.mode === 'enforce' ? balloonsOf(this.#ladders.values()) : new Map();
  }

  /** The workload is deleted. */
  forget(id: string): void {
    this.history.forget(id);
    this.#measure.forget(id);
  }

  /** A changed section starts afresh: what is held is given back first, and taken again if there is still a reason. */
  async configure(config: PressureConfig): Promise<void> {
    if (isDeepStrictEqual(config, this.#config)) return;
    await this.#rest('section [pressure] has changed');
    this.#config = config;
    await this.start();
  }

  /** Gives everything back: nobody would after an agent that does not come again. */
  async close(): Promise<void> {
    this.#performer.close();
    await this.#rest('the agent stops');
  }

  /** Resolves when no look and no action is under way. */
  async idle(): Promise<void> {
    while (this.#ticking !== undefined || this.#looking !== undefined || this.#performing.size > 0)
      await Promise.all([this.#ticking, this.#looking, ...this.#performing]);
  }

  status(): PressureStatus {
    return statusOf([...this.#ladders.values()], this.#world.clock.now(), {
      ...{ mode: this.#config.mode, counts: this.#performer.counts(), futile: this.#guard.count },
      unobserved: [...this.#triggers.unobserved.values()].map(({ key, reason, crowded }) => ({ key, reason, crowded })),
    });
  }

  conditions(): Condition[] {
    return pressureConditions(this.status(), this.#guard.incidents());
  }

  /** In slices: when one of thousands of workloads has come or gone, each of them is compared. */
  async #sync(): Promise<void> {
    const now = this.#world.clock.now();
    const targets = this.#world.targets();
    this.#targets = targets;
    if (this.#synced && now - this.#synced.at < RESYNC_MS && isSame(this.#synced.targets, targets)) return;
    this.#synced = { targets, at: now };
    const keys = new Set<string>();
    for await (const scope of inSlices(scopesOf(targets))) {
      if (!this.#open) return;
      keys.add(scope.key);
      const ladder = this.#ladders.has(scope.key) ? undefined : newLadder(scope, this.#config, now);
      if (ladder !== undefined) this.#ladders.set(scope.key, ladder);
    }
    const [wide, own]: [Ladder[], Ladder[]] = [[], []];
    for await (const ladder of sliced(this.#ladders.values())) {
      if (!keys.has(ladder.key)) this.#ladders.delete(ladder.key);
      else (widthOf(ladder) < OWN ? wide : own).push(ladder);
    }
    if (!this.#open) return;
    this.#wide = wide.sort((a, b) => widthOf(a) - widthOf(b));
    const wanted: Wanted[] = [];
    for await (const one of sliced([...this.#wide, ...own]))
      wanted.push(...wantedOf(one, this.#measure.pressureFile(one.place, one.resource)));
    await this.#triggers.sync(wanted, this.#config.max_triggers, now);
    const guarded: Protected[] = watchedDirectories(this.#world.cgroupMount, this.#config.futile.watch).map((dir) => {
      return { dir, workload: null };
    });
    for await (const target of sliced(targets)) if (target.memoryHigh !== null) guarded.push(protectedOf(target));
    if (this.#open) await this.#guard.sync(guarded);
  }

  /** Of the host and of tenants; workloads have samples of their own. */
  #recordScopes(ladders: Iterable<Ladder>): void {
    const now = this.#world.clock.unix();
    for (const { scope, resource, place } of ladders)
      if (resource === 'memory' && !scope.startsWith('workload/'))
        this.history.record(scope, now, this.#measure.scopeSample(place));
  }

  /** The widest first, as they come by triggers and as they decide. */
  #inOrder(): Ladder[] {
    return [...this.#ladders.values()].sort((a, b) => widthOf(a) - widthOf(b));
  }

  #isActive({ until, state }: Ladder): boolean {
    return this.#world.clock.now() < until || state.level !== 'calm';
  }

  #alarm(ladder: Ladder): void {
    ladder.until = this.#world.clock.now() + ladder.settings.releaseAfterMs + LINGER_MS;
    this.#wake();
  }

  /** Looks now, and each second from now on. */
  #wake(): void {
    if (!this.#open) return;
    this.#timer ??= this.#world.clock.every(TICK_MS, () => this.#tick());
    this.#tick();
  }

  #tick(): void {
    // A kernel that answers late gets no second question.
    if (this.#ticking !== undefined) return;
    this.#ticking = this.#round()
      .catch((error: unknown) => this.#world.log.error({ err: error }, 'pressure could not be looked at'))
      .finally(() => {
        this.#ticking = undefined;
      });
  }

  async #round(): Promise<void> {
    const { clock, cores, cgroupMount } = this.#world;
    const active = this.#inOrder().filter((ladder) => this.#isActive(ladder));
    if (active.length === 0 && !this.#guard.busy) {
      this.#timer?.close();
      this.#timer = undefined;
      this.#measure.close();
      return;
    }
    this.#targets = this.#world.targets();
    await this.#guard.tick(this.#config);
    const round = await lookRound(active, this.#targets, this.#measure, {
      ...{ cores, ioCost: () => ioCost(cgroupMount), now: clock.now },
    });
    if (!this.#open) return;
    for (const [id, { sample }] of round.measured)
      if (sample !== undefined) this.history.record(id, clock.unix(), sample);
    this.#recordScopes(active);
    for (const seen of round.seen) this.#decide(seen);
  }

  #decide({ ladder, reading, candidates }: Seen): void {
    // Alarmed workloads may as well stall at a memory.high that nobody has told us of.
    if (ladder.scope.startsWith('workload/') && candidates[0] !== undefined && ladder.stall.full > 0)
      this.#guard.arm(protectedOf(candidates[0]));
    if (ladder.busy) return;
    const now = this.#world.clock.now();
    const before = ladder.state;
    const lastKill = latestKill(this.#ladders.values(), ladder.scope);
    const decision = decide({ ...before, lastKill }, reading, candidates, ladder.settings, now);
    // What another scope has killed is not passed on to a third.
    const own = decision.state.lastKill === lastKill ? before.lastKill : decision.state.lastKill;
    ladder.state = { ...decision.state, lastKill: own };
    if (decision.state.level === 'calm') ladder.vetoed.clear();
    if (decision.state.level !== before.level)
      this.#world.log[before.level === 'calm' || decision.state.level === 'calm' ? 'info' : 'debug'](
        { scope: ladder.scope, resource: ladder.resource, from: before.level, ...ladder.stall, felt: reading.felt },
        `pressure is at level ${decision.state.level}`,
      );
    if (decision.actions.length === 0) return;
    ladder.busy = true;
    const done = this.#perform(ladder, before, decision, reading).finally(() => {
      ladder.busy = false;
      this.#performing.delete(done);
    });
    this.#performing.add(done);
  }

  /** One after the other; what the hook has put off is as if it had not been decided, but for the cool-down. */
  async #perform(ladder: Ladder, before: Ladder['state'], { actions }: Decision, reading: Reading): Promise<void> {
    const { warn, act } = ladder.settings.thresholds;
    const { some, full, felt, available, memory } = reading;
    const figures = { some, full, felt, available, memory, thresholds: { warn, act }, level: ladder.state.level };
    for (const action of actions) {
      const name = `${action.kind} ${action.target}`;
      const outcome = await this.#carryOut(action, figures, this.#config.mode === 'dry-run', !ladder.vetoed.has(name));
      if (outcome !== 'vetoed') continue;
      ladder.vetoed.add(name);
      const { level, since, actSince, lastUp } = ladder.state;
      ladder.state = { ...before, level, since, actSince, lastUp };
      return;
    }
  }

  async #carryOut(
    action: Action,
    figures: Readonly<Record<string, unknown>>,
    dryRun: boolean,
    mayVeto = false,
  ): Promise<Outcome> {
    const { target } = action;
    const { hook: path, hook_timeout } = this.#config;
    const all = () => this.#ladders.values();
    const found = this.#targets.find(({ id }) => id === target);
    const disturbs = action.kind === 'reclaim' && !dryRun && found !== undefined;
    if (disturbs) this.#guard.disturbed(found.dir);
    const outcome = await this.#performer.perform({
      ...{ action, dryRun, figures, mayVeto, tenant: found?.tenant ?? '' },
      hook: path === '' ? undefined : { path, timeoutMs: parseDuration(hook_timeout) ?? 0 },
      values: () => valuesOf(all(), target),
      stillFrozen: () => isFrozen(all(), target),
      balloon: () => balloonOf(all(), target),
    });
    if (disturbs) this.#guard.disturbed(found.dir);
    return outcome;
  }

  /** Actions for what no ladder takes over. */
  #adopt(held: readonly Held[]): Action[] {
    const now = this.#world.clock.now();
    return RESOURCES.flatMap((resource) => {
      const ladder = this.#config.mode === 'enforce' ? this.#ladders.get(keyOf('host', resource)) : undefined;
      if (ladder === undefined) {
        const why = `left by an earlier agent, and pressure.mode is ${this.#config.mode}`;
        return undoHeld(held, ladderSettings(this.#config, 'host', resource), why, now);
      }
      ladder.state = adopt(ladder.state, adopted(held, resource, now), now);
      if (ladder.state.applied.length > 0) this.#alarm(ladder);
      return [];
    });
  }

  async #rest(why: string): Promise<void> {
    this.#open = false;
    this.#timer?.close();
    this.#timer = undefined;
    this.#triggers.close();
    this.#guard.close();
    await this.idle();
    // In a dry run there is nothing but the state to give up.
    const held = this.#config.mode === 'enforce' ? [...this.#ladders.values()] : [];
    const actions = held.flatMap(({ state, settings }) => undoAll(state, settings, why));
    this.#ladders.clear();
    this.#wide = [];
    this.#synced = undefined;
    for (const action of actions) await this.#carryOut(action, {}, false);
    this.#measure.close();
  }
}

const OWN = 2;

function widthOf({ scope }: Ladder): number {
  return scope === 'host' ? 0 : scope.startsWith('tenant/') ? 1 : OWN;
}

function isSame(some: readonly Target[], others: readonly Target[]): boolean {
  return some.length === others.length && some.every((one, at) => one === others[at]);
}

function protectedOf({ id, tenant, dir }: Target): Protected {
  return { dir, workload: { id, tenant } };
}
