// Puts the agent together: what it is made of, in the order in which one part needs the other. Nothing runs yet.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readMemInfo } from '../linux/proc.js';
import { lockForLife } from '../linux/self.js';
import type { NetworkRoom } from '../netns/index.js';
import { Agent } from './agent.js';
import type { Config } from './config/schema.js';
import { EventLog } from './control/event-log.js';
import type { ControlStats, SchedulerStatus } from './control/stats.js';
import { Cordon } from './cordon.js';
import { coresOf } from './density/cores.js';
import { Density } from './density/density.js';
import { roomForOutput } from './density/disk.js';
import type { Governor } from './density/governor/governor.js';
import { openGovernor } from './density/governor/open.js';
import { hostFiles } from './density/host-files.js';
import { openOverhead } from './density/overhead/open.js';
import type { OverheadService } from './density/overhead/overhead.js';
import type { LivePrediction } from './density/prediction/live.js';
import { openPrediction } from './density/prediction/open.js';
import { TenantAdmin } from './density/tenant-admin.js';
import { Tuner } from './density/tuner.js';
import { Usage } from './density/usage.js';
import type { Foreign } from './discovery/foreign.js';
import { createDrivers } from './drivers/index.js';
import { BerthError } from './errors.js';
import { type HostFacts, probeHost } from './host/facts.js';
import type { Inventory } from './host/inventory.js';
import { configureKsm, readKsm } from './host/ksm.js';
import { probeKvm } from './host/kvm.js';
import { readTopology } from './host/topology.js';
import { which } from './host/which.js';
import { knownDisks } from './limits/io.js';
import { Layers } from './limits/layers.js';
import type { LimitContext } from './limits/limits.js';
import { LimitRoom } from './limits/room.js';
import { TenantGroups } from './limits/tenants.js';
import { briefly } from './metrics/briefly.js';
import type { Latest } from './metrics/sampler.js';
import { Claims } from './network/claims.js';
import { hostNetworks, requireFreePools } from './network/conflicts.js';
import { Drift } from './network/drift.js';
import { conntrackUse, NetworkHealth } from './network/health.js';
import { isTaken } from './network/published.js';
import { roomSettings } from './network/settings.js';
import { timed } from './network/timed.js';
import { LateObserver, type Observation, observe } from './observe.js';
import { Pinning } from './placement/pinning.js';
import { Placement } from './placement/placement.js';
import { Pressure } from './pressure/engine.js';
import { handOf } from './pressure/hand.js';
import { openKernelLog } from './pressure/kernel-log.js';
import { systemClock } from './pressure/ports.js';
import { Subjects } from './pressure/subjects.js';
import { HOLDER_MEMORY, openRooms, type Rooms } from './rooms.js';
import { Journal } from './workload/journal.js';
import { Manager } from './workload/manager.js';
import { OutputStore } from './workload/output.js';
import type { Log } from './workload/ports.js';
import { Quarantine } from './workload/quarantine.js';
import { Reaper } from './workload/reaper.js';
import { parseDuration, parseSize } from './workload/units.js';
import type { World } from './workload/world.js';

/** What becomes known only while the agent runs; the parts read it through functions. */
export interface Late {
  ready: boolean;
  inventory: Inventory | undefined;
  foreign: Foreign;
  schedulers: () => readonly SchedulerStatus[];
  requests: () => ControlStats['requests'];
  /** The last sample of a workload. */
  latest: (id: string) => Latest | undefined;
  /** Its last minute of pressure. */
  history: World['history'];
  /** Its cpus were written. */
  placed: (id: string) => void;
}

export interface Assembly {
  readonly facts: HostFacts;
  readonly rooms: Rooms;
  readonly world: World;
  readonly events: EventLog;
  readonly manager: Manager;
  readonly reaper: Reaper;
  readonly quarantine: Quarantine;
  readonly drift: Drift;
  readonly health: NetworkHealth;
  readonly limits: LimitRoom;
  readonly pinning: Pinning;
  readonly pressure: Pressure;
  readonly governor: Governor;
  readonly overhead: OverheadService;
  readonly prediction: LivePrediction;
  readonly agent: Agent;
  readonly observation: Observation;
  readonly late: Late;
}

/** Units above the workloads, with what is theirs in MemoryMin= (systemd/units), in bytes. */
const UNITS = [
  { name: 'berth.slice', own: HOLDER_MEMORY + 128 * 2 ** 20 },
  { name: 'berth-workloads.service', own: HOLDER_MEMORY },
];

/** cpu.weight of a cgroup that was not told any (cgroup-v2.rst). */
const DEFAULT_WEIGHT = 100;

