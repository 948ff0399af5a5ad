// `berth agent`: takes over what runs, serves, and leaves everything running when it ends.
import { every, type Timer } from '../../linux/timers.js';
import { ERRORS } from '../../protocol/errors.js';
import { connectNotify, type Notify, watchdogIntervalMs } from '../../systemd/notify.js';
import { greetSupervisor } from '../../systemd/supervisor/client.js';
import { reportOf } from '../base/errors.js';
import { createLog, type Log } from '../base/log.js';
import type { Config } from '../config/schema.js';
import { type ControlServer, startControl } from '../control/server.js';
import { followInventory } from '../host/inventory.js';
import { hostGoesDown } from '../host/shutdown.js';
import { isHelper } from '../model/helper-program.js';
import { endAll, shutdownGrace } from '../workload/host-shutdown.js';
import { type Assembly, assemble } from './assembly/assembly.js';
import { choresOf, keepOut } from './housekeeping.js';
import { logEvent } from './logged-events.js';
import { Probe } from './probe.js';
import { Reloading } from './reload.js';
import { startedBySystemd, startSupervisor } from './rooms.js';
import { Shutdown } from './shutdown.js';
import { StartGate } from './start-gate.js';
import { endLate, Supervision } from './supervision.js';

export interface AgentOptions {
  readonly version: string;
  /** Reads the configuration again, for a reload. Throws config_invalid. */
  readonly load: () => Promise<Config>;
}

/** What a stop takes at most beside the grace of workloads. */
const STOP_MS = 15_000;
const EXIT_MS = 500;
/** For requests under way when a stop begins. */
const REQUESTS_MS = 1500;
/** For the event log, and what goes after it. */
const LAST_MS = 700;

/** Runs until SIGTERM or SIGINT. Returns the exit code; errors that prevent the start are logged with their hint. */
export async function runAgent(config: Config, options: AgentOptions): Promise<number> {
  const notify = connectNotify();
  const log = createLog(config.log);
  try {
    await serve(config, options, notify, log);
    // A step of the shutdown that was cut may hold a thread or a connection.
    setTimeout(() => process.exit(0), EXIT_MS).unref();
    return 0;
  } catch (error) {
    const report = reportOf(error);
    log.error({ ...report, err: error }, 'the agent cannot run');
    const { exit } = ERRORS[report.code];
    // What was opened before the failure, threads and connections, would keep the process alive.
    setTimeout(() => process.exit(exit), EXIT_MS).unref();
    return exit;
  }
}

async function serve(config: Config, { version, load }: AgentOptions, notify: Notify, log: Log): Promise<void> {
  const parts = await assemble(config, version, log);
  const {
    agent,
    chores,
    disk,
    drift,
    engines,
    events,
    executions,
    governor,
    helpers,
    late,
    limits,
    manager,
    overhead,
  } = parts;
  const { observation, pinning, prediction, pressure, rooms, world } = parts;
  listen(parts);
  await overhead.start();
  const supervision = supervise(parts);
  late.droppedBytes = () => supervision.droppedBytes;
  const gate = new StartGate(rooms.supervisorAnswers);
  const node = { name: agent.describe().name, version };
  const open = (): Promise<ControlServer> =>
    startControl({ service: agent, events, config, log, node, refusal: (method) => gate.refusal(method) });
  let control = rooms.supervisorAnswers ? undefined : await open();
  let watchdog: Timer | undefined;
  if (control !== undefined) {
    log.warn({ socket: control.socketPath, web: config.web.listen }, 'berth serves, and waits for the supervisor');
    // To systemd the start is over: it would end one that takes too long, and the next agent would wait as this one does.
    notify.ready('waits for the supervisor of the workloads');
    watchdog = watch(notify, parts);
    await supervision.answering;
    await greetSupervisor(rooms.supervisor, {});
  }
  const { damaged, ...found } = await manager.recover(() => keepOut(parts));
  await world.drivers.sweep(manager.records().map(({ id }) => id));
  await agent.maintenance.resume();
  late.images = () =>
    manager.records().map(({ id, spec, image }) => {
      return { workload: id, tenant: spec.tenant, image: spec.image, digest: image?.digest };
    });
  await executions.sweep();
  await helpers.sweep();
  limits.adopt();
  await rooms.network.watch(parts.hear).catch((error: unknown) => {
    log.error({ err: error }, 'changes of networks are not heard at once, only found by the audit each minute');
  });
  await pressure.start();
  await prediction.configure(config.density.prediction);
  const reloading = new Reloading(parts, load, notify);
  late.reload = (by) => reloading.run(by);
  control ??= await open();
  gate.open();
  const { stats, stop, socketPath } = control;
  late.schedulers = () => stats().schedulers;
  late.requests = () => stats().requests;
  events.append({ type: 'agent.started', data: { version, ...found, damaged: damaged.length } });
  for (const chore of choresOf(parts)) chores.add(chore);
  await chores.start();
  disk.onWritable(() => manager.retry());
  disk.start();
  const ending = new AbortController();
  followInventory(
    (inventory) => {
      Object.assign(late, { inventory });
      parts.world.density.setHost({ physicalCores: inventory.cores, sockets: inventory.sockets });
    },
    { signal: ending.signal },
  ).catch((error: unknown) => log.warn({ err: error }, 'inventory failed'));
  late.ready = true;
  log.info({ version, ...found, socket: socketPath, web: config.web.listen }, 'berth is ready');
  notify.ready(`${found.adopted} workloads adopted, ${found.resumed} to start`);
  watchdog ??= watch(notify, parts);

  // What goes wrong is in the log: a signal has no other answer.
  process.on('SIGHUP', () => void reloading.run().catch(() => undefined));
  await untilSignal();
  notify.stopping();
  watchdog?.cancel();
  supervision.close();
  ending.abort();
  events.append({ type: 'agent.stopping', data: {} });
  chores.close();
  disk.close();
  const shutdown = new Shutdown({ log });
  await shutdown.step('requests and connections', () => stop(REQUESTS_MS));
  await shutdown.step('programs inside workloads', () => executions.close());
  engines.close();
  await shutdown.step('updates', () => manager.endUpdates());
  await shutdown.step('prediction', () => prediction.configure('off'));
  await shutdown.step('metrics', () => observation.stop());
  await shutdown.step('overhead', () => overhead.stop());
  await shutdown.step('pressure', () => pressure.close());
  pinning.close();
  await shutdown.step('placement', () => world.placement.close());
  await shutdown.step('network drift', () => drift.close());
  await shutdown.step('limits', () => limits.close());
  manager.close();
  governor.close();
  if (await hostGoesDown()) await endWorkloads(parts, notify);
  else log.info({}, 'stopping; workloads go on');
  const last = new Shutdown({ log, allMs: LAST_MS });
  await last.step('licence audit', () => world.density.audit.settled());
  await last.step('event log', () => events.close());
  rooms.supervisor.close();
  await last.step('signals', () => rooms.signals.close());
  await last.step('network', () => rooms.network.close());
}

