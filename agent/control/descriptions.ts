// What each method does, for the generated documents. Beside the contract and not in it: the command loads methods.ts
// at every start and has no use for prose.
import type { ErrorCode } from '../errors.js';
import type { MethodName } from './methods.js';

export interface MethodDescription {
  readonly does: string;
  /** The result, as a TypeScript-like sketch; names are types of the appendix. */
  readonly result: string;
  /** Beyond those every method can answer with. */
  readonly errors: readonly ErrorCode[];
  /** Refused to sessions with scopes, because it touches every tenant. */
  readonly hostOnly?: true;
}

export const DESCRIPTIONS: { readonly [M in MethodName]: MethodDescription } = {
  'session.hello': {
    does: 'States who speaks. A scheduler sends it first; scopes narrow what the configuration of the node grants (empty: all of that). The epoch is durable before the answer; older sessions of the same scheduler are closed with 4001.',
    result: '{ protocol: "berth.v1", node: NodeDescription, cursor, acked }',
    errors: ['stale_epoch'],
  },
  'session.ping': { does: 'Answers with the clock of the node, Unix milliseconds.', result: '{ at }', errors: [] },
  'node.describe': { does: 'The node: version, drivers, counts, conditions.', result: 'NodeDescription', errors: [] },
  'node.capacity': {
    does: 'The ledger: what there is, may be committed, and is. Rows of tenants outside the scope are left out.',
    result: '{ rows: CapacityRow[] }',
    errors: [],
  },
  'node.cordon': {
    does: 'Admits nothing new from now on; what runs goes on.',
    result: '{ cordoned: true }',
    errors: [],
    hostOnly: true,
  },
  'node.uncordon': { does: 'Admits again.', result: '{ cordoned: false }', errors: [], hostOnly: true },
  'node.doctor': { does: 'Runs the checks of the host.', result: '{ conditions: Condition[] }', errors: [] },
  'node.cleanup': {
    does: 'Removes what berth owns and nothing is attached to.',
    result: '{ removed: string[] }',
    errors: [],
    hostOnly: true,
  },
  'workload.fits': {
    does: 'Would it be admitted, and if not, why? Changes nothing.',
    result: '{ fits, refusals: Refusal[] }',
    errors: ['invalid_spec', 'unknown_driver'],
  },
  'workload.create': {
    does: 'Admits a workload and answers when the wish is durable; events tell the rest. The same id with the same spec is a success that changes nothing.',
    result: 'WorkloadView',
    errors: [
      'invalid_spec',
      'unknown_driver',
      'conflict',
      'admission_refused',
      'address_pool_exhausted',
      'port_in_use',
      'network_missing',
      'cordoned',
    ],
  },
  'workload.update': {
    does: 'Changes resources, labels, priority, restart, or ports, bandwidth, egress and connections of the network of a workload while it runs.',
    result: 'WorkloadView',
    errors: [
      'invalid_spec',
      'unknown_driver',
      'not_found',
      'immutable_field',
      'admission_refused',
      'port_in_use',
      'invalid_state',
    ],
  },
  'workload.delete': {
    does: 'Stops and removes it. Answers when the wish is durable; `workload.deleted` says when nothing is left. `now` skips the grace period.',
    result: 'WorkloadView',
    errors: ['not_found'],
  },
  'workload.get': {
    does: 'One workload, with what the kernel says of it.',
    result: 'WorkloadView',
    errors: ['not_found'],
  },
  'workload.list': {
    does: 'All workloads in scope, or those of one tenant or state.',
    result: '{ workloads: WorkloadView[] }',
    errors: [],
  },
  'workload.start': { does: 'Starts a stopped one.', result: 'WorkloadView', errors: ['not_found', 'invalid_state'] },
  'workload.stop': {
    does: 'Stops it and keeps its sandbox and place.',
    result: 'WorkloadView',
    errors: ['not_found', 'invalid_state'],
  },
  'workload.restart': {
    does: 'Stops and starts it.',
    result: 'WorkloadView',
    errors: ['not_found', 'invalid_state'],
  },
  'workload.freeze': {
    does: 'Suspends it where it stands.',
    result: 'WorkloadView',
    errors: ['not_found', 'invalid_state'],
  },
  'workload.thaw': {
    does: 'Lets a frozen one go on.',
    result: 'WorkloadView',
    errors: ['not_found', 'invalid_state'],
  },
  'workload.logs': {
    does: 'A piece of its output; pass `next` back as `offset` to go on. `limit` is in bytes.',
    result: '{ next, text, end }',
    errors: ['not_found'],
  },
  'events.subscribe': {
    does: 'Sends kept events after the cursor `since`, then new ones, as notifications `event`. `cursor` is the newest at this moment; `gap` says that events before `from` are no longer kept. A second call starts over from its own `since`.',
    result: '{ from, cursor, gap }',
    errors: [],
  },
  'events.ack': {
    does: 'Remembers, for this scheduler, that everything up to `cursor` has been dealt with; it never goes back. session.hello tells it after a reconnect.',
    result: '{ acked }',
    errors: ['invalid_state'],
  },
};

/** What any method can answer with. */
export const COMMON_ERRORS: readonly ErrorCode[] = [
  'invalid_params',
  'not_permitted',
  'rate_limited',
  'shutting_down',
  'internal',
];

export const CLOSE_CODES: readonly { readonly code: number; readonly meaning: string }[] = [
  { code: 1001, meaning: 'the agent is stopping' },
  { code: 1003, meaning: 'a binary message; messages are text' },
  { code: 1009, meaning: 'a message above the limit' },
  { code: 1013, meaning: 'a slow reader; connect again and subscribe from the last cursor' },
  { code: 4001, meaning: 'a newer epoch of this scheduler has connected' },
  { code: 4002, meaning: 'no answer to three pings' },
];
