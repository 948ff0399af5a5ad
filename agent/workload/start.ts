// From accepted to running. Every line may be the last before a crash: the next agent runs all of it again.

import { join } from 'node:path';
import { planValues } from '../../cgroups/controllers.js';
import { defined } from '../../linux/defined.js';
import { codeOf, messageOf } from '../../linux/errors.js';
import { timeLimit } from '../../linux/timers.js';
import type { HeldProcess, SpawnRequest } from '../../systemd/supervisor/protocol.js';
import { BerthError } from '../base/errors.js';
import { isFull } from '../base/host-errors.js';
import { parseDuration } from '../base/units.js';
import type { Launch } from '../drivers/driver.js';
import { overheadOf } from '../drivers/driver.js';
import { requireDevices } from '../limits/io.js';
import { limitsOf } from '../limits/limits.js';
import type { StopSignal } from '../model/container-spec.js';
import { machineOf } from '../model/driver-kinds.js';
import type { WorkloadRecord } from '../model/record.js';
import { bytesOf, type Saved, slowestMs } from '../model/snapshot.js';
import { cloned, requireTemplate } from './cloning.js';
import { comeBack } from './coming-back.js';
import type { DriverSet } from './driver-set.js';
import { before } from './end.js';
import { planSandbox } from './plan.js';
import { requireFit } from './saving.js';
import { applyStep, provideDirectory } from './steps.js';
import type { World } from './world.js';

/** The actor, as far as a start needs it. */
export interface Startable {
  readonly record: WorkloadRecord;
  patch(change: Partial<WorkloadRecord>): Promise<void>;
  enter(change: Partial<WorkloadRecord>): void;
}

/**
 * Returns early, without an error, when the wish changes meanwhile. Throws BerthError or SysError; what exists then is
 * taken down by the caller.
 */
export async function startWorkload(actor: Startable, world: World): Promise<void> {
  const ms = deadlineOf(actor.record, world);
  const limit = timeLimit(ms);
  try {
    await startWithin(limit.signal, ms, actor, world);
  } finally {
    limit.done();
  }
}

/** lifecycle.start_deadline, and the time to read the snapshot that it begins with. */
export function deadlineOf(record: WorkloadRecord, { config, snapshots }: Pick<World, 'config' | 'snapshots'>): number {
  const saved = waiting(record) ?? cloned(record.spec);
  const view = saved && snapshots.get(saved.of, saved.name);
  return (parseDuration(config.lifecycle.start_deadline) ?? 120_000) + (view ? slowestMs(bytesOf(view)) : 0);
}

async function startWithin(deadline: AbortSignal, ms: number, actor: Startable, world: World): Promise<void> {
  const begun = performance.now();
  const wanted = () => actor.record.desired === 'running' || actor.record.desired === 'frozen';
  const { spec, sandbox, state, end } = actor.record;
  const driver = world.drivers.of(spec.driver);
  const saved = waiting(actor.record) ?? cloned(spec);
  const snapshot = saved && world.snapshots.directory(saved.of, saved.name);
  const context = { ...world.drivers.context(actor.record), snapshot };

  if (state === 'pending') actor.enter({ state: 'preparing', error: null, bootId: world.bootId });
  requireDevices(spec, world.limits.device);
  if (saved !== undefined) {
    const fits: Promise<unknown> =
      saved.of === spec.id ? requireFit(actor.record, saved, world) : requireTemplate(spec, world);
    await inTime(fits, deadline, ms);
  }
  if (end !== null && actor.record.state === 'preparing') {
    // An earlier run has left its cgroup, with its counters, and perhaps with brakes of the ladder on.
    await world.cgroups.remove(sandbox.cgroup);
    world.layers.restart(spec.id);
  }
  const limits = limitsOf(spec, overheadOf(driver, spec), world.limits);
  world.tenants.promise(spec.id, spec.tenant, limits);
  const { problems } = await inTime(world.placement.seat(spec.id), deadline, ms);
  for (const problem of problems) world.log.warn({ workload: spec.id }, problem);
  for (const step of planSandbox(spec, sandbox, driver, world.layers.over(spec.id, planValues(limits)), world)) {
    if (!wanted()) return;
    await inTime(applyStep(step, world, deadline), deadline, ms);
  }
  provideDirectory(context.directory, spec.id, world);
  const preparing = driver.prepare(spec, { ...context, signal: deadline });
  const launch = await inTime(preparing, deadline, ms).catch((error: unknown) => {
    // What it has opened for a start that nobody waits for any more.
    void preparing.then((late) => late?.release?.()).catch(() => undefined);
    throw error;
  });
  try {
    if (!wanted()) return;
    await run(launch, deadline, ms, actor, world);
  } finally {
    await launch?.release?.();
  }
  world.observer.started(spec.driver, (performance.now() - begun) / 1000);
}

