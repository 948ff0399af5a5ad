// Puts the agent together: what it is made of, in the order in which one part needs the other. Nothing runs yet.
import { join } from 'node:path';
import { defined } from '../../../linux/defined.js';
import { readMemInfo } from '../../../linux/proc.js';
import type { Hint } from '../../../netns/index.js';
import { BerthError } from '../../../protocol/errors.js';
import { reportOf } from '../../base/errors.js';
import type { Log } from '../../base/log.js';
import { directoriesOfOthers, prepareLock, prepareState } from '../../base/state-files.js';
import { parseDuration } from '../../base/units.js';
import { poolsOf, vsockRange } from '../../config/network.js';
import type { Config } from '../../config/schema.js';
import { EventLog } from '../../control/event-log.js';
import { insecureSchedulers } from '../../control/insecure.js';
import { coresOf } from '../../density/cores.js';
import type { Governor } from '../../density/governor/governor.js';
import { governorSettings } from '../../density/governor/settings.js';
import type { OverheadService } from '../../density/overhead/overhead.js';
import type { LivePrediction } from '../../density/prediction/live.js';
import { TenantAdmin } from '../../density/tenant-admin.js';
import { Tuner } from '../../density/tuner.js';
import { Usage } from '../../density/usage.js';
import type { Engines } from '../../discovery/engines/engines.js';
import { openKernelLog } from '../../ends/kernel-log.js';
import { type HostFacts, readFacts } from '../../host/facts.js';
import { findings } from '../../host/findings.js';
import { liveFacts } from '../../host/live-facts.js';
import { missingModules } from '../../host/modules.js';
import { ImageAdmin } from '../../images/admin.js';
import type { Images } from '../../images/images.js';
import { briefly } from '../../metrics/briefly.js';
import { Claims } from '../../network/claims.js';
import { workerConditions } from '../../network/coded.js';
import { hostNetworks, requireFreePools } from '../../network/conflicts.js';
import { Drift } from '../../network/drift.js';
import { isForwardingOff } from '../../network/forwarding.js';
import { rememberIn } from '../../network/forwarding-before.js';
import { conntrackUse, NetworkHealth } from '../../network/health.js';
import { keepForwarding } from '../../network/keep-forwarding.js';
import { ownView } from '../../network/own-view.js';
import { Pressure } from '../../pressure/engine.js';
import { systemClock } from '../../pressure/ports.js';
import { drainConditions } from '../../workload/drain-view.js';
import { Consoles } from '../../workload/inside/console.js';
import { Executions } from '../../workload/inside/executions.js';
import { commandProbe } from '../../workload/inside/probe.js';
import { hasRecords } from '../../workload/journal.js';
import type { Manager } from '../../workload/manager.js';
import { Quarantine } from '../../workload/quarantine.js';
import { Reaper } from '../../workload/reaper.js';
import { HelperPrograms } from '../adapters/helper-programs.js';
import { LimitRoom } from '../adapters/limits.js';
import { Pinning } from '../adapters/pinning.js';
import { actuatorOf } from '../adapters/pressure-actuator.js';
import { Targets } from '../adapters/pressure-targets.js';
import { Agent } from '../agent.js';
import { Chores } from '../chores.js';
import { Conditions } from '../conditions.js';
import { Cordon } from '../cordon.js';
import { LateObserver, type Observation, observe } from '../observe.js';
import { Relief } from '../relief.js';
import { openRooms, ownRoot, type Rooms, SUPERVISOR_MEMORY } from '../rooms.js';
import { StartChecks } from '../start-checks.js';
import { StateDisk } from '../state-disk.js';
import type { World } from '../world.js';
import { makeGovernor, makeOverhead, makePrediction, openDensity } from './density.js';
import { openEngines } from './engines.js';
import { type Ground, type Late, nothingYet, tellDamaged } from './ground.js';
import { HostFollow } from './host-follow.js';
import { openImages } from './images.js';
import { installationId } from './installation.js';
import { claimAlone, register, sharedPools } from './sole.js';
import { makeWorkloads } from './workloads.js';
import { makeWorld } from './world.js';

export interface Assembly {
  readonly facts: HostFacts;
  readonly rooms: Rooms;
  readonly world: World;
  readonly images: Images;
  readonly engines: Engines;
  readonly helpers: HelperPrograms;
  readonly events: EventLog;
  readonly conditions: Conditions;
  readonly chores: Chores;
  readonly disk: StateDisk;
  readonly manager: Manager;
  readonly executions: Executions;
  readonly reaper: Reaper;
  readonly quarantine: Quarantine;
  readonly drift: Drift;
  readonly health: NetworkHealth;
  /** What the host itself has changed, each minute. */
  readonly follow: () => Promise<void>;
  /** What the network room has heard from the kernel. */
  readonly hear: (hints: readonly Hint[]) => void;
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
  { name: 'berth.slice', own: SUPERVISOR_MEMORY + 128 * 2 ** 20 },
  { name: 'berth-workloads.service', own: SUPERVISOR_MEMORY },
];

