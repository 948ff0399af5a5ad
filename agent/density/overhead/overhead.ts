// Measures what VMMs need beside their guests: a few VMs each minute, those first whose last turn is the longest ago, so that
// it costs the same whatever their number. Said always, counted when density.overhead is "measured".
import type { DriverName, WorkloadSpec } from '../../model/spec.js';
import type { CheckpointFile, DamagedCheckpoint } from '../checkpoint.js';
import { type Known, Learned, type LearnedRecord } from './learned.js';
import { sizeOf } from './size.js';

/** A VM that runs. */
export interface Candidate {
  readonly id: string;
  readonly spec: WorkloadSpec;
  /** Unix ms: start of the VMM. */
  readonly startedAt: number;
  /** Bytes; undefined: it has ended, or this host cannot tell. */
  measure(): Promise<number | undefined>;
}

export interface OverheadPorts {
  readonly checkpoint: Pick<CheckpointFile<LearnedRecord>, 'load' | 'save'>;
  candidates(): readonly Candidate[];
  /** Unix ms: what was learned outlives the boot. */
  now(): number;
  setTimer(ms: number, run: () => void): () => void;
  onDamaged(damaged: DamagedCheckpoint): void;
  /** Something could not be measured, read or written. */
  onError(error: unknown, message: string): void;
}

const ROUND_MS = 60_000;
const PER_ROUND = 4;
const SAVE_EVERY = 10;
/** Before, the guest boots, and the VMM has not touched what it will need. */
const SETTLED_MS = 60_000;

export class OverheadService {
  readonly #ports: OverheadPorts;
  readonly #learned = new Learned();
  /** By id: the number of its last turn. */
  readonly #turns = new Map<string, number>();
  /** By id: bytes of the VMM that started then. */
  readonly #measured = new Map<string, { readonly startedAt: number; readonly bytes: number }>();
  #turn = 0;
  #rounds = 0;
  #cancel: (() => void) | undefined;
  #running: Promise<void> = Promise.resolve();
  #saving: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(ports: OverheadPorts) {
    this.#ports = ports;
  }

  async start(): Promise<void> {
    const { checkpoint, onDamaged, onError } = this.#ports;
    try {
      const { record, damaged } = await checkpoint.load();
      if (damaged) onDamaged(damaged);
      this.#learned.restore(record);
    } catch (error) {
      onError(error, 'what was learned of VMMs could not be read');
    }
    this.#next();
  }

  /** With a last checkpoint. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancel?.();
    await this.#running;
    this.#save();
    await this.#saving;
  }

  /** Of VMs of the size of this one. */
  known(spec: WorkloadSpec): Known | undefined {
    const size = sizeOf(spec);
    return size === undefined ? undefined : this.#learned.get({ driver: spec.driver, size }, this.#ports.now());
  }

  /** Of all sizes of this driver, in the order in which they were first seen. */
  sizes(driver: DriverName): Known[] {
    return this.#learned.all(this.#ports.now()).filter((known) => known.driver === driver);
  }

  /** Bytes of the VMM of this workload, as last measured; undefined: it was not yet, or it runs no more. */
  measured(id: string): number | undefined {
    return this.#measured.get(id)?.bytes;
  }

  #next(): void {
    if (this.#stopped) return;
    this.#cancel = this.#ports.setTimer(ROUND_MS, () => {
      this.#running = this.#round().then(() => this.#next());
    });
  }

  async #round(): Promise<void> {
    const { candidates, now } = this.#ports;
    const all = candidates();
    const starts = new Map(all.map(({ id, startedAt }) => [id, startedAt]));
    for (const id of this.#turns.keys()) if (!starts.has(id)) this.#turns.delete(id);
    for (const [id, { startedAt }] of this.#measured) if (starts.get(id) !== startedAt) this.#measured.delete(id);
    const turn = ({ id }: Candidate): number => this.#turns.get(id) ?? 0;
    const due = all
      .filter(({ startedAt }) => now() - startedAt >= SETTLED_MS)
      .sort((a, b) => turn(a) - turn(b) || a.startedAt - b.startedAt)
      .slice(0, PER_ROUND);
    // One after the other: each has a thread of the pool to itself for as long as the kernel walks its page tables.
    for (const candidate of due) if (!this.#stopped) await this.#one(candidate);
    this.#rounds += 1;
    if (this.#rounds % SAVE_EVERY === 0) this.#save();
  }

  async #one(candidate: Candidate): Promise<void> {
    const { id, spec, startedAt } = candidate;
    this.#turn += 1;
    this.#turns.set(id, this.#turn);
    const size = sizeOf(spec);
    if (size === undefined) return;
    try {
      const bytes = await candidate.measure();
      const { driver } = spec;
      if (bytes === undefined) return;
      this.#measured.set(id, { startedAt, bytes });
      this.#learned.observe({ driver, size }, { bytes, startedAt }, this.#ports.now());
    } catch (error) {
      this.#ports.onError(error, `the VMM of "${id}" could not be measured`);
    }
  }

  #save(): void {
    const { checkpoint, now, onError } = this.#ports;
    const record = this.#learned.record(now());
    this.#saving = this.#saving
      .then(() => checkpoint.save(record))
      .catch((error: unknown) => onError(error, 'what was learned of VMMs could not be written'));
  }
}