/** Ends of processes to their actors; events and requests to the metrics. */
function listen({
  drift,
  events,
  executions,
  helpers,
  limits,
  manager,
  observation,
  pinning,
  pressure,
  rooms,
  world,
}: Assembly): void {
  const tell = (held: Parameters<Parameters<typeof rooms.supervisor.onExit>[0]>[0]): void => {
    if (manager.has(held.id)) manager.actor(held.id).ended(held);
    else if (isHelper(held.id)) helpers.ended(held);
    else executions.ended(held);
  };
  rooms.supervisor.onExit(tell);
  // Exits that happened while the connection was down are in the list, and only there.
  rooms.supervisor.onReconnect(() => {
    // One that does not answer now is asked again by the look at missed ends (housekeeping.ts).
    rooms.supervisor.list().then(
      (all) => {
        all.filter((held) => held.exit).forEach(tell);
        for (const held of all) endLate(held, manager, world.log);
        void executions.sweep();
        void helpers.sweep();
      },
      (error: unknown) => world.log.warn({ err: error }, 'the supervisor is back and does not answer'),
    );
  });
  rooms.supervisor.onLate((held) => endLate(held, manager, world.log));
  events.onEvent((event) => {
    const { type, workload, data } = event;
    observation.metrics.recordEvent();
    logEvent(world.log, event);
    if (type === 'workload.state') limits.sync();
    if (type === 'workload.state' && workload !== undefined && data.to === 'running') void pinning.pin(workload);
    if (type !== 'workload.deleted' || workload === undefined) return;
    limits.forget(workload);
    pressure.forget(workload);
    observation.forget(workload);
    drift.forget(workload);
  });
}

function supervise({ conditions, facts, rooms, world }: Assembly): Supervision {
  const { cgroup } = facts;
  const { config, log } = world;
  const launch = startedBySystemd() || cgroup === undefined ? undefined : () => startSupervisor(config, cgroup);
  return new Supervision({ supervisor: rooms.supervisor, pid: rooms.supervisorPid, conditions, log, launch });
}

/**
 * A ping only when the loop turns, and the cgroup tree has answered since the last one. Not the supervisor and not the
 * network worker, which waits in the kernel: a restart of the agent mends neither, and their conditions need an agent that
 * tells them.
 */
function watch(notify: Notify, { manager, rooms, world }: Assembly): Timer | undefined {
  const interval = watchdogIntervalMs();
  if (interval === undefined) return undefined;
  const probe = new Probe({
    cgroups: async () => rooms.cgroups.populated('supervisor'),
  });
  const ping = async (): Promise<void> => {
    await probe.run();
    notify.watchdog();
    const { running, failed } = manager.counts();
    notify.status(`${running} workloads running, ${failed} failed`);
  };
  const fail = (error: unknown): void => world.log.error({ err: error }, 'a room does not answer');
  return every(interval / 2, () => void ping().catch(fail));
}

async function endWorkloads({ manager, world }: Assembly, notify: Notify): Promise<void> {
  notify.extendTimeout(shutdownGrace(world, manager.records()) + STOP_MS);
  const count = await endAll(world, manager.records());
  world.log.info({ count }, 'the host goes down; workloads have ended and start again with it');
}

function untilSignal(): Promise<void> {
  return new Promise((resolve) => {
    process.once('SIGTERM', () => resolve());
    process.once('SIGINT', () => resolve());
  });
}
