// Pools of licences: those locked to this node, and those that schedulers lease to it for a time. A lease is durable
// before the answer. One that has run out stops counting: nothing new starts on it, what runs goes on and is reported.

import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { codeOf, messageOf } from '../../linux/errors.js';
import { BerthError } from '../../protocol/errors.js';
import { changeFile } from '../base/change-file.js';
import { type Clock, type Deadline, deadlineIn, remaining } from '../base/clock.js';
import { type Damaged, isExhausted, readState, replaceFile, setAside } from '../base/durable.js';
import { Serial } from '../base/serial.js';
import type { LicenceConfig } from '../config/density.js';
import type { LeaseView } from '../model/licence.js';

export interface Lease {
  readonly licence: string;
  readonly scheduler: string;
  readonly count: number;
  readonly deadline: Deadline;
}

export interface LicencesOptions {
  readonly directory: string;
  readonly bootId: string;
  readonly clock: Clock;
  readonly config: Readonly<Record<string, LicenceConfig>>;
  readonly onDamaged: (damaged: Damaged) => void;
  /** Writes what gives licences back, where the disk has no room for it. Default: nothing does. */
  readonly relief?: { replace(path: string, text: string): Promise<void> };
}

const MOST = 1_000_000_000;

export class Licences {
  readonly #path: string;
  readonly #bootId: string;
  readonly #clock: Clock;
  readonly #onDamaged: (damaged: Damaged) => void;
  readonly #relieve: (path: string, text: string) => Promise<void>;
  #config: Readonly<Record<string, LicenceConfig>>;
  /** `LICENCE SCHEDULER` -> lease, those that have run out not among them. */
  #leases = new Map<string, Lease>();
  /** What a later version has written beside the leases. */
  #others: Others = {};
  readonly #changes = new Serial();

  constructor({ directory, bootId, clock, config, onDamaged, relief }: LicencesOptions) {
    this.#path = join(directory, 'licences.json');
    this.#bootId = bootId;
    this.#clock = clock;
    this.#config = config;
    this.#onDamaged = onDamaged;
    this.#relieve = relief === undefined ? replaceFile : (path, text) => relief.replace(path, text);
  }

  async load(): Promise<void> {
    await mkdir(dirname(this.#path), { recursive: true, mode: 0o700 });
    try {
      const { leases, others } = decode(await readState(this.#path));
      this.#leases = new Map(leases.map((lease) => [keyOf(lease), lease]));
      this.#others = others;
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return;
      if (isExhausted(error)) throw error;
      await setAside(this.#path);
      this.#onDamaged({ path: this.#path, problem: messageOf(error) });
    }
  }

  setConfig(config: Readonly<Record<string, LicenceConfig>>): void {
    this.#config = config;
  }

  names(): string[] {
    return Object.keys(this.#config).sort();
  }

  /** Throws `licence_unknown`. */
  definition(name: string): LicenceConfig {
    const found = Object.hasOwn(this.#config, name) ? this.#config[name] : undefined;
    if (found !== undefined) return found;
    const names = this.names();
    const known = names.length === 0 ? 'it has none' : `it has ${names.join(', ')}`;
    throw new BerthError('licence_unknown', `this node has no licence "${name}"; ${known}`, {
      data: { licence: name, known: names },
    });
  }

  /** How many there are now, by name. */
  totals(): Map<string, number> {
    return new Map(
      Object.entries(this.#config).map(([name, { count }]) => [
        name,
        count + this.#valid(name).reduce((sum, lease) => sum + lease.count, 0),
      ]),
    );
  }

  leases(name: string): LeaseView[] {
    return this.#valid(name).map((lease) => ({
      scheduler: lease.scheduler,
      count: lease.count,
      expiresAt: Math.round(this.#clock.wall() + this.#left(lease)),
    }));
  }

  /** Milliseconds until the next lease runs out; null: there is none. */
  untilNext(): number | null {
    const left = [...this.#leases.values()].map((lease) => this.#left(lease));
    return left.length === 0 ? null : Math.max(0, Math.min(...left));
  }

  /** Those that have run out since the last call; they do not count from the moment they do. */
  takeExpired(): Lease[] {
    const gone = [...this.#leases.values()].filter((lease) => this.#left(lease) <= 0);
    for (const lease of gone) this.#leases.delete(keyOf(lease));
    return gone;
  }

  /**
   * So many of `name`, from this scheduler, from now on for `ttl` milliseconds, instead of what it has leased before; 0
   * gives them back. Durable when it resolves. Throws `licence_unknown`.
   */
  lease(name: string, scheduler: string, count: number, ttl: number): Promise<Lease> {
    this.definition(name);
    return this.#changes.run(async () => {
      const lease = { licence: name, scheduler, count, deadline: deadlineIn(ttl, this.#clock, this.#bootId) };
      const change = (leases: Map<string, Lease>): Map<string, Lease> => {
        if (count === 0) leases.delete(keyOf(lease));
        else leases.set(keyOf(lease), lease);
        return leases;
      };
      await this.#write(change(new Map(this.#leases)), count === 0);
      // Not the copy: another one may have run out meanwhile, and been told.
      change(this.#leases);
      return lease;
    });
  }

  /** So that those that were taken are not found, and told, by the next agent. Durable when it resolves. */
  save(): Promise<void> {
    return this.#changes.run(() => this.#write(this.#leases, true));
  }

  #write(leases: ReadonlyMap<string, Lease>, givesBack: boolean): Promise<void> {
    const text = (of: ReadonlyMap<string, Lease>): string => encode([...of.values()], this.#others);
    const options = { write: givesBack ? this.#relieve : replaceFile, restore: this.#relieve };
    return changeFile(this.#path, text(leases), () => text(this.#leases), options);
  }

  #valid(name: string): Lease[] {
    return [...this.#leases.values()].filter((lease) => lease.licence === name && this.#left(lease) > 0);
  }

  #left(lease: Lease): number {
    return remaining(lease.deadline, this.#clock, this.#bootId);
  }
}

const keyOf = ({ licence, scheduler }: Lease): string => `${licence} ${scheduler}`;

const VERSION = 1;

type Others = Readonly<Record<string, unknown>>;

function encode(leases: readonly Lease[], others: Others): string {
  return `${JSON.stringify({ ...others, version: VERSION, leases })}\n`;
}

function decode(text: string): { leases: Lease[]; others: Others } {
  const entry = JSON.parse(text) as { version?: unknown; leases?: Lease[] } | null;
  // Later versions only add to it.
  if (!Number.isInteger(entry?.version) || !Array.isArray(entry?.leases)) throw new Error('holds no leases');
  for (const { licence, scheduler, count, deadline } of entry.leases) {
    const figures = [deadline.boot, deadline.wall, deadline.ttl];
    const right = typeof licence === 'string' && typeof scheduler === 'string' && figures.every(Number.isFinite);
    if (!right || !Number.isInteger(count) || count < 1 || count > MOST) throw new Error('holds what is no lease');
  }
  const { version: _version, leases, ...others } = entry;
  return { leases, others };
}
