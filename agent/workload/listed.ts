// Which workloads an answer lists: those of a tenant or state, by id, in pages. Pure.
import { inRange, type Range } from '../base/pages.js';
import type { WorkloadRecord, WorkloadState } from '../model/record.js';

export interface ListFilter extends Range {
  readonly tenant?: string;
  readonly state?: WorkloadState;
  /** Whether workloads of this tenant may be told. */
  readonly sees?: (tenant: string) => boolean;
}

type Listed = Pick<WorkloadRecord, 'id' | 'state'> & { readonly spec: Pick<WorkloadRecord['spec'], 'tenant'> };

export function listed<T extends Listed>(
  records: readonly T[],
  { tenant, state, sees = () => true, ...range }: ListFilter,
): T[] {
  const wanted = records.filter(
    (record) =>
      (tenant === undefined || record.spec.tenant === tenant) &&
      (state === undefined || record.state === state) &&
      sees(record.spec.tenant),
  );
  return inRange(wanted, ({ id }) => id, range);
}
