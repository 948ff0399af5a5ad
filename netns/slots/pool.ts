// The pool as the main thread sees it: which slots are ready, and the background work that keeps it full. It holds no
// state that a crash could lose: at the next setup, slots are found by their tag.
import type { LinkStats, Slot, SlotCounts, SlotKind, SlotSettings } from '../types.js';

/** What the pool asks of the worker. */
export interface SlotMaker {
  /** Makes, or completes, a slot; resolves with the counters of its host link. */
  prepare(netns: string, kind: SlotKind): Promise<Omit<Slot, 'netns'>>;
  /** The slots that exist and that nobody has, and a number that no slot has, free or not. */
  find(): Promise<{
    readonly free: readonly { readonly netns: string; readonly kind: SlotKind }[];
    readonly next: number;
  }>;
  /** Whether a call of somebody waits in the worker: the pool comes after them. */
  busy(): boolean;
  onError(error: unknown): void;
}

const BUSY_WAIT_MS = 5;
const NOT_NOW_MS = 250;
const RETRY_MS = 5_000;

export class SlotPool {
  readonly #maker: SlotMaker;
  readonly #settings: SlotSettings;
  readonly #ready: Record<SlotKind, Slot[]> = { veth: [], tap: [] };
  /** Names that are in the making. */
  readonly #underWay = new Set<string>();
  /** Names that somebody has, with their kind. */
  readonly #out = new Map<string, SlotKind>();
  readonly #mayRefill: () => boolean;
  #next: number | undefined;
  #counts = { handedOut: 0, recycled: 0, discarded: 0 };
  #filling: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  /** `mayRefill` is asked before each slot is made in the background. */
  constructor(maker: SlotMaker, settings: SlotSettings, mayRefill: () => boolean) {
    this.#maker = maker;
    this.#settings = settings;
    this.#mayRefill = mayRefill;
  }

  acquire(kind: SlotKind): Slot | undefined {
    const slot = this.#ready[kind].shift();
    if (slot === undefined) return undefined;
    this.#out.set(slot.netns, kind);
    this.#counts.handedOut += 1;
    this.fill();
    return slot;
  }

  giveBack(slot: Slot): void {
    const kind = this.#out.get(slot.netns);
    if (kind === undefined) return;
    this.#out.delete(slot.netns);
    this.#ready[kind].unshift(slot);
  }

  /** Whether a name is one of a slot. */
  owns(netns: string): boolean {
    return netns.startsWith(this.#settings.netnsPrefix);
  }

  /** Whether one more slot that comes back is worth its flush; twice the ready ones cover a wave of ends and starts. */
  hasRoom(kind: SlotKind): boolean {
    return this.#ready[kind].length < 2 * this.#settings[kind];
  }

  /** A slot came back: `baseline` when it was flushed and fits, undefined when it was deleted. */
  returned(kept: Omit<Slot, 'baseline'>, kind: SlotKind, baseline?: LinkStats): void {
    this.#out.delete(kept.netns);
    if (baseline === undefined) {
      this.#counts.discarded += 1;
      this.fill();
      return;
    }
    this.#counts.recycled += 1;
    this.#ready[kind].push({ ...kept, baseline });
  }

  counts(): SlotCounts {
    const { veth, tap } = this.#ready;
    const names = [...[...veth, ...tap].map(({ netns }) => netns), ...this.#underWay, ...this.#out.keys()];
    return { ready: { veth: veth.length, tap: tap.length }, ...this.#counts, names };
  }

  /** Takes up what an earlier agent has left ready, then fills in the background. */
  fill(): void {
    if (this.#closed) return;
    this.#filling ??= this.#fill()
      .catch((error: unknown) => {
        this.#maker.onError(error);
        this.#again(RETRY_MS);
      })
      .finally(() => {
        this.#filling = undefined;
      });
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#filling;
  }

  async #fill(): Promise<void> {
    if (this.#next === undefined) {
      const { free, next } = await this.#maker.find();
      for (const { netns, kind } of free) await this.#make(netns, kind);
      this.#next = next;
    }
    for (const kind of ['veth', 'tap'] as const)
      while (!this.#closed && this.#ready[kind].length < this.#settings[kind]) {
        if (!this.#mayRefill()) return this.#again(NOT_NOW_MS);
        if (this.#maker.busy()) return this.#again(BUSY_WAIT_MS);
        const number = this.#next++;
        await this.#make(`${this.#settings.netnsPrefix}${number}`, kind);
      }
  }

  async #make(netns: string, kind: SlotKind): Promise<void> {
    this.#underWay.add(netns);
    try {
      this.#ready[kind].push({ netns, ...(await this.#maker.prepare(netns, kind)) });
    } finally {
      this.#underWay.delete(netns);
    }
  }

  #again(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.fill(), ms);
    this.#timer.unref();
  }
}