/** Throws what keeps the agent from running on this host: not_root, socket_in_use, holder_unavailable, SysError. */
export async function assemble(config: Config, version: string, log: Log): Promise<Assembly> {
  const startedAt = Date.now();
  const facts = await hostFacts();
  const { state, runtime } = config.paths;
  await mkdir(state, { recursive: true, mode: 0o700 });
  await mkdir(join(runtime, 'workloads'), { recursive: true, mode: 0o755 });
  claim(join(runtime, 'agent.lock'));
  requireFreePools(config.network, hostNetworks());
  const rooms = await openRooms(config, facts, log);
  const onError = (error: unknown): void => log.error({ err: error }, 'event not written');
  const events = new EventLog({ directory: state, bootId: facts.bootId, onError });
  const observer = new LateObserver();
  const claims = new Claims(config.network);
  const late: Late = {
    ...{ ready: false, inventory: undefined, foreign: {} },
    ...{
      schedulers: () => [],
      requests: () => [],
      latest: () => undefined,
      history: () => [],
      placed: () => undefined,
    },
  };
  const density = await openDensity(config, facts, rooms, claims, events, log);
  const governor = makeGovernor(config, facts, rooms, events, observer, density);
  const world = await makeWorld(config, facts, rooms, events, observer, claims, density, governor, late, log);
  const cores = coresOf(world.placement);
  if (cores !== undefined) density.setCores(cores);
  const manager = new Manager(world);
  const overhead = openOverhead(world, manager);
  density.setOverhead(overhead);
  const latest: Late['latest'] = (id) => late.latest(id);
  const limits = new LimitRoom({
    ...{ world, manager, signals: rooms.signals, latest },
    swapBytes: facts.swapBytes,
    units: facts.systemd ? UNITS : [],
    killed: (id) => manager.memoryEventsChanged(id),
  });
  const pinning = new Pinning(world, manager);
  late.placed = (id) => void pinning.pin(id);
  const pressure = makePressure(world, manager, rooms, facts);
  late.history = (id) => pressure.history.last(id);
  const drift = makeDrift(world, rooms.network, manager);
  const health = new NetworkHealth(config.network, rooms.network, log);
  const reaper = new Reaper(world, manager, parseDuration(config.lifecycle.reap_age) ?? 300_000);
  const cordon = new Cordon(state);
  manager.setCordoned(cordon.get());
  const schedulers = () => late.schedulers();
  const prediction = makePrediction(world, manager, late);
  const agent = new Agent({
    version,
    startedAt,
    world,
    manager,
    reaper,
    cordon,
    drift,
    health,
    tenants: new TenantAdmin(
      density,
      (tenant) => manager.tenants().has(tenant),
      () => manager.tenants(),
    ),
    tuner: new Tuner({ directory: state }),
    facts,
    missingControllers: rooms.cgroups.missing,
    limits: () => limits.status(),
    pressure,
    governor,
    prediction: () => prediction.view(),
    samples: () => observation.samples,
    inventory: () => late.inventory,
    foreign: () => late.foreign,
    ready: () => late.ready,
    schedulers,
  });
  const source = {
    describe: briefly(() => agent.describe()),
    capacity: briefly(() => manager.capacity()),
    ceilings: () => density.ceilings(),
    overhead: () => density.overheads(),
    workloads: () => manager.records(),
    leaked: () => reaper.counts(),
    schedulers,
    network: () => ({
      ...{ pools: claims.pools(), slots: rooms.network.slots(), drift: drift.counts() },
      ...{ forwarded: health.totals, conntrack: conntrackUse() },
    }),
    limits: briefly(() => ({
      ...limits.figures(),
      ...{
        pressure: pressure.status(),
        cpus: world.placement.capacity(),
        violations: agent.placement().violations.length,
      },
    })),
    totals: () => ({ reaped: reaper.removed(), requests: late.requests(), journalWrites: world.journal.writes }),
  };
  const observation = await observe({
    ...{ world, manager, source, version, facts, pressure, governor },
    network: rooms.network,
    prediction: () => prediction.view(),
  });
  observer.attach(observation.metrics);
  const measured = (id: string) => observation.sampler.latest(id)?.stats;
  const usage = {
    ...{ workloads: () => manager.records(), latest: measured },
    ...{ memory: readMemInfo, now: () => performance.now() },
  };
  density.setUsage(new Usage(usage, density.ledger));
  const quarantine = new Quarantine(claims, config.network.link_prefix, log);
  late.latest = (id) => observation.sampler.latest(id);
  const parts = { facts, rooms, world, events, manager, reaper, quarantine, drift, health, limits, pinning, pressure };
  return { ...parts, governor, overhead, prediction, agent, observation, late };
}

function makePressure(world: World, manager: Manager, { signals }: Rooms, facts: HostFacts): Pressure {
  const { events, log } = world;
  const subjects = new Subjects(world, manager);
  return new Pressure(
    {
      ...{ signals, events, log, clock: systemClock(), hand: handOf(world, manager) },
      subjects: () => subjects.all(),
      cgroupMount: facts.cgroup?.mount ?? '',
      cores: facts.cpusOnline,
    },
    world.config.pressure,
  );
}

