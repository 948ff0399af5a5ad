// Changes of a workload that exists, from whoever asks: with a whole specification, or with a patch of the stored one. Both go
// the same way: generation, what may change, admission, kernel, journal. A dry run ends before the kernel.
import { isDeepStrictEqual } from 'node:util';
import { BerthError, type ErrorReport } from '../../protocol/errors.js';
import { reportOf } from '../base/errors.js';
import type { Log } from '../base/log.js';
import type { Layers } from '../limits/layers.js';
import type { EventActor } from '../model/event.js';
import { actionFor, isSettled } from '../model/lifecycle.js';
import { type WorkloadRecord, waitsForRoom } from '../model/record.js';
import { parseSpec, type WorkloadSpec } from '../model/spec.js';
import { type FieldChange, fieldChanges, mergePatch } from '../model/spec-change.js';
import { carryOver, knownSpec } from '../model/stored-spec.js';
import type { Claims } from '../network/claims.js';
import type { Actor } from './actor.js';
import type { Admission } from './admission.js';
import { type ChangePorts, changeLive, fixedChanges, MUTABLE } from './change.js';
import { Updates } from './updates.js';

export interface ChangeOptions {
  /** Aborts: the old limits and the old record stay. */
  readonly signal?: AbortSignal;
  readonly by?: EventActor;
  /** The change is of this generation of the workload, and of no other. */
  readonly ifGeneration?: number;
  readonly dryRun?: boolean;
}

export interface Changed {
  /** What differs, or with a dry run would. */
  readonly changes: readonly FieldChange[];
  /** Of a dry run: why the change would be refused. */
  readonly refused?: ErrorReport;
}

interface Change {
  readonly spec: WorkloadSpec;
  /** From the stored one. */
  readonly changes: readonly FieldChange[];
}

/** In an event: their names, as values may be secrets. */
const MOST_FIELDS_TOLD = 20;

/** What the stored specification is to be. Throws `invalid_spec`. */
type Wanted = (stored: WorkloadSpec) => WorkloadSpec;

export interface UpdatePorts extends ChangePorts {
  readonly claims: Pick<Claims, 'holdPorts'>;
  readonly layers: Pick<Layers, 'covers' | 'exclusive'>;
  readonly log: Pick<Log, 'error'>;
}

export class Updating {
  readonly running = new Updates();
  readonly #ports: UpdatePorts;
  readonly #admission: Admission;

  constructor(ports: UpdatePorts, admission: Admission) {
    this.#ports = ports;
    this.#admission = admission;
  }

  /** Called off by the signal, by a stop or delete, and by the end of the agent: then nothing has changed. */
  change(actor: Actor, wanted: Wanted, options: ChangeOptions): Promise<Changed> {
    const { id } = actor.record;
    return this.running.run(id, options.signal, (until) =>
      actor.exclusive(() => this.#change(actor, wanted, until, options)),
    );
  }

  async #change(actor: Actor, wanted: Wanted, until: AbortSignal, options: ChangeOptions): Promise<Changed> {
    until.throwIfAborted();
    const { record } = actor;
    const { ifGeneration, dryRun = false, by } = options;
    const spec = carryOver(wanted(record.spec), record.spec);
    const changes = fieldChanges(record.spec, spec);
    // Who repeats a change whose answer was lost asks for what is there, and need not know its generation.
    if (changes.length > 0 && ifGeneration !== undefined && ifGeneration !== record.generation)
      throw otherGeneration(record, ifGeneration, changes);
    if (!dryRun) {
      await this.#require(record, spec);
      if (changes.length > 0) await this.#carryOut(actor, { spec, changes }, until, by);
      return { changes };
    }
    try {
      await this.#require(record, spec);
      const refusal = isSettled(record.state) ? undefined : this.#admission.refusal(spec);
      return refusal === undefined ? { changes } : { changes, refused: reportOf(refusal) };
    } catch (error) {
      return { changes, refused: reportOf(error) };
    }
  }

  /** All that can be said against it but for room. */
  async #require(record: WorkloadRecord, spec: WorkloadSpec): Promise<void> {
    actionFor('update', record);
    const changed = fixedChanges(record.spec, spec);
    if (changed.length > 0)
      throw new BerthError('immutable_field', `${changed.join(', ')} cannot be changed while the workload exists`, {
        data: { changed, mutable: MUTABLE },
      });
    if (!isDeepStrictEqual(spec, record.spec)) await this.#admission.check(spec, !isSettled(record.state));
  }

  async #carryOut(actor: Actor, { spec, changes }: Change, signal: AbortSignal, by?: EventActor): Promise<void> {
    const { record } = actor;
    const { claims, layers } = this.#ports;
    const { id, state } = record;
    const live = !isSettled(state);
    const downgraded = live ? this.#admission.grant(spec, waitsForRoom(record)) : (record.downgraded ?? []);
    if (live) claims.holdPorts(id, spec.network.ports);
    let undo = async (): Promise<void> => undefined;
    try {
      await layers.exclusive(id, async () => {
        if (state === 'running' || state === 'frozen') undo = await changeLive(this.#ports, record, spec, signal);
        await actor.patch({ spec, downgraded, generation: record.generation + 1 });
      });
    } catch (error) {
      await layers
        .exclusive(id, undo)
        .catch((err: unknown) => this.#ports.log.error({ workload: id, err }, 'could not be put back'));
      if (live) this.#admission.restore(record);
      if (live) claims.holdPorts(id, record.spec.network.ports);
      throw error;
    }
    const { resources, network } = spec;
    const fields = changes.slice(0, MOST_FIELDS_TOLD).map(({ field }) => field);
    actor.event('workload.updated', { generation: record.generation + 1, fields, resources, network }, by);
  }
}

/** The stored specification with a JSON merge patch. */
export function patched(patch: Readonly<Record<string, unknown>>): Wanted {
  return (stored) => parseSpec(mergePatch(knownSpec(stored), patch));
}

function otherGeneration(
  { id, generation }: WorkloadRecord,
  ifGeneration: number,
  changes: readonly FieldChange[],
): BerthError {
  const fields = changes.map(({ field }) => field);
  return new BerthError(
    'conflict',
    `workload "${id}" is of generation ${generation}, not ${ifGeneration}; what was asked for differs from it in ${fields.join(', ')}`,
    {
      hint: 'Read the workload again, and repeat the change with its generation.',
      data: { id, generation, ifGeneration, fields },
    },
  );
}
