// Which workloads an answer lists: those of a tenant, driver, class or state, or with labels, by id, in pages. Pure.
import { inRange, type Range } from '../base/pages.js';
import type { WorkloadRecord, WorkloadState } from '../model/record.js';
import { type Selector, selects } from '../model/selector.js';
import type { WorkloadSpec } from '../model/spec.js';

export interface ListFilter extends Range {
  readonly tenant?: string;
  readonly driver?: WorkloadSpec['driver'];
  readonly class?: WorkloadSpec['class'];
  readonly state?: WorkloadState;
  readonly selector?: Selector;
  /** Whether workloads of this tenant may be told. */
  readonly sees?: (tenant: string) => boolean;
}

type Listed = Pick<WorkloadRecord, 'id' | 'state'> & {
  readonly spec: Pick<WorkloadRecord['spec'], 'tenant' | 'driver' | 'class' | 'labels'>;
};

export function listed<T extends Listed>(records: readonly T[], filter: ListFilter): T[] {
  const { tenant, driver, class: of, state, selector = [], sees = () => true, ...range } = filter;
  const wanted = records.filter(
    ({ spec, state: now }) =>
      (tenant === undefined || spec.tenant === tenant) &&
      (driver === undefined || spec.driver === driver) &&
      (of === undefined || spec.class === of) &&
      (state === undefined || now === state) &&
      selects(selector, spec.labels) &&
      sees(spec.tenant),
  );
  return inRange(wanted, ({ id }) => id, range);
}
