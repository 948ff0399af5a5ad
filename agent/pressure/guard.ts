// Memory safety at work: cgroups whose memory.high has taken hold, or whose memory stalls, are sampled each second until
// they get on again, or until reclaim has proved futile; then memory.high goes up to max, or what runs there is killed.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { applyValues } from '../../cgroups/apply.js';
import { isGone } from '../../cgroups/watch.js';
import { messageOf } from '../../linux/errors.js';
import { sliced } from '../../linux/sliced.js';
import { formatSize, parseDuration } from '../base/units.js';
import type { PressureConfig } from '../config/pressure.js';
import {
  type FutileFinding,
  type FutileSample,
  type FutileSettings,
  futile,
  isArmed,
  kept,
  parseFutile,
} from './futile.js';
import { isAbsent } from './measure.js';
import type { ActuatorPort, Closing, PressureWorld } from './ports.js';

/** A cgroup to protect. `workload`: it is ours, and changed by the actuator; otherwise its file is written. */
export interface Protected {
  readonly dir: string;
  readonly workload: { readonly id: string; readonly tenant: string } | null;
}

export interface FutileIncident {
  readonly dir: string;
  readonly workload: string | null;
  readonly detail: string;
  readonly at: number;
}

/** Whoever sets memory.high anew after each raise means it; then it is only told. */
const MAX_RAISES = 5;
/** How long an incident is a condition. */
const REMEMBERED_MS = 600_000;
const RAISED = [{ file: 'memory.high', value: 'max' }] as const;

type GuardWorld = Pick<PressureWorld, 'actuator' | 'events' | 'log' | 'clock' | 'signals'>;

interface Watching {
  readonly target: Protected;
  samples: readonly FutileSample[];
  /** Found and told already; again only after it got on in between. */
  told: boolean;
}

export class FutileGuard {
  readonly #world: GuardWorld;
  readonly #armed = new Map<string, Watching>();
  readonly #raises = new Map<string, number>();
  #incidents: readonly FutileIncident[] = [];
  #count = 0;
  /** By directory: what tells that memory.high took hold; undefined where no watch is left. */
  readonly #watches = new Map<string, Closing | undefined>();
  /** Counts what has been closed: a `sync` under way watches nothing after that. */
  #closed = 0;
  readonly #onArmed: () => void;

  constructor(world: GuardWorld, onArmed: () => void) {
    this.#world = world;
    this.#onArmed = onArmed;
  }

