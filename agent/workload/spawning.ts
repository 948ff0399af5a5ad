// Has the supervisor start the process of a workload, in its cgroup and namespace.
import { join } from 'node:path';
import { defined } from '../../linux/defined.js';
import { codeOf, messageOf } from '../../linux/errors.js';
import { BerthError } from '../../protocol/errors.js';
import type { HeldProcess, SpawnRequest } from '../../systemd/supervisor/protocol.js';
import type { Launch } from '../drivers/driver.js';
import type { CgroupPort } from '../limits/cgroup-port.js';
import { machineOf } from '../model/driver-kinds.js';
import type { WorkloadRecord } from '../model/record.js';
import type { OutputStore } from './output.js';
import type { SupervisorPort } from './ports.js';

export interface SpawnPorts {
  readonly cgroups: Pick<CgroupPort, 'path'>;
  readonly output: Pick<OutputStore, 'path' | 'limit'>;
  readonly supervisor: Pick<SupervisorPort, 'spawn'>;
}

/** Throws `start_failed`, and what the supervisor throws. */
export async function spawn(
  record: WorkloadRecord,
  launch: Launch,
  signal: AbortSignal,
  { cgroups, output, supervisor }: SpawnPorts,
): Promise<HeldProcess> {
  const { id, sandbox, spec } = record;
  const netns = launch.joinNetns && sandbox.netns !== null ? join('/run/netns', sandbox.netns) : undefined;
  const ksm = machineOf(spec) === undefined && spec.resources.memory?.ksm === true;
  const request: SpawnRequest = {
    id,
    argv: launch.argv,
    env: launch.env,
    cgroup: cgroups.path(sandbox.cgroup),
    output: output.path(id),
    outputLimit: output.limit,
    ...defined({ cwd: launch.cwd, netns, pidFile: launch.pidFile }),
    ...(ksm ? { memoryMerge: true } : {}),
  };
  try {
    return await supervisor.spawn(request, { signal });
  } catch (error) {
    if (error instanceof BerthError) throw error;
    const errno = codeOf(error);
    throw new BerthError('start_failed', `${launch.argv[0]} could not be started: ${messageOf(error)}`, {
      cause: error,
      ...(errno === undefined ? {} : { data: { errno } }),
    });
  }
}
