// Engines of the CRI without a socket that berth asks: found by the names that they give to cgroups.
import { type Engine, idBy } from './engine.js';
import { flagsOf, quoted } from './shell.js';

/** `prefix`: of the cgroup, before the id of the container. */
export function criEngine(prefix: string): Engine {
  return {
    idIn: idBy(new RegExp(`^${prefix}-([0-9a-f]{64})(?:\\.scope)?$`)),
    // What kubelet wants it would set again: with Kubernetes the pod is what to change.
    command: ({ id }, change) =>
      `crictl update ${flagsOf(change, {
        cpu: (cores) => `--cpu-period 100000 --cpu-quota ${Math.round(cores * 100_000)}`,
      })} ${quoted(id)}`,
  };
}