/** Throws what keeps the agent from running on this host: not_root, socket_in_use, supervisor_unavailable, SysError. */
export async function assemble(config: Config, version: string, log: Log): Promise<Assembly> {
  const startedAt = Date.now();
  const first = privilegedHost();
  const { state, runtime } = config.paths;
  const directories = { state, runtime };
  requireOwnState(state);
  const oddLock = prepareLock(directories);
  const tenure = claimAlone(config, ownRoot(config, first.cgroup?.mount ?? ''));
  const damaged = [...oddLock, ...prepareState(directories)];
  // Programs and a guest take their time; the rooms open meanwhile.
  const found = findings(join(runtime, 'findings.json'));
  const checks = new StartChecks(await hasRecords(state), log);
  await checks.run('pools', () => requireFreePools(config.network, hostNetworks()));
  const identify = async (root: string) => register(tenure, await installationId(state, root, log));
  const rooms = await openRooms(config, first, log, { identify, checks });
  const modulesMissing = missingModules();
  const live = liveFacts({ ...first, ...(await found), ...defined({ modulesMissing }) });
  const { facts } = live;
  const onError = (error: unknown): void => log.error({ err: error }, 'event not written');
  const events = new EventLog({ directory: state, bootId: facts.bootId, onError });
  const conditions = new Conditions(events, log);
  conditions.add(() => events.conditions());
  const relief = new Relief(state);
  await relief.refill();
  const disk = new StateDisk({ state, runtime, conditions, refill: () => relief.refill() });
  const chores = new Chores({ conditions, log });
  conditions.add(() => sharedPools(tenure));
  conditions.add(() => workerConditions(rooms.network));
  rooms.network.onOverdue(() => conditions.announce());
  conditions.add(() => insecureSchedulers(config.control.scheduler));
  const observer = new LateObserver();
  const claims = new Claims(config.network, vsockRange(config.network.vsock_ids));
  const late = nothingYet();
  const kernelLog = openKernelLog(facts.cgroup?.mount ?? '', log);
  const below = { config, facts, rooms, claims, events, conditions, observer, late, log, relief, disk, kernelLog };
  const helpers = new HelperPrograms({
    ...{ supervisor: rooms.supervisor, cgroups: rooms.cgroups, files: rooms.cgroupFiles, runtime, log },
  });
  // Before what such a program was writing is swept.
  await helpers.open();
  const images = await openImages(below, helpers.run);
  const ground: Ground = { ...below, images };
  damaged.forEach(tellDamaged(ground));
  const density = await openDensity(ground);
  const { engines, ends, shown } = openEngines(ground, density);
  const governor = makeGovernor(ground, density);
  const world = await makeWorld(ground, density, governor);
  const cores = coresOf(world.placement);
  if (cores !== undefined) density.setCores(cores);
  const manager = makeWorkloads(world);
  const overhead = makeOverhead(ground, world, manager);
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
  const drift = makeDrift(world, rooms, manager);
  const health = new NetworkHealth(config.network, rooms.network, log, claims);
  await health.compare();
  const reaper = new Reaper(world, manager, parseDuration(config.lifecycle.reap_age) ?? 300_000);
  const cordon = new Cordon(state, relief);
  manager.setCordoned(cordon.get());
  conditions.add(() => drainConditions(manager.draining.view()));
  const schedulers = () => late.schedulers();
  const prediction = makePrediction(ground, world, manager);
  const executions = new Executions(world, manager);
  late.probeInside = commandProbe(executions);
  const agent = new Agent({
    version,
    startedAt,
    world,
    manager,
    reaper,
    executions,
    consoles: new Consoles(world.drivers, manager),
    cordon,
    conditions,
    reload: (by) => late.reload(by),
    onEvent: (listener) => events.onEvent(listener),
    audit: (networks) => rooms.network.audit(networks),
    drift,
    health,
    tenants: new TenantAdmin(
      density,
      (tenant) => manager.tenants().has(tenant),
      () => manager.tenants(),
    ),
    images: new ImageAdmin(images, events),
    tuner: new Tuner({ directory: state }),
    facts,
    missingControllers: rooms.cgroups.missing,
    limits: () => limits.status(),
    pressure,
    governor,
    prediction: () => prediction.view(),
    samples: () => observation.samples,
    inventory: () => late.inventory,
    engines: shown,
    ready: () => late.ready,
    schedulers,
  });
  const source = {
    describe: briefly(() => agent.describe()),
    capacity: briefly(() => manager.capacity()),
    ceilings: () => density.ceilings(),
    overhead: () => density.overheads(),
    windows: () => density.windows(),
    licences: () => density.licences.names().map((name) => ({ name, leases: density.licences.leases(name) })),
    workloads: () => manager.records(),
    leaked: () => reaper.counts(),
    apart: () => reaper.apart(),
    housekeeping: () => chores.figures(),
    engines: briefly(() => engines.views()),
    adoptedEnds: () => ends.counts(),
    snapshots: briefly(() => world.snapshots.list()),
    images: briefly(() => ({ count: images.list().length, bytes: images.bytes(), pulls: images.counts() })),
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
    totals: () => ({
      ...{ reaped: reaper.removed(), requests: late.requests(), journalWrites: world.journal.writes },
      outputDropped: late.droppedBytes(),
    }),
  };
  const observation = await observe({
    ...{ world, manager, source, version, facts, pressure, governor, overhead, engines },
    network: rooms.network,
    prediction: () => prediction.view(),
  });
  await observation.web.open().catch((error: unknown) => {
    checks.failed(reportOf(error).code === 'config_invalid' ? 'web_config' : 'web', error);
  });
  observer.attach(observation.metrics);
  late.adopted = observation.adopted;
  late.records = () => manager.records();
  const measured = (id: string) => observation.sampler.latest(id)?.stats;
  const usage = {
    ...{ workloads: () => manager.records(), latest: measured },
    ...{ memory: readMemInfo, now: () => performance.now() },
  };
  density.setUsage(new Usage(usage, density.ledger));
  const quarantine = new Quarantine({ claims, cgroups: rooms.cgroups, linkPrefix: config.network.link_prefix, log });
  late.latest = (id) => observation.sampler.latest(id);
  const parts = {
    facts,
    rooms,
    world,
    images,
    engines,
    helpers,
    events,
    manager,
    executions,
    reaper,
    quarantine,
    drift,
    health,
    limits,
    pinning,
    pressure,
  };
  const hostFollow = new HostFollow({
    ...{ placement: world.placement, density, events, log, facts },
    governor: { setCores: (count) => governor.configure(governorSettings(late.governor ?? config.governor, count)) },
  });
  const families = { ipv6: poolsOf(config.network).some((pool) => pool.network.family === 6) };
  const forwarding = keepForwarding({
    ...{ mode: config.network.forwarding, events, log, remember: rememberIn(runtime) },
    ...families,
  });
  conditions.add(() => [...agent.networkConditions(), ...hostFollow.conditions()]);
  conditions.add(() => [...rooms.networkSetup.conditions(), ...observation.web.conditions()]);
  /** What it cures is told as well: it came, and it went. */
  const lookAtForwarding = (): void => {
    live.forget();
    conditions.announce();
    forwarding();
    live.forget();
    conditions.announce();
  };
  const follow = async (): Promise<void> => {
    lookAtForwarding();
    await hostFollow.look();
  };
  const hear = (hints: readonly Hint[]): void => {
    drift.hint(hints);
    const lost = hints.some(({ kind }) => kind === 'lost');
    // After losses, which come in storms of starts, two small reads say whether there is anything to look at.
    if (hints.some(({ kind }) => kind === 'forwarding') || (lost && isForwardingOff(families))) lookAtForwarding();
  };
  return { ...parts, follow, hear, chores, conditions, disk, governor, overhead, prediction, agent, observation, late };
}

