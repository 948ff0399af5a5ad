// Engines of the CRI without a socket that berth asks: found by the names that they give to cgroups.
import { type Engine, idBy } from './engine.js';
import { flagsOf, quoted } from './shell.js';

/** `prefix`: of the cgroup, before the id of the container. */
export function criEngine(prefix: string): Engine {
  return {
    idIn: idBy(new RegExp(`^${prefix}-([0-9a-f]{64})(?:\\.scope)?$`)),
    // What kubelet wants it would set again: with Kubernetes the pod is what to change.
    command: ({ id }, { pids: _pids, ...change }) =>
      Object.keys(change).length === 0
        ? undefined
        : `crictl update ${flagsOf(change, {
            cpu: (cores) => `--cpu-period 100000 --cpu-quota ${Math.round(cores * 100_000)}`,
          })} ${quoted(id)}`,
    // `crictl update` has no option for processes.
    withoutCommand: 'Set podPidsLimit of the kubelet, or pids_limit in crio.conf.',
  };
}
