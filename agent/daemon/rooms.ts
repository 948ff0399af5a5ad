// Opens the rooms below on this host: the supervisor, the delegated cgroup tree, the network. Everything here may be done
// again by the next agent on what this one has left.
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { cgroupOf, type Hierarchy } from '../../cgroups/hierarchy.js';
import { support } from '../../cgroups/probe.js';
import { openSignals, type Signals } from '../../cgroups/signals/index.js';
import { openTree, type Tree } from '../../cgroups/tree.js';
import { codeOf, messageOf } from '../../linux/errors.js';
import { listenerPid } from '../../linux/unix-peer.js';
import { type NetworkRoom, openNetworkRoom } from '../../netns/index.js';
import { BerthError } from '../../protocol/errors.js';
import { attachSupervisor, greetSupervisor } from '../../systemd/supervisor/client.js';
import { launchSupervisor } from '../../systemd/supervisor/launch.js';
import type { Supervisor } from '../../systemd/supervisor/protocol.js';
import type { Log } from '../base/log.js';
import { poolsOf } from '../config/network.js';
import type { Config } from '../config/schema.js';
import type { HostFacts } from '../host/facts.js';
import type { Installation } from '../model/tags.js';
import { enableForwarding } from '../network/forwarding.js';
import { rememberIn } from '../network/forwarding-before.js';
import { ownSettings } from '../network/settings.js';
import { NetworkSetup, setupFailed } from '../network/setup.js';
import type { StartChecks } from './start-checks.js';

export interface Rooms {
  readonly supervisor: Supervisor;
  readonly supervisorPid: number;
  /** False: it is there and has not answered; what needs it waits (supervision.ts). */
  readonly supervisorAnswers: boolean;
  readonly cgroups: Tree;
  /** Files that a workload's cgroup has on this host. */
  readonly cgroupFiles: ReadonlySet<string>;
  readonly network: NetworkRoom;
  readonly networkSetup: NetworkSetup;
  readonly signals: Signals;
  readonly installation: Installation;
}

/** The cgroup in which the supervisor sits, below berth's own root. */
const SUPERVISOR_GROUP = 'supervisor';
/** For the first answer of a supervisor that listens, and for one that is about to listen. */
const FIRST_ANSWER_MS = 5000;
const SUPERVISOR_TIMEOUT_MS = 20_000;
/** Bytes; MemoryMin= of berth-workloads.service. */
export const SUPERVISOR_MEMORY = 64 * 2 ** 20;

interface Opening {
  /** Which installation this is, by the state directory and by what there is below this cgroup root. */
  readonly identify: (cgroupRoot: string) => Promise<Installation>;
  readonly checks: StartChecks;
}

/** Throws `supervisor_unavailable`, `controller_missing` (no cgroup v2 at all), SysError, and what `checks` refuse. */
export async function openRooms(
  config: Config,
  facts: Pick<HostFacts, 'cgroup' | 'systemd'>,
  log: Log,
  { identify, checks }: Opening,
): Promise<Rooms> {
  const { cgroup: hierarchy } = facts;
  if (hierarchy === undefined)
    throw new BerthError('controller_missing', 'no cgroup v2 hierarchy is mounted on this host', {
      hint: 'Mount one: `mount -t cgroup2 none /sys/fs/cgroup`, or boot with systemd.unified_cgroup_hierarchy=1.',
    });
  // First: its thread starts while the supervisor answers.
  const network = openNetworkRoom({
    onCrash: (error) => log.error({ err: error }, 'network worker died and is restarted'),
    onSlotError: (error) => log.warn({ err: error }, 'a ready-made namespace could not be made or used again'),
  });
  const { supervisor, supervisorPid, supervisorAnswers } = await openSupervisor(config, hierarchy, log);
  const root = rootOf(config, hierarchy, supervisorPid);
  const from = facts.systemd ? root : hierarchy.mount;
  const cgroups = await openTree(root, { from });
  for (const { controller, reason } of cgroups.missing) log.warn({ controller, reason }, 'controller cannot be used');
  const cgroupFiles = support(cgroups.path(SUPERVISOR_GROUP));
  // Without the supervisor no exit is seen: what its unit is promised is the supervisor's own, and not for whoever needs it most.
  if (cgroupFiles.has('memory.min'))
    await cgroups.apply(SUPERVISOR_GROUP, [{ file: 'memory.min', value: String(SUPERVISOR_MEMORY) }]);
  const installation = await identify(root);
  const networkSetup = new NetworkSetup(network, ownSettings(config.network, installation));
  for (const problem of await networkSetup.run())
    checks.failed(problem.bridge === null ? 'tables' : 'bridges', setupFailed(problem));
  // A read-only /proc/sys: the condition ip_forward_off says so for as long as it lasts.
  await checks.run('forwarding', () => forward(config, log));
  const signals = openSignals({ onError: (error) => log.warn({ err: error }, 'a signal of the kernel was lost') });
  return {
    supervisor,
    supervisorPid,
    supervisorAnswers,
    cgroups,
    cgroupFiles,
    network,
    networkSetup,
    signals,
    installation,
  };
}

