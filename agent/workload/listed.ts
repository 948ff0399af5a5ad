// Which workloads an answer lists: those of a tenant or state, by id, in pages. Pure.
import type { WorkloadRecord, WorkloadState } from './record.js';

export interface ListFilter {
  readonly tenant?: string;
  readonly state?: WorkloadState;
  /** Whether workloads of this tenant may be told. */
  readonly sees?: (tenant: string) => boolean;
  /** Only ids behind this one, whether or not it is there. */
  readonly after?: string;
  readonly most?: number;
}

type Listed = Pick<WorkloadRecord, 'id' | 'state'> & { readonly spec: Pick<WorkloadRecord['spec'], 'tenant'> };

export function listed<T extends Listed>(
  records: readonly T[],
  { tenant, state, after = '', most, sees = () => true }: ListFilter,
): T[] {
  return records
    .filter(({ id, spec }) => id > after && (tenant === undefined || spec.tenant === tenant) && sees(spec.tenant))
    .filter((record) => state === undefined || record.state === state)
    .sort((a, b) => (a.id < b.id ? -1 : 1))
    .slice(0, most);
}
