// What a session with scopes sees of an answer about the whole node: figures of the host, and nothing of other tenants.
import { defined } from '../../linux/defined.js';
import type { Role } from '../config/control.js';
import type { GrantName } from '../config/drivers.js';
import type { GovernorStatus } from '../density/governor/types.js';
import type { NodeDescription } from '../metrics/node-description.js';
import type { TopDocument } from '../metrics/top.js';
import type { DrainView } from '../model/drain.js';
import { actorField, type BerthEvent, type EventActor } from '../model/event.js';
import type { WorkloadView } from '../model/record.js';
import type { WorkloadSpec } from '../model/spec.js';
import type { PlacementDescription } from '../placement/describe.js';
import { forSession, type Grant, type Peer, permits } from './authorise.js';
import type { AgentService, Outlook } from './service.js';

/** What a session may do, told to itself. */
export interface SessionView {
  readonly role: Role;
  /** Null: all. */
  readonly tenants: readonly string[] | null;
  /** Beyond the sandbox of a workload; null: all that the node grants. */
  readonly allow: readonly GrantName[] | null;
}

export function sessionOf({ role, tenants, allow }: Grant): SessionView {
  return { role, tenants: tenants === null ? null : [...tenants], allow };
}

export function nodeFor(
  grant: Grant,
  service: Pick<AgentService, 'describe' | 'engines' | 'adopted'>,
): NodeDescription {
  const node = service.describe();
  if (grant.tenants === null) return node;
  const { host, pressure, conditions } = node;
  return {
    ...node,
    host: { ...host, foreign: foreignFor(grant, service) },
    drain: node.drain && drainFor(grant, node.drain),
    starts: startsFor(grant, node.starts),
    pressure: { ...pressure, scopes: pressure.scopes.filter(({ scope }) => seesScope(grant, scope)) },
    conditions: conditions.map((condition) => ({ ...condition, ...UNTOLD })),
  };
}

/** By engine, those of its tenants. */
function foreignFor(grant: Grant, service: Pick<AgentService, 'engines' | 'adopted'>): object {
  const sees = (tenant: string): boolean => permits(grant, tenant);
  const counts = service.engines().map(({ name: engine, workloads }) => {
    return [engine, workloads === 0 ? 0 : service.adopted({ engine, sees }).length] as const;
  });
  return Object.fromEntries(counts.filter(([, count]) => count > 0));
}

/** How far it is, and of other tenants not whom it waits for, nor whom it was asked for. */
function drainFor(grant: Grant, { tenant, ...drain }: DrainView): DrainView {
  const sees = tenant !== null && permits(grant, tenant);
  const left = drain.left.filter(({ tenant: of }) => permits(grant, of));
  return { ...drain, left, tenant: sees ? tenant : null, selector: null };
}

/** Reasons name objects of the host and of anybody on it, and who has scopes cannot do what they ask for. */
const UNTOLD = { why: 'Told to sessions without scopes.', fix: 'Ask whoever runs this node: `berth doctor`.' } as const;

const HIDDEN_VALUE = '(hidden)';
/** Of the metadata service of a microVM, which is how it is given credentials. */
const HIDDEN_METADATA = { metadata: { hidden: HIDDEN_VALUE } };

/** As `nodeFor` has it, in `condition.raised`. Who else asked for a change is not told: only what the session did itself. */
export function eventFor(grant: Grant, { actor, ...event }: BerthEvent, self: EventActor): BerthEvent {
  if (grant.tenants === null) return { ...event, ...actorField(actor) };
  const data = event.type === 'condition.raised' ? { ...event.data, ...UNTOLD } : forSession(grant, event.data);
  const own = actor !== undefined && actor.scheduler === self.scheduler && actor.uid === self.uid;
  return { ...event, ...(own ? { actor } : {}), data };
}

/** Who a session is, for the events of what it changes. */
export function actorOf(peer: Peer, { role, scheduler }: Pick<Grant, 'role' | 'scheduler'>): EventActor {
  if (peer.kind === 'scheduler') return { role, scheduler: peer.id };
  const { uid, user, pid } = peer;
  return {
    role,
    ...(scheduler === null ? {} : { scheduler }),
    uid,
    ...defined({ user, pid }),
  };
}