function forward({ network, paths }: Config, log: Log): void {
  if (network.forwarding === 'leave') return;
  const ipv6 = poolsOf(network).some((pool) => pool.network.family === 6);
  const changed = enableForwarding({ ipv6, remember: rememberIn(paths.runtime) });
  if (changed.length > 0) log.warn({ changed }, 'forwarding turned on, as workloads need it (network.forwarding)');
}

/** With the unit installed systemd starts the supervisor; without it the agent does, and it outlives the agent. */
export function startedBySystemd(): boolean {
  return existsSync('/usr/lib/systemd/system/berth-workloads.service') && existsSync('/run/systemd/system');
}

/** Starts a supervisor where none listens. What lives it takes over from its records. */
export async function startSupervisor(config: Config, hierarchy: Hierarchy): Promise<void> {
  const { runtime } = config.paths;
  const cgroup = join(ownRoot(config, hierarchy.mount), SUPERVISOR_GROUP);
  await launchSupervisor({ runtime, socket: join(runtime, 'supervisor.sock'), cgroup });
}

/** One that listens and does not answer is stopped or slow: the agent serves meanwhile. */
async function openSupervisor(
  config: Config,
  hierarchy: Hierarchy,
  log: Log,
): Promise<Pick<Rooms, 'supervisor' | 'supervisorPid' | 'supervisorAnswers'>> {
  const { runtime } = config.paths;
  const socket = join(runtime, 'supervisor.sock');
  try {
    if (!startedBySystemd()) await startSupervisor(config, hierarchy);
    const onLog = (message: string): void => log.warn({}, message);
    const supervisor = attachSupervisor(socket, { onLog, keepOutputsIn: runtime });
    try {
      const answered = async (deadlineMs: number) => {
        const { pid } = await greetSupervisor(supervisor, { deadlineMs });
        return { supervisor, supervisorPid: pid, supervisorAnswers: true };
      };
      return await answered(FIRST_ANSWER_MS).catch((error: unknown) => {
        if (codeOf(error) !== 'ETIMEDOUT') throw error;
        const pid = listenerPid(socket);
        return pid === undefined
          ? answered(SUPERVISOR_TIMEOUT_MS)
          : { supervisor, supervisorPid: pid, supervisorAnswers: false };
      });
    } catch (error) {
      supervisor.close();
      throw error;
    }
  } catch (error) {
    const why = messageOf(error);
    throw new BerthError('supervisor_unavailable', `the supervisor of the workloads cannot be reached: ${why}`, {
      cause: error,
    });
  }
}

/** Where berth would work without systemd. The mount may stand before the directory, as people write it. */
export function ownRoot(config: Config, mount: string): string {
  const { cgroup_root: root } = config.paths;
  if (root.startsWith(`${mount}/`)) return join(root);
  return join(mount, root === '' ? 'berth' : root);
}

/** The supervisor is told by its service manager where to live, so it is the one who knows: its cgroup's parent. */
function rootOf(config: Config, hierarchy: Hierarchy, supervisorPid: number): string {
  if (config.paths.cgroup_root !== '') return ownRoot(config, hierarchy.mount);
  const path = cgroupOf(supervisorPid);
  return path?.endsWith(`/${SUPERVISOR_GROUP}`)
    ? join(hierarchy.mount, dirname(path))
    : ownRoot(config, hierarchy.mount);
}
