// The room of workloads, put together: what each of its classes takes is made here of the rooms below.

import { requireDevices } from '../../limits/io.js';
import { isSettled } from '../../model/lifecycle.js';
import type { WorkloadRecord } from '../../model/record.js';
import { Actor } from '../../workload/actor.js';
import type { ActorPorts } from '../../workload/actor-ports.js';
import { Admission } from '../../workload/admission.js';
import { type AdmittingPorts, admit, type Candidate } from '../../workload/admitting.js';
import { requireTemplate } from '../../workload/cloning.js';
import { comeBack, spentAtEnd } from '../../workload/coming-back.js';
import { Draining } from '../../workload/draining.js';
import { before, explainEnd, kernelKillsOf } from '../../workload/end.js';
import { askToEnd, endProcesses } from '../../workload/ending.js';
import { freeze, thaw } from '../../workload/freezing.js';
import { Health } from '../../workload/health/health.js';
import { InKernel } from '../../workload/in-kernel.js';
import { Manager, type ManagerPorts } from '../../workload/manager.js';
import { nameSandbox } from '../../workload/naming.js';
import { Preempting } from '../../workload/preempting.js';
import { graceOf, killProcesses } from '../../workload/processes.js';
import { recover } from '../../workload/recover.js';
import { Reserving } from '../../workload/reserving.js';
import { makeSandbox } from '../../workload/sandbox.js';
import { requireFit, save, undo } from '../../workload/saving.js';
import { Snapshotting } from '../../workload/snapshotting.js';
import { spawn } from '../../workload/spawning.js';
import { checkSpec } from '../../workload/spec-check.js';
import { type StartPorts, startWorkload } from '../../workload/start.js';
import { cleanUp, giveBack, takeDown } from '../../workload/take-down.js';
import { Updating } from '../../workload/updating.js';
import { viewOf } from '../../workload/view.js';
import { Wishes } from '../../workload/wishes.js';
import type { World } from '../world.js';

export function makeWorkloads(world: World): Manager {
  const actors = new Map<string, Actor>();
  const records = () => [...actors.values()].map(({ record }) => record);
  const admission = new Admission(
    {
      ...world,
      check: (spec, live) => checkSpec(spec, live, world),
      sandbox: (spec, addresses) => nameSandbox(spec, addresses, world),
    },
    (id) => actors.get(id)?.record,
  );
  const reserving = new Reserving(world, admission, (id) => actors.has(id));
  const admitting: AdmittingPorts = {
    ...{ admission, reserving },
    fits: (record, saved) => requireFit(record, saved, world),
    giveBackSlot: ({ netns, hostLink, mac, baseline }) => {
      if (netns !== null && hostLink !== null && mac !== null && baseline !== null)
        world.network.giveBack({ netns, hostLink, mac, baseline });
    },
  };
  const enter = (candidate: Candidate) => admit(candidate, admitting);
  const wishes = new Wishes({ admit: enter, release: (id) => admission.release(id) });
  const health = new Health({
    event: (id, type, data) => actors.get(id)?.event(type, data),
    inside: world.probeInside ?? (() => Promise.resolve(null)),
    paused: (id) => world.layers.of(id, 'freeze').length > 0 || Boolean(actors.get(id)?.record.saved),
    unhealthy: (id, detail) => void killUnhealthy(actors.get(id), detail, world.log),
  });
  const ports = actorPorts(world);
  const manager: Manager = new Manager(
    {
      ...{ actors, admission, admit: enter, health, reserving, wishes },
      inKernel: new InKernel(world, records),
      preempting: new Preempting(world, actors),
      snapshots: new Snapshotting(world.snapshots, actors),
      updating: new Updating(world, admission),
      draining: new Draining(world, actors, {
        cordoned: () => admission.cordoned,
        evict: (id, evicted) => manager.evict(id, evicted),
        startAgain: (actor, desired) => wishes.carryOut(actor, 'start', { desired }),
      }),
    },
    {
      ...{ claims: world.claims, density: world.density, journal: world.journal },
      actor: (owner, record) => new Actor(ports, owner, record),
      recover: (adopt, known) => recover(world, adopt, known),
      seatAll: (request) => seatAll(world, records, request),
      repairNetwork: (network, process) => world.network.create(network, { process }),
      turn: (id) => world.governor?.waiting(id),
      view: (record, now) => viewOf(record, world, now),
    },
  );
  return manager;
}

