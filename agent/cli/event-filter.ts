// Which events a person wants to see. Events carry ids and tenants; labels are asked of the workloads.
import { reportOf } from '../base/errors.js';
import type { BerthEvent } from '../model/event.js';
import { parseSelector, selects } from '../model/selector.js';
import type { Client, Context } from './command.js';
import { matching, selectionOf } from './selection.js';

export interface EventFilter {
  readonly workloads: ReadonlySet<string>;
  readonly types: ReadonlySet<string>;
  readonly tenant: string | undefined;
  readonly selector: string | undefined;
  /** Unix ms. */
  readonly from: number;
}

/** Throws `usage`. */
export function filterOf(context: Context): Omit<EventFilter, 'from'> {
  const { selector } = selectionOf(context);
  return {
    workloads: new Set(context.values('workload')),
    types: new Set(context.values('type')),
    tenant: context.option('tenant'),
    selector,
  };
}

export async function eventFilter(
  client: Client,
  { workloads, types, tenant, selector, from }: EventFilter,
): Promise<(event: BerthEvent) => Promise<boolean>> {
  const labelled = selector === undefined ? undefined : await labelFilter(client, selector);
  return async (event) =>
    event.at >= from &&
    (types.size === 0 || types.has(event.type)) &&
    (tenant === undefined || event.tenant === tenant) &&
    (workloads.size === 0 || (event.workload !== undefined && workloads.has(event.workload))) &&
    (labelled === undefined || (await labelled(event)));
}

/** After these a workload may have other labels. */
const RELABELLING: ReadonlySet<string> = new Set(['workload.created', 'workload.updated']);

/** Events of before are judged by the labels of now, in one list; those that follow ask again where labels may differ. */
async function labelFilter(client: Client, text: string): Promise<(event: BerthEvent) => Promise<boolean>> {
  const selector = parseSelector(text);
  const { at: listedAt } = await client.call('session.ping', {});
  const known = new Map((await matching(client, { selector: text })).map(({ id }) => [id, true]));
  return async ({ workload: id, type, at }) => {
    if (id === undefined) return false;
    const before = known.get(id);
    if (at < listedAt) return before ?? false;
    if (before !== undefined && !RELABELLING.has(type)) return before;
    const matches = await client.call('workload.get', { id }).then(
      ({ spec }) => selects(selector, spec.labels),
      (error: unknown) => {
        if (reportOf(error).code === 'not_found') return before ?? false;
        throw error;
      },
    );
    known.set(id, matches);
    return matches;
  };
}