async function run(
  launch: Launch | null,
  deadline: AbortSignal,
  ms: number,
  actor: Startable,
  world: World,
): Promise<void> {
  const { spec } = actor.record;
  if (launch === null) {
    await actor.patch({ state: 'running', error: null });
  } else {
    if (actor.record.state === 'preparing') {
      // The exit of an earlier run must not be taken for that of this one, whatever crash comes next.
      await inTime(world.supervisor.forget(spec.id, { signal: deadline }), deadline, ms);
      const begins = waiting(actor.record) === undefined ? cloned(spec) : undefined;
      await actor.patch({
        ...{ state: 'starting', before: await before(world, actor.record) },
        ...(begins && { saved: begins }),
      });
    }
    const held = await inTime(spawn(world, actor.record, launch, deadline), deadline, ms);
    const { pid, startTime, startedAt } = held;
    const running = { state: 'running', error: null, process: { pid, startTime, startedAt } } as const;
    if (waiting(actor.record) === undefined) await actor.patch(running);
    else await inTime(comeBack(actor, world, { process: held, signal: deadline, also: running }), deadline, ms);
  }
}

/** The snapshot that it is to begin with. */
function waiting({ saved }: WorkloadRecord): Saved | undefined {
  return saved?.phase === 'waiting' ? saved : undefined;
}

async function spawn(world: World, record: WorkloadRecord, launch: Launch, signal: AbortSignal): Promise<HeldProcess> {
  const { id, sandbox, spec } = record;
  const netns = launch.joinNetns && sandbox.netns !== null ? join('/run/netns', sandbox.netns) : undefined;
  const ksm = machineOf(spec) === undefined && spec.resources.memory?.ksm === true;
  const request: SpawnRequest = {
    id,
    argv: launch.argv,
    env: launch.env,
    cgroup: world.cgroups.path(sandbox.cgroup),
    output: world.output.path(id),
    outputLimit: world.output.limit,
    ...defined({ cwd: launch.cwd, netns, pidFile: launch.pidFile }),
    ...(ksm ? { memoryMerge: true } : {}),
  };
  try {
    return await world.supervisor.spawn(request, { signal });
  } catch (error) {
    if (error instanceof BerthError) throw error;
    const reason = messageOf(error);
    const errno = codeOf(error);
    throw new BerthError('start_failed', `${launch.argv[0]} could not be started: ${reason}`, {
      cause: error,
      ...(errno === undefined ? {} : { data: { errno } }),
    });
  }
}

/** A start that only a full disk has held up goes on when there is room; the first one of a workload is told as failed. */
export function isHeldUp({ end }: WorkloadRecord, error: unknown): boolean {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  return end !== null && isFull(codeOf(cause));
}

/** What the spec says, or else its image. Undefined: SIGTERM. */
export function stopSignalOf(record: WorkloadRecord, drivers: Pick<DriverSet, 'context'>): StopSignal | undefined {
  return record.spec.stop.signal ?? drivers.context(record).image?.stopSignal;
}

/** The work itself cannot be called back; taking the sandbox down afterwards queues behind it and undoes it. */
async function inTime<T>(work: Promise<T>, deadline: AbortSignal, ms: number): Promise<T> {
  let giveUp = (): void => undefined;
  const late = new Promise<never>((_resolve, reject) => {
    giveUp = () =>
      reject(new BerthError('deadline_exceeded', `the start took longer than ${ms} ms (lifecycle.start_deadline)`));
    deadline.addEventListener('abort', giveUp, { once: true });
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    deadline.removeEventListener('abort', giveUp);
  }
}
