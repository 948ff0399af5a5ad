// `berth agent`: opens the rooms, takes over what runs, serves, and leaves everything running when it ends.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { schedule } from 'node-cron';
import { lockForLife } from '../linux/self.js';
import { AddressPool } from '../netns/index.js';
import { connectNotify, type Notify, watchdogIntervalMs } from '../systemd/notify.js';
import { Agent } from './agent.js';
import type { Config } from './config/schema.js';
import { EventLog } from './control/event-log.js';
import { type ControlServer, startControl } from './control/server.js';
import { Cordon } from './cordon.js';
import { createLedger } from './density/policy.js';
import { type Foreign, findForeign } from './discovery/foreign.js';
import { createDrivers } from './drivers/index.js';
import { BerthError, ERRORS, reportOf } from './errors.js';
import { type HostFacts, probeHost } from './host/facts.js';
import { followInventory, type Inventory } from './host/inventory.js';
import { probeKvm } from './host/kvm.js';
import { which } from './host/which.js';
import { createLog } from './log.js';
import { LateObserver, observe } from './observe.js';
import { openRooms, type Rooms } from './rooms.js';
import { Journal } from './workload/journal.js';
import { Manager } from './workload/manager.js';
import { OutputStore } from './workload/output.js';
import type { Log } from './workload/ports.js';
import { Quarantine } from './workload/quarantine.js';
import { Reaper } from './workload/reaper.js';
import { parseDuration, parseSize } from './workload/units.js';
import type { World } from './workload/world.js';

/** Runs until SIGTERM or SIGINT. Returns the exit code; errors that prevent the start are logged with their hint. */
export async function runAgent(config: Config, options: { readonly version: string }): Promise<number> {
  const notify = connectNotify();
  const log = createLog(config.log.level, { prefix: notify.active });
  try {
    await serve(config, options.version, notify, log);
    return 0;
  } catch (error) {
    const report = reportOf(error);
    log.error({ ...report, err: error }, 'the agent cannot run');
    return ERRORS[report.code].exit;
  }
}

