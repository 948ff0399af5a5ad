import { NO_NETWORK, type WorkloadRecord } from '../../../agent/model/record.js';
import { parseSpec } from '../../../agent/model/spec.js';

/** A record as the manager makes it, with what a test needs different. */
export function recordOf(over: Partial<WorkloadRecord> = {}): WorkloadRecord {
  const id = over.id ?? 'web-1';
  return {
    id,
    spec: parseSpec({ id, tenant: 'acme', driver: 'exec', exec: { command: ['/bin/sleep', '60'] } }),
    desired: 'running',
    state: 'running',
    since: 1,
    createdAt: 1,
    generation: 1,
    bootId: 'boot-1',
    sandbox: { cgroup: `acme/${id}`, ...NO_NETWORK },
    process: { pid: 4242, startTime: 77, startedAt: 1 },
    before: null,
    killed: null,
    restarts: 0,
    restartRequested: false,
    end: null,
    error: null,
    ...over,
  };
}
