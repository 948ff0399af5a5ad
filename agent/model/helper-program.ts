// A program of the agent itself that the supervisor starts, as the agent's own unit may not do what it does.

const SUFFIX = '.helper';

/** The name by which the supervisor knows it. Neither a workload nor what runs inside one ends so: their ids have no such part. */
export function helperId(name: string): string {
  return `${name}${SUFFIX}`;
}

export function isHelper(id: string): boolean {
  return id.endsWith(SUFFIX);
}

/** Of their cgroups, beside those of tenants: no tenant's name has a dot. */
export const HELPER_GROUP = 'berth.helpers';