function makePressure(world: World, manager: Manager, { signals }: Rooms, facts: HostFacts): Pressure {
  const { events, log } = world;
  const targets = new Targets(world, manager);
  return new Pressure(
    {
      ...{ signals, events, log, clock: systemClock(), actuator: actuatorOf(world, manager) },
      targets: () => targets.all(),
      cgroupMount: facts.cgroup?.mount ?? '',
      get cores() {
        return facts.cpusOnline;
      },
    },
    world.config.pressure,
  );
}

function makeDrift(world: World, { network, networkSetup }: Rooms, manager: Manager): Drift {
  return new Drift({
    ...{ room: network, events: world.events, log: world.log },
    targets: () => manager.targets(),
    ownView,
    repair: (target) => manager.repairNetwork(target),
    repairHost: () => networkSetup.repair(),
  });
}

function requireOwnState(state: string): void {
  const others = directoriesOfOthers(state);
  if (others.length === 0) return;
  throw new BerthError(
    'config_invalid',
    `paths.state: ${state} has directories that berth has not made (${others.join(', ')}), and would delete in them what it does not know`,
    { hint: 'Name an empty directory, or one that nobody but berth uses.' },
  );
}

function privilegedHost(): ReturnType<typeof readFacts> {
  const facts = readFacts();
  if (!facts.root || !facts.capabilities.netAdmin || !facts.capabilities.sysAdmin)
    throw new BerthError(
      'not_root',
      'the agent makes cgroups and network namespaces and needs root with CAP_NET_ADMIN and CAP_SYS_ADMIN',
    );
  return facts;
}
