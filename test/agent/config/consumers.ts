// The parts of the agent that a configuration becomes, made without starting any.
import { join } from 'node:path';
import { parseDuration, parseSize } from '../../../agent/base/units.js';
import { MOST_SOCKET_PATH } from '../../../agent/base/values/places.js';
import { vsockRange } from '../../../agent/config/network.js';
import type { Config } from '../../../agent/config/schema.js';
import { socketPathOf } from '../../../agent/control/server.js';
import { Calendar } from '../../../agent/daemon/calendar.js';
import { ownRoot } from '../../../agent/daemon/rooms.js';
import { Density } from '../../../agent/density/density.js';
import { governorSettings } from '../../../agent/density/governor/settings.js';
import { fromConfig } from '../../../agent/density/tenant-settings.js';
import { createDrivers } from '../../../agent/drivers/index.js';
import { limitsOf } from '../../../agent/limits/limits.js';
import { parseSpec } from '../../../agent/model/spec.js';
import { Claims } from '../../../agent/network/claims.js';
import { roomSettings } from '../../../agent/network/settings.js';
import { ladderSettings } from '../../../agent/pressure/settings.js';
import { parseListen } from '../../../agent/web/server.js';
import { planValues } from '../../../cgroups/controllers.js';
import { assertSettings } from '../../../netns/firewall/index.js';
import { temporaryDirectory } from '../../runner/temporary.js';
import { ALL_FILES } from '../limits/files.js';
import { wrongValues } from '../limits/kernel-grammar.js';

const INSTALLATION = '0123abcd';

/** Throws, or rejects, when a part does not take it. */
export async function makeParts(config: Config): Promise<void> {
  const claims = new Claims(config.network, vsockRange(config.network.vsock_ids));
  for (const { pool, total } of claims.pools()) finite(total > 0 ? total : Number.NaN, pool);
  assertSettings(roomSettings(config.network, INSTALLATION, true));
  if (config.web.listen !== '') parseListen(config.web.listen);
  for (const socket of [socketPathOf(config), join(config.paths.runtime, 'supervisor.sock')])
    if (Buffer.byteLength(socket) > MOST_SOCKET_PATH) throw new Error(`the kernel takes no socket ${socket}`);
  const root = ownRoot(config, '/sys/fs/cgroup');
  if (!root.startsWith('/sys/fs/cgroup/')) throw new Error(`${root} is not below the mount`);
  if (Buffer.byteLength(`cgroup-${encodeURIComponent(root)}`) > 255)
    throw new Error(`no file can be named after ${root}`);
  createDrivers(config);
  new Calendar(config.lifecycle.reap_schedule).due();
  for (const scope of ['host', 'tenant/acme', 'workload/web'] as const)
    for (const resource of ['memory', 'cpu', 'io'] as const) {
      const { minAvailable, ...settings } = ladderSettings(config.pressure, scope as never, resource);
      everyNumber(settings, 'pressure');
      finite(minAvailable(2 ** 34), 'pressure.min_available');
      // The kernel takes no more stall than its window, and no less than a microsecond (kernel/sched/psi.c).
      for (const threshold of [settings.thresholds.warn, settings.thresholds.act])
        if (threshold !== undefined && (threshold.stall <= 0 || threshold.stall > 1000))
          throw new Error(`no trigger for ${threshold.stall} ms`);
    }
  for (const text of durations(config)) finite(parseDuration(text) ?? Number.NaN, text);
  for (const tenant of Object.values(config.tenant)) everyNumber(fromConfig(tenant), 'tenant');
  await density(config);
  governor(config);
  const spec = parseSpec({ id: 'x', driver: 'exec', exec: { command: ['/x'] }, resources: { cpu: { limit: 1 } } });
  const limits = limitsOf(spec, 0, {
    ...{ files: ALL_FILES, device: () => '8:0', config: config.cgroups },
    defaultCpu: config.density.default_cpu_request,
  });
  const wrong = wrongValues(planValues(limits));
  if (wrong.length > 0) throw new Error(wrong.join('; '));
}

async function density(config: Config): Promise<void> {
  const state = temporaryDirectory('density');
  const onError = (error: unknown): void => {
    throw error;
  };
  const made = new Density({
    config: { ...config, paths: { ...config.paths, state } },
    host: { cores: 4, memoryBytes: 2 ** 34, addresses: 100, vsockIds: 100, disk: 2 ** 40 },
    ...{ bootId: 'boot', onEvent: () => undefined, onDamaged: () => undefined, onError },
  });
  await made.load();
  made.look();
  for (const { committed, allocatable } of made.rows()) everyNumber({ committed, allocatable }, 'density');
}

function governor(config: Config): void {
  const settings = governorSettings(config.governor, 4);
  everyNumber(settings, 'governor');
  const { maxSettling, maxQueue } = settings;
  if (!(maxSettling >= 1 && maxQueue >= 1)) throw new Error('the governor never opens');
}

function everyNumber(value: object, what: string): void {
  for (const [key, inner] of Object.entries(value)) {
    if (typeof inner === 'number') finite(inner, `${what}.${key}`);
    else if (typeof inner === 'object' && inner !== null) everyNumber(inner, `${what}.${key}`);
  }
}

function finite(value: number, what: string): void {
  if (!Number.isFinite(value) || value < 0) throw new Error(`${what} is ${value}`);
}

function durations({ control, governor, lifecycle, metrics, pressure }: Config): string[] {
  const { cooldown, release_after, freeze_after, freeze_max, kill_after, hook_timeout } = pressure;
  return [
    ...[control.heartbeat, governor.settle_timeout, governor.max_wait, governor.network_latency, metrics.interval],
    ...[lifecycle.stop_grace, lifecycle.start_deadline, lifecycle.reap_age, pressure.futile.window],
    ...[release_after, freeze_after, freeze_max, kill_after, hook_timeout, ...Object.values(cooldown)],
    ...[parseSize(lifecycle.log_max) === undefined ? 'no size' : '0s'],
  ];
}