function actorPorts(world: World): ActorPorts {
  const { bootId, cgroups, config, density, drivers, events, governor, images, journal, log, observer } = world;
  const starting = startPorts(world);
  return {
    ...{ events, journal, log, observer },
    clock: { clock: density.clock, bootId },
    start: { governor, images, run: (actor) => startWorkload(actor, starting) },
    brakes: {
      freeze: (actor) => freeze(actor, world),
      thaw: (actor) => thaw(actor, world),
      kill: (cgroup) => cgroups.kill(cgroup),
      killProcesses: (record) => killProcesses(cgroups, record),
    },
    guest: {
      save: (actor, options, signal) => save(actor, world, options, signal),
      undo: (actor, name) => undo(actor, world, name),
      comeBack: (actor, options) => comeBack(actor, world, options),
      spentAtEnd: (record) => spentAtEnd(record, world),
    },
    end: {
      ask: (process, record) => askToEnd(process, record, world),
      graceMs: (record) => graceOf(record, config),
      ofRun: async (actor) => {
        await endProcesses(actor, world);
        await cleanUp(actor.record, drivers);
      },
      takeDown: (actor) => takeDown(actor, world),
      giveBack: (id) => giveBack(id, world),
      forget: async ({ id, spec }) => {
        await world.output.remove(id);
        if (spec.image !== undefined) await images?.forget(id);
        await world.snapshots.forget(id);
        await journal.remove(id);
      },
    },
    witnesses: {
      explain: (record, exit, asked) => explainEnd(world, record, exit, asked),
      kernelKills: (record) => kernelKillsOf(world, record),
    },
  };
}

function startPorts(world: World): StartPorts {
  const { bootId, config, drivers, limits, observer, snapshots, supervisor } = world;
  return {
    ...{ bootId, config, drivers, observer },
    process: {
      before: (record) => before(world, record),
      spawn: (record, launch, signal) => spawn(record, launch, signal, world),
      forget: (id, signal) => supervisor.forget(id, { signal }),
    },
    sandbox: {
      check: (spec) => requireDevices(spec, limits.device),
      make: (start) => makeSandbox(start, world),
    },
    saved: {
      directory: (of, name) => snapshots.directory(of, name),
      get: (of, name) => snapshots.get(of, name),
      fits: async ({ spec }, saved) => {
        if (saved.of === spec.id) await requireFit({ spec }, saved, world);
        else await requireTemplate(spec, world);
      },
      comeBack: (actor, options) => comeBack(actor, world, options),
    },
  };
}

/** Where its policy would start it again. */
async function killUnhealthy(actor: Actor | undefined, detail: string, log: World['log']): Promise<void> {
  if (actor === undefined || actor.record.spec.restart.policy === 'never') return;
  const workload = actor.record.id;
  log.warn({ workload }, detail);
  await actor.killFor('health', detail).catch((err: unknown) => {
    log.error({ workload, err }, 'could not be killed; the next try comes after health.retries more failed probes');
  });
}

function seatAll(
  { layers, placement }: World,
  records: () => readonly WorkloadRecord[],
  request: Parameters<ManagerPorts['seatAll']>[0],
): Promise<void> {
  const held = records().filter(({ state }) => !isSettled(state));
  const values = ({ id, state }: WorkloadRecord) =>
    state === 'running' || state === 'frozen' ? layers.of(id, 'placement') : undefined;
  layers.retain(new Set(records().map(({ id }) => id)));
  return placement.restore(held.map((record) => ({ request: request(record.spec), values: values(record) })));
}