function makeDrift(world: World, room: NetworkRoom, manager: Manager): Drift {
  return new Drift({
    ...{ room, events: world.events, log: world.log },
    subjects: () => manager.subjects(),
    repair: (subject) => manager.repairNetwork(subject),
    repairHost: () => room.setup(roomSettings(world.config.network)),
  });
}

/** Before anything is read or written: two agents on one journal would each undo what the other does. */
function claim(path: string): void {
  if (lockForLife(path)) return;
  throw new BerthError('socket_in_use', `another agent runs on this host and holds ${path}`, { data: { path } });
}

async function hostFacts(): Promise<HostFacts> {
  const facts = await probeHost();
  if (!facts.root || !facts.capabilities.netAdmin || !facts.capabilities.sysAdmin)
    throw new BerthError(
      'not_root',
      'the agent makes cgroups and network namespaces and needs root with CAP_NET_ADMIN and CAP_SYS_ADMIN',
    );
  return { ...facts, kvm: await probeKvm() };
}

function makeGovernor(
  { governor: config }: Config,
  facts: HostFacts,
  { network }: Rooms,
  events: EventLog,
  observer: LateObserver,
  { tenants }: Density,
): Governor {
  const governor = openGovernor(config, {
    ...{ cores: facts.cpusOnline, events },
    waited: (seconds) => observer.waited(seconds),
    // Starting is mostly work for a cpu: tenants share the turns as they share the cpus.
    weightOf: (tenant) => (tenants.get(tenant).limits.cpuWeight ?? DEFAULT_WEIGHT) / DEFAULT_WEIGHT,
  });
  observer.onNetwork = (seconds) => governor.networkTook(seconds * 1000);
  network.refillWhen(() => governor.calm());
  return governor;
}

function makePrediction({ config, density, events, log }: World, manager: Manager, late: Late): LivePrediction {
  return openPrediction({
    ...{ state: config.paths.state, ledger: density.ledger },
    workloads: () => manager.records(),
    latest: (id) => late.latest(id),
    onDamaged: (damaged) => {
      log.error(damaged, 'what was learned of use is damaged, set aside and learned anew');
      events.append({ type: 'journal.damaged', data: { ...damaged } });
    },
    onError: (error, message) => log.error({ err: error }, message),
  });
}

async function openDensity(
  config: Config,
  facts: HostFacts,
  rooms: Rooms,
  claims: Claims,
  events: EventLog,
  log: Log,
): Promise<Density> {
  const disk = await roomForOutput(config.paths.state);
  return new Density({
    config,
    host: {
      ...{ cores: facts.cpusOnline, memoryBytes: facts.memoryBytes, addresses: claims.routable },
      ...(disk === undefined ? {} : { disk }),
    },
    bootId: facts.bootId,
    files: hostFiles({
      cgroup: rooms.cgroups.root,
      holder: (await rooms.holder.hello()).pid,
      bridges: Object.keys(config.network.bridge),
    }),
    onEvent: (event) => events.append(event),
    onDamaged: (damaged) => {
      log.error(damaged, 'file of the density room damaged and set aside');
      events.append({ type: 'journal.damaged', data: { ...damaged } });
    },
    onError: (error) => log.error({ err: error }, 'licences or their audit not written'),
  });
}

async function makeWorld(
  config: Config,
  facts: HostFacts,
  rooms: Rooms,
  events: EventLog,
  observer: LateObserver,
  claims: Claims,
  density: Density,
  governor: Governor,
  late: Late,
  log: Log,
): Promise<World> {
  configureKsm(config.cgroups.ksm, log);
  const output = new OutputStore(config.paths.state, parseSize(config.lifecycle.log_max) ?? 16 << 20);
  await output.setup();
  const { cgroups, cgroupFiles } = rooms;
  const limits: LimitContext = {
    files: cgroupFiles,
    device: knownDisks(),
    config: config.cgroups,
    defaultCpu: config.density.default_cpu_request,
  };
  const layers = new Layers(join(config.paths.runtime, 'layers'), log);
  const settings = {
    ...config.placement,
    reserved: config.density.reserved_cpu,
    cpuset: cgroups.controllers.includes('cpuset'),
  };
  return {
    config,
    bootId: facts.bootId,
    cgroups,
    limits,
    layers,
    placement: new Placement(readTopology(), settings, layers, { log, written: (id) => late.placed(id) }),
    tenants: new TenantGroups({ cgroups, context: limits, limits: (tenant) => density.tenants.get(tenant).limits }),
    network: timed(rooms.network, observer),
    holder: rooms.holder,
    claims,
    portTaken: isTaken,
    density,
    governor,
    journal: new Journal(config.paths.state),
    output,
    events,
    observer,
    log,
    drivers: createDrivers(config),
    which,
    kvmUsable: facts.kvm?.usable ?? false,
    kernelLog: openKernelLog(facts.cgroup?.mount ?? '', log),
    history: (id) => late.history(id),
    ksm: () => readKsm(),
  };
}
