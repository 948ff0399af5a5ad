// From what engines say to what berth knows: whose a workload is, what holds it, and under which name. Pure.
import { inSlices } from '../../../linux/sliced.js';
import { type AdoptedWorkload, MOST_ADOPTED } from '../../model/adopted.js';
import type { Found } from './engine.js';
import { type Words, wordsOf } from './words.js';

/** [engines.NAME], whose a workload is: the first that says something. */
export interface TenantRule {
  /** A label whose value is the tenant; empty: none. */
  readonly tenantLabel: string;
  /** Tenants by names of workloads, in which * stands for any text. */
  readonly tenantNames: readonly (readonly [pattern: string, tenant: string])[];
  readonly tenant: string;
}

export type IsTenant = (name: string) => boolean;

/** What its engine says of it, cleaned and cut, and whose it is by that. Made once: an event reads all workloads again. */
export interface Said extends Words, Pick<AdoptedWorkload, 'tenant'> {
  readonly found: Found;
}

/** A workload with what the kernel says of it. */
export interface Located extends Said, Pick<AdoptedWorkload, 'engine' | 'cgroup' | 'limits'> {}

export function saidOf(found: Found, rule: TenantRule, isTenant: IsTenant): Said {
  const words = wordsOf(found);
  return { ...words, found, tenant: tenantOf(rule, words.name, found.labels, isTenant) };
}

/** Of two that claim one cgroup the first has it. At most MOST_ADOPTED. `root`: below which berth works, from the mount. */
export async function adopt(located: readonly Located[], root: string): Promise<AdoptedWorkload[]> {
  const byCgroup = new Map<string, Located>();
  const kept: Located[] = [];
  for await (const one of inSlices(located)) {
    if (kept.length === MOST_ADOPTED) break;
    if (one.cgroup !== null && byCgroup.has(one.cgroup)) continue;
    if (one.cgroup !== null) byCgroup.set(one.cgroup, one);
    kept.push(one);
  }
  const names = new Set<string>();
  const adopted: AdoptedWorkload[] = [];
  for await (const { found, ...said } of inSlices(kept)) {
    const { engine, cgroup } = said;
    const name = unique(said.name, `${engine} `, found.id, names);
    const within = cgroup === null ? null : withinWhat(cgroup, root, byCgroup);
    adopted.push({ ...said, id: found.id, name, paused: found.paused === true, within });
  }
  return adopted;
}

/** Two labels of a metric must not be alike, and cut names may be. */
function unique(name: string, prefix: string, id: string, names: Set<string>): string {
  let free = name;
  for (let more = 0; names.has(prefix + free); more++)
    free = `${name}~${id.slice(0, 12)}${more === 0 ? '' : `~${more}`}`;
  names.add(prefix + free);
  return free;
}

function tenantOf(
  { tenantLabel, tenantNames, tenant }: TenantRule,
  name: string,
  labels: Found['labels'] = {},
  isTenant: IsTenant,
): string {
  // Of all labels: those that are kept to be shown may lack it.
  const labelled: unknown = tenantLabel !== '' && Object.hasOwn(labels, tenantLabel) ? labels[tenantLabel] : undefined;
  // Whoever starts the workload has written it: what cannot be a tenant is none.
  if (typeof labelled === 'string' && isTenant(labelled)) return labelled;
  return tenantNames.find(([pattern]) => matches(name, pattern))?.[1] ?? tenant;
}

/** In linear time: the text may be anybody's. */
export function matches(text: string, pattern: string): boolean {
  const [first = '', ...others] = pattern.split('*');
  const last = others.pop();
  if (last === undefined) return text === first;
  if (!text.startsWith(first)) return false;
  let at = first.length;
  for (const part of others) {
    const found = text.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return text.length - last.length >= at && text.endsWith(last);
}

/** What the ledger counts already, and so counts this one. */
function withinWhat(cgroup: string, root: string, byCgroup: ReadonlyMap<string, Located>): string | null {
  if (`${root}/`.startsWith(`${cgroup}/`)) return 'berth itself';
  if (cgroup.startsWith(`${root}/`)) return `workload ${cgroup.slice(root.length + 1).split('/')[1] ?? ''}`;
  for (let at = cgroup.lastIndexOf('/'); at > 0; at = cgroup.lastIndexOf('/', at - 1)) {
    const above = byCgroup.get(cgroup.slice(0, at));
    if (above !== undefined) return `${above.engine} ${above.name}`;
  }
  return null;
}