/** Which workloads of it are told is asked before their rows are made. */
export function topFor(grant: Grant, top: TopDocument): TopDocument {
  return { ...top, starts: startsFor(grant, top.starts) };
}

function startsFor(grant: Grant, starts: GovernorStatus): GovernorStatus {
  return { ...starts, byTenant: starts.byTenant.filter(({ tenant }) => permits(grant, tenant)) };
}

/** Rows of tenants outside the scope are not told, nor what other engines run for all of them; the host's are for everyone. */
export function seesScope(grant: Grant, scope: string): boolean {
  const [kind, tenant = ''] = scope.split('/');
  if (kind === 'engine') return grant.tenants === null;
  return kind !== 'tenant' || permits(grant, tenant);
}

export function outlookFor(grant: Grant, outlook: Outlook): Outlook {
  const { windows, reservations } = outlook;
  const hidden = (key: string): boolean => key.startsWith('tenant.') && !permits(grant, key.split('.')[1] ?? '');
  const seen = windows.map((window) => ({
    ...window,
    changes: Object.fromEntries(Object.entries(window.changes).filter(([key]) => !hidden(key))),
  }));
  return { ...outlook, windows: seen, reservations: reservations.filter(({ tenant }) => permits(grant, tenant)) };
}

/** Of other tenants' workloads a scheduler sees that they are there, and not which. */
export function placementFor(grant: Grant, all: PlacementDescription): PlacementDescription {
  const hidden = new Set(all.workloads.filter(({ tenant }) => !permits(grant, tenant)).map(({ id }) => id));
  if (hidden.size === 0) return all;
  return {
    ...all,
    cpus: all.cpus.map((cpu) => ({ ...cpu, holders: cpu.holders.map((id) => (hidden.has(id) ? '(other)' : id)) })),
    workloads: all.workloads.filter(({ id }) => !hidden.has(id)),
    violations: all.violations.filter(({ holder }) => !hidden.has(holder)),
    failures: all.failures.filter(({ id }) => !hidden.has(id)),
  };
}

/** Who makes room for whom is not told across tenants that the session does not cover; a viewer reads no environment. */
export function viewFor(grant: Grant, all: WorkloadView): WorkloadView {
  const view = grant.role === 'viewer' ? { ...all, spec: withoutValues(all.spec) } : all;
  if (grant.tenants === null) return view;
  const { end, evicted, preemption, waiting } = view;
  const victims = preemption?.victims.filter(({ tenant }) => permits(grant, tenant)) ?? [];
  const seen = new Set(victims.map(({ id }) => id));
  return {
    ...view,
    end: end && forSession(grant, end),
    ...(evicted ? { evicted: forSession(grant, evicted) } : {}),
    ...(preemption
      ? { preemption: { ...preemption, victims, waitingFor: preemption.waitingFor.filter((id) => seen.has(id)) } }
      : {}),
    ...(waiting?.reason === 'preemption'
      ? { waiting: { ...waiting, for: waiting.for.filter(({ tenant }) => permits(grant, tenant)) } }
      : {}),
  };
}

/** Environments and files hold passwords. Who may change a workload needs all of its spec to do so; who only looks sees the names. */
export function withoutValues(spec: WorkloadSpec): WorkloadSpec {
  // Stored by whichever version: it may be of another kind.
  const names = (env: Readonly<Record<string, string>> | null | undefined) =>
    Object.fromEntries(Object.keys(Object(env)).map((name) => [name, HIDDEN_VALUE]));
  const { env, files, exec, oci, firecracker } = spec;
  return {
    ...spec,
    env: names(env),
    files: files?.map(({ contentBase64: _bytes, ...file }) => ({ ...file, content: HIDDEN_VALUE })),
    ...(firecracker?.mmds == null ? {} : { firecracker: { ...firecracker, mmds: HIDDEN_METADATA } }),
    ...(exec === undefined ? {} : { exec: { ...exec, env: names(exec.env) } }),
    ...(oci === undefined ? {} : { oci: { ...oci, env: names(oci.env) } }),
  };
}
