// Who is next: the higher priority first; within a priority the tenants in turn, by their weights (start-time fair queueing,
// Goyal et al., SIGCOMM 1996); within a tenant whoever came first. One turn in ten goes to whoever waits longest, so that a
// stream of important starts does not keep the others out for ever.

export interface Waiting {
  readonly id: string;
  readonly tenant: string;
  readonly priority: number;
}

interface Lane<T> {
  readonly items: Map<string, T>;
  /** Virtual time at which its next turn begins. */
  tag: number;
  /** What one turn moves it on by: less for a tenant of a higher weight. As of the last that came. */
  step: number;
}

interface Band<T> {
  readonly lanes: Map<string, Lane<T>>;
  virtual: number;
  size: number;
}

const OLDEST_EVERY = 10;

export class FairQueue<T extends Waiting> {
  readonly #bands = new Map<number, Band<T>>();
  /** In the order in which they came. */
  readonly #all = new Map<string, T>();
  readonly #weightOf: (tenant: string) => number;
  #turns = 0;

  /** `weightOf`: turns of a tenant for one of another of weight 1; positive. */
  constructor(weightOf: (tenant: string) => number = () => 1) {
    this.#weightOf = weightOf;
  }

  get length(): number {
    return this.#all.size;
  }

  /** The one that has waited longest. */
  get oldest(): T | undefined {
    return this.#all.values().next().value;
  }

  items(): Iterable<T> {
    return this.#all.values();
  }

  get(id: string): T | undefined {
    return this.#all.get(id);
  }

  /** One place for an id: what it had is gone. */
  push(item: T): void {
    this.remove(item.id);
    this.#all.set(item.id, item);
    const band = this.#bands.get(item.priority) ?? { lanes: new Map<string, Lane<T>>(), virtual: 0, size: 0 };
    this.#bands.set(item.priority, band);
    const lane = band.lanes.get(item.tenant) ?? { items: new Map<string, T>(), tag: band.virtual, step: 1 };
    band.lanes.set(item.tenant, lane);
    lane.step = 1 / Math.max(1e-3, this.#weightOf(item.tenant));
    if (lane.items.size === 0) lane.tag = Math.max(lane.tag, band.virtual);
    lane.items.set(item.id, item);
    band.size += 1;
  }

  remove(id: string): T | undefined {
    const item = this.#all.get(id);
    if (item === undefined) return undefined;
    this.#all.delete(id);
    const band = this.#bands.get(item.priority);
    if (band?.lanes.get(item.tenant)?.items.delete(id)) band.size -= 1;
    if (band?.size === 0) this.#bands.delete(item.priority);
    return item;
  }

  /** Takes out whoever is next. */
  next(): T | undefined {
    const item = this.#turns % OLDEST_EVERY === OLDEST_EVERY - 1 ? this.oldest : this.#fairest();
    if (item === undefined) return undefined;
    this.#turns += 1;
    const band = this.#bands.get(item.priority);
    const lane = band?.lanes.get(item.tenant);
    if (band && lane) {
      band.virtual = Math.max(band.virtual, lane.tag);
      lane.tag += lane.step;
    }
    this.remove(item.id);
    return item;
  }

  /** How many would have their turn before it if nobody else came, without the turns of the oldest. */
  ahead(id: string): number {
    const item = this.#all.get(id);
    const band = item && this.#bands.get(item.priority);
    const lane = item && band?.lanes.get(item.tenant);
    if (!item || !band || !lane) return 0;
    return this.#above(item.priority) + aheadIn(band, lane, indexOf(lane.items, id));
  }

  /** `ahead` of all at once: one after the other each would count its lane anew. */
  places(): Map<string, number> {
    const places = new Map<string, number>();
    for (const [priority, band] of this.#bands) {
      const above = this.#above(priority);
      for (const lane of band.lanes.values())
        for (const [before, id] of [...lane.items.keys()].entries())
          places.set(id, above + aheadIn(band, lane, before));
    }
    return places;
  }

  byPriority(): { priority: number; queued: number }[] {
    return [...this.#bands]
      .map(([priority, { size }]) => ({ priority, queued: size }))
      .sort((a, b) => b.priority - a.priority);
  }

  byTenant(): { tenant: string; queued: number }[] {
    const counts = new Map<string, number>();
    for (const { lanes } of this.#bands.values())
      for (const [tenant, { items }] of lanes)
        if (items.size > 0) counts.set(tenant, (counts.get(tenant) ?? 0) + items.size);
    return [...counts]
      .map(([tenant, queued]) => ({ tenant, queued }))
      .sort((a, b) => b.queued - a.queued || (a.tenant < b.tenant ? -1 : 1));
  }

  #above(than: number): number {
    let count = 0;
    for (const [priority, { size }] of this.#bands) if (priority > than) count += size;
    return count;
  }

  #fairest(): T | undefined {
    const highest = Math.max(...this.#bands.keys());
    const band = this.#bands.get(highest);
    if (band === undefined) return undefined;
    let chosen: Lane<T> | undefined;
    for (const [tenant, lane] of band.lanes) {
      // A lane is kept empty for as long as its tenant is ahead of its share.
      if (lane.items.size === 0 && lane.tag <= band.virtual) band.lanes.delete(tenant);
      if (lane.items.size > 0 && (chosen === undefined || lane.tag < chosen.tag)) chosen = lane;
    }
    return chosen?.items.values().next().value;
  }
}

/** Of the same priority, those that come before the one at this place of its tenant. */
function aheadIn<T>({ lanes }: Band<T>, lane: Lane<T>, before: number): number {
  const mine = lane.tag + before * lane.step;
  let count = before;
  // Of two whose turns begin at once the tenant that came first is chosen, as in `#fairest`.
  let cameFirst = true;
  for (const other of lanes.values()) {
    if (other === lane) cameFirst = false;
    if (other === lane || other.items.size === 0) continue;
    const turns = (mine - other.tag) / other.step;
    count += Math.min(other.items.size, Math.max(0, cameFirst ? Math.floor(turns) + 1 : Math.ceil(turns)));
  }
  return count;
}

function indexOf(items: ReadonlyMap<string, unknown>, id: string): number {
  let at = 0;
  for (const key of items.keys()) {
    if (key === id) return at;
    at += 1;
  }
  return at;
}