  /** `targets`: all whose memory.high may take hold, as far as anybody knows. In slices, one call at a time. */
  async sync(targets: readonly Protected[]): Promise<void> {
    const closed = this.#closed;
    const dirs = new Set(targets.map(({ dir }) => dir));
    for await (const [dir, watch] of sliced(this.#watches)) {
      if (closed !== this.#closed) return;
      if (dirs.has(dir)) continue;
      watch?.close();
      this.#watches.delete(dir);
      this.#raises.delete(dir);
    }
    const unwatched: Protected[] = [];
    for await (const target of sliced(targets)) {
      if (closed !== this.#closed) return;
      const isNew = !this.#watches.has(target.dir);
      if (isNew) this.#watches.set(target.dir, this.#watch(target));
      // A new one may stall already.
      if (isNew || this.#watches.get(target.dir) === undefined) unwatched.push(target);
    }
    // Together, as the first one begins a round of looks.
    if (closed === this.#closed) for (const target of unwatched) this.arm(target);
  }

  /** From now on it is looked at, if memory.high can stall it at all. */
  arm(target: Protected): void {
    if (this.#armed.has(target.dir)) return;
    this.#armed.set(target.dir, { target, samples: [], told: false });
    this.#onArmed();
  }

  /** Somebody reclaims in it by memory.reclaim, whose pages count in pgscan and pgsteal as well: the window begins anew. */
  disturbed(dir: string): void {
    const watching = this.#armed.get(dir);
    if (watching !== undefined) watching.samples = [];
  }

  get busy(): boolean {
    return this.#armed.size > 0;
  }

  /** Since the start, found. */
  get count(): number {
    return this.#count;
  }

  /** Of the last ten minutes. */
  incidents(): readonly FutileIncident[] {
    const now = this.#world.clock.now();
    return this.#incidents.filter(({ at }) => now - at < REMEMBERED_MS);
  }

  /** Looks at all that are armed. Resolves when what had to be done is done; never rejects. */
  async tick(config: PressureConfig): Promise<void> {
    const found: Promise<void>[] = [];
    for (const [dir, watching] of this.#armed) {
      const sample = this.#sample(dir);
      if (sample === undefined || !isArmed(sample)) {
        this.#armed.delete(dir);
        continue;
      }
      const settings = settingsOf(config);
      watching.samples = kept([...watching.samples, sample], settings.windowMs);
      const finding = futile(watching.samples, settings);
      if (finding !== undefined) {
        if (!watching.told) found.push(this.#act(watching, finding, config));
        watching.told = true;
      } else if (settled(watching.samples, settings)) this.#armed.delete(dir);
    }
    await Promise.all(found);
  }

  close(): void {
    this.#closed++;
    this.#armed.clear();
    for (const watch of this.#watches.values()) watch?.close();
    this.#watches.clear();
  }

  #watch(target: Protected): Closing | undefined {
    try {
      return this.#world.signals.watch(target.dir, () => this.arm(target));
    } catch (error) {
      if (!isGone(error)) this.#world.log.debug({ err: error, dir: target.dir }, 'a cgroup cannot be watched');
      return undefined;
    }
  }

  #sample(dir: string): FutileSample | undefined {
    const read = (file: string): string => readFileSync(join(dir, file), 'latin1');
    try {
      const files = {
        ...{ high: read('memory.high'), max: read('memory.max'), current: read('memory.current') },
        ...{ events: read('memory.events'), stat: read('memory.stat'), pressure: read('memory.pressure') },
      };
      return parseFutile(files, this.#world.clock.now());
    } catch (error) {
      if (!isAbsent(error)) this.#world.log.warn({ err: error, dir }, 'memory of a cgroup could not be looked at');
      return undefined;
    }
  }

  async #act({ target }: Watching, finding: FutileFinding, config: PressureConfig): Promise<void> {
    const { actuator, events, log, clock } = this.#world;
    const { dir, workload } = target;
    const raises = this.#raises.get(dir) ?? 0;
    // What is not ours is never killed.
    const wish = config.futile.action === 'kill' && workload === null ? 'raise_high' : config.futile.action;
    const action = wish === 'raise_high' && raises >= MAX_RAISES ? 'tell' : wish;
    const dryRun = config.mode !== 'enforce';
    const detail = sentenceOf(finding);
    this.#count += 1;
    this.#incidents = [...this.incidents(), { dir, workload: workload?.id ?? null, detail, at: clock.now() }];
    let outcome = dryRun ? 'dry-run' : action === 'tell' ? 'told' : 'done';
    let reason: string | undefined;
    try {
      if (outcome === 'done') await carryOut(actuator, target, action, detail, finding);
      if (outcome === 'done' && action === 'raise_high') this.#raises.set(dir, raises + 1);
    } catch (error) {
      outcome = 'failed';
      reason = messageOf(error);
    }
    const data = { cgroup: dir, action, dryRun, outcome, detail, figures: finding, ...(reason && { error: reason }) };
    events.append({
      type: 'memory.futile',
      data,
      ...(workload === null ? {} : { workload: workload.id, tenant: workload.tenant }),
    });
    log.warn({ ...data, workload: workload?.id }, 'memory.futile');
  }
}

async function carryOut(
  actuator: Pick<ActuatorPort, 'set' | 'kill'>,
  { dir, workload }: Protected,
  action: PressureConfig['futile']['action'],
  detail: string,
  figures: FutileFinding,
): Promise<void> {
  if (workload === null) await applyValues(dir, RAISED);
  else if (action === 'raise_high') await actuator.set(workload.id, 'safety', RAISED);
  else {
    const scope = `workload/${workload.id}` as const;
    await actuator.kill(workload.id, { cause: 'futile', scope, resource: 'memory', detail, figures: { ...figures } });
  }
}

function settingsOf({ futile: { window, stalled, efficiency } }: PressureConfig): FutileSettings {
  return { windowMs: parseDuration(window) ?? 0, stalled, efficiency };
}

/** A whole window in which memory.high took no hold: whoever armed it will do so again. */
function settled(samples: readonly FutileSample[], { windowMs }: FutileSettings): boolean {
  const [first, last] = [samples[0], samples.at(-1)];
  return (
    first !== undefined && last !== undefined && last.at - first.at >= windowMs && last.highEvents === first.highEvents
  );
}

function sentenceOf({ ms, highEvents, scanned, reclaimed, stalled, high, current }: FutileFinding): string {
  return (
    `${formatSize(current)} in use above memory.high ${formatSize(high)}, and reclaim does not help: all tasks stalled for ` +
    `${Math.round(stalled * 100)} % of ${(ms / 1000).toFixed(1)} s, ${highEvents} events high and none max, ` +
    `${reclaimed} of ${scanned} scanned pages reclaimed`
  );
}