async function serve(config: Config, version: string, notify: Notify, log: Log): Promise<void> {
  const startedAt = Date.now();
  const ending = new AbortController();
  const facts = await hostFacts();
  const { state, runtime } = config.paths;
  await mkdir(state, { recursive: true, mode: 0o700 });
  await mkdir(join(runtime, 'workloads'), { recursive: true, mode: 0o755 });
  claim(join(runtime, 'agent.lock'));
  const rooms = await openRooms(config, facts, log);
  const events = new EventLog({
    directory: state,
    bootId: facts.bootId,
    onError: (error) => log.error({ err: error }, 'event not written'),
  });
  const observer = new LateObserver();
  const world = await makeWorld(config, facts, rooms, events, observer, log);
  const manager = new Manager(world);
  const reaper = new Reaper(world, (id) => manager.has(id), parseDuration(config.lifecycle.reap_age) ?? 300_000);
  const cordon = new Cordon(state);
  manager.setCordoned(cordon.get());
  let inventory: Inventory | undefined;
  let foreign: Foreign = {};
  const look = async (): Promise<void> => {
    if (facts.cgroup) foreign = await findForeign(facts.cgroup.mount, rooms.cgroups.root);
  };
  let control: ControlServer | undefined;
  let ready = false;
  const schedulers = () => control?.stats().schedulers ?? [];
  const agent = new Agent({
    version,
    startedAt,
    world,
    manager,
    reaper,
    cordon,
    facts,
    missingControllers: rooms.cgroups.missing,
    inventory: () => inventory,
    foreign: () => foreign,
    ready: () => ready,
    schedulers,
  });
  const observation = await observe(
    world,
    manager,
    rooms.network,
    {
      describe: () => agent.describe(),
      capacity: () => manager.capacity(),
      workloads: () => manager.records(),
      leaked: () => reaper.counts(),
      schedulers,
    },
    version,
  );
  observer.attach(observation.metrics);
  events.onEvent(({ type, workload }) => {
    observation.metrics.recordEvent();
    if (type === 'workload.deleted' && workload !== undefined) observation.forget(workload);
  });

  rooms.holder.onExit((held) => {
    if (manager.has(held.id)) manager.actor(held.id).ended(held);
  });
  const quarantine = new Quarantine(world.addresses, config.network.link_prefix, log);
  const recovery = await manager.recover();
  await quarantine.refresh(manager.addresses());
  // Exits that happened while the connection was down are in the list, and only there.
  rooms.holder.onReconnect(() => {
    void rooms.holder.list().then((all) => {
      for (const held of all) if (held.exit && manager.has(held.id)) manager.actor(held.id).ended(held);
    });
  });
  control = await startControl({ service: agent, events, config, log, node: { name: agent.describe().name, version } });
  events.append({
    type: 'agent.started',
    data: {
      version,
      adopted: recovery.adopted,
      ended: recovery.ended,
      resumed: recovery.resumed,
      damaged: recovery.damaged.length,
    },
  });
  await look();
  await reaper.sweep({ now: false });
  const task = schedule(config.lifecycle.reap_schedule, () => housekeeping(reaper, manager, world, quarantine, look), {
    noOverlap: true,
  });
  const fail = (error: unknown): void => log.warn({ err: error }, 'inventory failed');
  followInventory(
    (found) => {
      inventory = found;
    },
    { signal: ending.signal },
  ).catch(fail);
  ready = true;
  const { adopted, resumed } = recovery;
  log.info({ version, adopted, resumed, socket: control.socketPath, web: config.web.listen }, 'berth is ready');
  notify.ready(`${adopted} workloads adopted, ${resumed} to start`);
  const watchdog = watch(notify, manager, reaper);

  await untilSignal(log);
  log.info({}, 'stopping; workloads go on');
  notify.stopping();
  clearInterval(watchdog);
  ending.abort();
  events.append({ type: 'agent.stopping', data: {} });
  await task.stop();
  await control.stop();
  await observation.stop();
  manager.close();
  await events.close();
  rooms.holder.close();
  await rooms.network.close();
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

async function makeWorld(
  config: Config,
  facts: HostFacts,
  rooms: Rooms,
  events: EventLog,
  observer: LateObserver,
  log: Log,
): Promise<World> {
  const addresses = new AddressPool(config.network.pool);
  const output = new OutputStore(config.paths.state, parseSize(config.lifecycle.log_max) ?? 16 << 20);
  await output.setup();
  const host = { cores: facts.cpusOnline, memoryBytes: facts.memoryBytes, addresses: addresses.total };
  return {
    config,
    bootId: facts.bootId,
    cgroups: rooms.cgroups,
    network: rooms.network,
    holder: rooms.holder,
    addresses,
    ledger: createLedger(config, host),
    journal: new Journal(config.paths.state),
    output,
    events,
    observer,
    log,
    drivers: createDrivers(config),
    which,
    kvmUsable: facts.kvm?.usable ?? false,
  };
}

async function housekeeping(
  reaper: Reaper,
  manager: Manager,
  world: World,
  quarantine: Quarantine,
  look: () => Promise<void>,
): Promise<void> {
  try {
    await look();
    await reaper.sweep({ now: false });
    await quarantine.refresh(manager.addresses());
    for (const { id } of manager.records()) await world.output.cap(id);
  } catch (error) {
    world.log.warn({ err: error }, 'housekeeping failed');
  }
}

/** A ping only when the loop turns and the cgroup tree and the network worker have answered since the last one. */
function watch(notify: Notify, manager: Manager, reaper: Reaper): NodeJS.Timeout | undefined {
  const every = watchdogIntervalMs();
  if (every === undefined) return undefined;
  return setInterval(() => {
    void reaper.probe().then(() => {
      notify.watchdog();
      const { running, failed } = manager.counts();
      notify.status(`${running} workloads running, ${failed} failed`);
    });
  }, every / 2);
}

function untilSignal(log: Log): Promise<void> {
  return new Promise((resolve) => {
    process.once('SIGTERM', () => resolve());
    process.once('SIGINT', () => resolve());
    process.on('SIGHUP', () =>
      log.warn({}, 'this version takes a new configuration at a restart: systemctl restart berth'),
    );
  });
}
