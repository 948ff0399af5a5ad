// A workload in the words of cAdvisor: its labels, and the processor limit that its spec or its engine asks for.
import { PERIOD_USEC } from '../../../cgroups/cpu.js';
import type { AdoptedWorkload } from '../../model/adopted.js';
import type { WorkloadRecord } from '../../model/record.js';
import type { CadvisorSample } from './families.js';

export interface CadvisorNames {
  /** Empty ones are left out. */
  readonly labels: Readonly<Record<string, string>>;
  readonly quota: CadvisorSample['quota'];
}

/** The labels that kubelet gives its containers, and where its metrics have them. */
const OF_KUBERNETES = {
  container: 'io.kubernetes.container.name',
  namespace: 'io.kubernetes.pod.namespace',
  pod: 'io.kubernetes.pod.name',
} as const;

/** `cgroup`: from the mount of cgroup v2, without a slash before it. */
export function namesOf(
  { id, spec, image }: Pick<WorkloadRecord, 'id' | 'spec' | 'image'>,
  cgroup: string,
): CadvisorNames {
  const { limit, period } = spec.resources.cpu ?? {};
  return {
    labels: labelsOf(cgroup, id, image?.name ?? null),
    quota: quotaOf(limit ?? null, period),
  };
}

/** Undefined: its cgroup is not known. */
export function namesOfAdopted({ cgroup, name, image, labels, limits }: AdoptedWorkload): CadvisorNames | undefined {
  if (cgroup === null) return undefined;
  const pod = Object.entries(OF_KUBERNETES).map(([label, key]): [string, string] => {
    return [label, Object.hasOwn(labels, key) ? (labels[key] ?? '') : ''];
  });
  return { labels: { ...labelsOf(cgroup, name, image), ...given(pod) }, quota: quotaOf(limits.cpu) };
}

function labelsOf(cgroup: string, name: string, image: string | null): Record<string, string> {
  return given([
    ['id', `/${cgroup}`],
    ['name', name],
    ['image', image ?? ''],
  ]);
}

/** For Prometheus an empty label is none. */
function given(labels: readonly (readonly [name: string, value: string])[]): Record<string, string> {
  return Object.fromEntries(labels.filter(([, value]) => value !== ''));
}

function quotaOf(cores: number | null, periodUsec = PERIOD_USEC): CadvisorSample['quota'] {
  return cores === null ? null : { quotaUsec: Math.round(cores * periodUsec), periodUsec };
}
