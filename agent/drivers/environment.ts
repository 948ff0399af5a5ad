// What a workload finds in its environment. Nothing of the agent's own is ever passed on: it may hold tokens.
import type { Sandbox } from '../model/record.js';
import type { WorkloadSpec } from '../model/spec.js';

export const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** PATH and HOME, then what the spec says, then berth's own words, which a spec cannot forge. */
export function workloadEnvironment(
  spec: WorkloadSpec,
  sandbox: Sandbox,
  given: Readonly<Record<string, string>>,
  home: string,
): Record<string, string> {
  return {
    PATH: DEFAULT_PATH,
    HOME: home,
    ...given,
    BERTH_WORKLOAD_ID: spec.id,
    BERTH_TENANT: spec.tenant,
    ...(sandbox.address === null ? {} : { BERTH_ADDRESS: sandbox.address }),
  };
}
