// What other parts of the agent ask of a workload's cgroup for a while, over the limits of its spec: placement its cpus, the
// pressure ladder its brakes, memory safety a lifted memory.high. Each has a layer of its own, so that taking one back
// restores what the others and the spec say, and never what it happened to find.
//
// A layer is written down before the kernel sees it, in the runtime directory: it dies with the boot, as the cgroups do.
// So the next agent knows what this one has overlaid.

import { mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { changeValues } from '../../cgroups/order.js';
import { placeOf } from '../../cgroups/place.js';
import type { Value } from '../../cgroups/types.js';
import { readPlainSync } from '../../linux/plain-file.js';
import type { Log } from '../base/log.js';
import { SerialByKey } from '../base/serial.js';
import type { CgroupPort } from './cgroup-port.js';

/** The later one wins where two speak of one file. */
const LAYERS = ['placement', 'pressure', 'freeze', 'safety'] as const;
export type LayerName = (typeof LAYERS)[number];

type Overlay = Readonly<Partial<Record<LayerName, readonly Value[]>>>;

/** A workload that has a cgroup and runs in it. */
export interface LayerTarget {
  /** `TENANT/ID` */
  readonly cgroup: string;
  /** What it should hold without layers; see desired.ts. */
  readonly values: readonly Value[];
}

export interface LayerWorld {
  readonly cgroups: Pick<CgroupPort, 'apply'>;
  /** Whether there is such a workload at all; of others nothing is kept. */
  has(id: string): boolean;
  /** Undefined: nothing of it runs. What is asked for then is kept, and written at its start. */
  target(id: string): LayerTarget | undefined;
}

export class Layers {
  readonly #directory: string;
  readonly #log: Log;
  readonly #overlays = new Map<string, Overlay>();
  readonly #writers = new SerialByKey();
  #world: LayerWorld | undefined;

  /** Reads what an earlier agent of this boot has left in `directory`, which is made if needed. */
  constructor(directory: string, log: Log) {
    this.#directory = directory;
    this.#log = log;
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    for (const name of readdirSync(directory)) {
      const overlay = name.endsWith('.json') ? load(join(directory, name), log) : undefined;
      if (overlay !== undefined) this.#overlays.set(name.slice(0, -'.json'.length), overlay);
      else rmSync(join(directory, name), { recursive: true, force: true });
    }
  }

  /** Until then layers are only kept. */
  attach(world: LayerWorld): void {
    this.#world = world;
  }

  /** `values` with all layers over them, in an order in which they can be written. */
  over(id: string, values: readonly Value[]): readonly Value[] {
    return compose(values, this.#overlays.get(id) ?? {});
  }

  /** Whether a layer speaks of this file: then a change of the spec must not write it, and shows when the layer goes. */
  covers(id: string, value: Value): boolean {
    return overlaid(this.#overlays.get(id) ?? {}).has(placeOf(value));
  }

  of(id: string, layer: LayerName): readonly Value[] {
    return this.#overlays.get(id)?.[layer] ?? [];
  }

  /** Ids that have something in `layer`. */
  holders(layer: LayerName): string[] {
    return [...this.#overlays].flatMap(([id, overlay]) => (overlay[layer] === undefined ? [] : [id]));
  }

  /**
   * Replaces what `layer` says of a workload; `[]` takes it all back. Resolves with what the kernel has made of it, read
   * back. Throws SysError; what was asked for is kept then, and the audit of limits tries again.
   */
  set(id: string, layer: LayerName, values: readonly Value[]): Promise<readonly Value[]> {
    return this.exclusive(id, () => this.#set(id, layer, values));
  }

  /** Runs `work` when nobody else of the agent writes limits of this workload. Not to be entered from within. */
  exclusive<T>(id: string, work: () => Promise<T>): Promise<T> {
    return this.#writers.run(id, work);
  }

  /** A new run begins, in a cgroup of its own: it is placed where it was, and has nothing to answer for of the last one. */
  restart(id: string): void {
    for (const layer of LAYERS) if (layer !== 'placement' && this.of(id, layer).length > 0) this.#keep(id, layer, []);
  }

  /** Forgets all that are not of these: their workloads went while no agent was there. */
  retain(ids: ReadonlySet<string>): void {
    for (const id of [...this.#overlays.keys()]) if (!ids.has(id)) this.forget(id);
  }

  /** Its cgroup is gone, and all layers with it. */
  forget(id: string): void {
    if (this.#overlays.delete(id)) rmSync(this.#file(id), { force: true });
  }

  async #set(id: string, layer: LayerName, values: readonly Value[]): Promise<readonly Value[]> {
    if (this.#world?.has(id) === false) return [];
    const before = this.#overlays.get(id) ?? {};
    this.#keep(id, layer, values);
    const target = this.#world?.target(id);
    if (this.#world === undefined || target === undefined) return [];
    const own = new Set(values.map(placeOf));
    const changes = changeValues(compose(target.values, before), this.over(id, target.values));
    const applied = changes.length === 0 ? [] : await this.#world.cgroups.apply(target.cgroup, changes);
    return applied.filter((value) => own.has(placeOf(value)));
  }

  // No fsync: a power cut takes the cgroups along.
  #keep(id: string, layer: LayerName, values: readonly Value[]): void {
    const { [layer]: _replaced, ...others } = this.#overlays.get(id) ?? {};
    const overlay: Overlay = values.length === 0 ? others : { ...others, [layer]: values };
    if (Object.keys(overlay).length === 0) {
      this.forget(id);
      return;
    }
    const path = this.#file(id);
    try {
      writeFileSync(`${path}.new`, JSON.stringify(overlay), { mode: 0o600 });
      renameSync(`${path}.new`, path);
    } catch (error) {
      if (values.length > 0) throw error;
      // Who is let go does not wait for room in a file system: at worst the next agent lets it go once more.
      this.#log.warn({ workload: id, layer, err: error }, 'what is taken back could not be written down');
    }
    this.#overlays.set(id, overlay);
  }

  #file(id: string): string {
    return join(this.#directory, `${id}.json`);
  }
}

function compose(base: readonly Value[], overlay: Overlay): readonly Value[] {
  const above = overlaid(overlay);
  return [...base.filter((value) => !above.has(placeOf(value))), ...above.values()];
}

function overlaid(overlay: Overlay): Map<string, Value> {
  const all = new Map<string, Value>();
  for (const layer of LAYERS) for (const value of overlay[layer] ?? []) all.set(placeOf(value), value);
  return all;
}

/** A few values of each layer. */
const MOST_BYTES = 1 << 20;

function load(path: string, log: Log): Overlay | undefined {
  try {
    const overlay: unknown = JSON.parse(readPlainSync(path, MOST_BYTES).toString('utf8'));
    if (isOverlay(overlay)) return overlay;
  } catch (error) {
    log.warn({ err: error, path }, 'what was overlaid cannot be read; the audit of limits restores them');
  }
  return undefined;
}

function isOverlay(value: unknown): value is Overlay {
  return (
    typeof value === 'object' &&
    value !== null &&
    Object.entries(value).every(
      // A layer of a later version is kept as it is, and not applied.
      ([, values]) =>
        Array.isArray(values) && values.every((one) => typeof one?.file === 'string' && typeof one.value === 'string'),
    )
  );
}
