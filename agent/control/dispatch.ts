// From a method's checked parameters to the service and back: one line a method, and the scope of the session on each.

import type * as z from 'zod';
import { defined } from '../../linux/defined.js';
import { BerthError } from '../../protocol/errors.js';
import { parseBounded } from '../base/bounds.js';
import { noReservation, noWorkload } from '../base/errors.js';
import { MOST_ON_PAGE, pageOf, type Range, rangeOf } from '../base/pages.js';
import { type Problems, sentenceOf } from '../base/wrong-fields.js';
import type { AuditEntry } from '../density/audit.js';
import { parseTenantChange } from '../density/tenant-settings.js';
import type { EngineView } from '../model/adopted.js';
import type { Reach } from '../model/claimant.js';
import type { EventActor } from '../model/event.js';
import { archiveName } from '../model/execution.js';
import type { WorkloadView } from '../model/record.js';
import { parseSelector } from '../model/selector.js';
import { snapshotKey } from '../model/snapshot.js';
import { parseSpec, specOfImage, type WorkloadSpec } from '../model/spec.js';
import type { ListFilter } from '../workload/listed.js';
import type { Changed, ChangeOptions } from '../workload/updating.js';
import type { LifeWish } from '../workload/wishes.js';
import { type Grant, type Hello, permits, requireGrants, requireTenant, seeing } from './authorise.js';
import { METHODS, type MethodName, type Results } from './methods.js';
import { requireRole } from './roles.js';
import { nodeFor, outlookFor, placementFor, seesScope, sessionOf, topFor, viewFor } from './scoped.js';
import type { AgentService } from './service.js';
import type { Streams } from './streams.js';
import { deleteVolume, listVolumes, pruneVolumes } from './volume-requests.js';

/** What a handler may use; the session makes one for every request, with the grant of that moment. */
export interface Context {
  readonly service: AgentService;
  readonly grant: Grant;
  /** Who asks: what changes carries it in its events. */
  readonly actor: EventActor;
  readonly now: () => number;
  /** Aborts when the session ends, and at the end of a shutdown's patience: a long call takes it on. */
  readonly signal: AbortSignal;
  /** Those of the session. */
  readonly streams: Pick<Streams, 'open' | 'get'>;
  hello(hello: Hello): Promise<Results['session.hello']>;
  subscribe(since: number | undefined): Results['events.subscribe'];
  ack(cursor: number): Promise<number>;
}

type Checked<M extends MethodName> = z.output<(typeof METHODS)[M]>;
type Handler<M extends MethodName> = (params: Checked<M>, context: Context) => Results[M] | Promise<Results[M]>;

const HANDLERS: { readonly [M in MethodName]: Handler<M> } = {
  'session.hello': (params, context) => context.hello(params),
  'session.ping': (_params, { now }) => ({ at: now() }),
  'node.describe': (_params, { service, grant }) => ({
    ...nodeFor(grant, service),
    session: sessionOf(grant),
  }),
  'node.capacity': (page, { service, grant }) => {
    const { shared, tenants } = service.capacity({ sees: (name) => permits(grant, name), ...rangeOf(page) });
    const { items, next } = pageOf(tenants, page, ({ name }) => name);
    const seen = shared.filter(({ scope }) => seesScope(grant, scope));
    return {
      rows: [...(page.cursor === undefined ? seen : []), ...items.flatMap(({ rows }) => rows)],
      ...outlookFor(grant, service.outlook()),
      placement: placementFor(grant, service.placement()),
      ...next,
    };
  },
  'node.top': (params, { service, grant }) => {
    const top = service.top({ ...filterFor(grant, params), ...rangeOf(params) });
    const { items, next } = pageOf(top.workloads, params, ({ id }) => id);
    return { ...topFor(grant, { ...top, workloads: items }), ...next };
  },
  'node.cordon': async (_params, { service, actor }) => {
    await service.setCordoned(true, actor);
    return { cordoned: true };
  },
  'node.uncordon': async (_params, { service, grant, actor }) => {
    // It would start what is other tenants'.
    if (grant.tenants !== null && service.describe().drain !== null)
      throw new BerthError('not_permitted', 'this node is drained: a session of all tenants lifts the drain');
    return { cordoned: false, resumed: await service.setCordoned(false, actor) };
  },
  'node.drain': async ({ dryRun, deadline = null, grace = null, ...selection }, { service, actor }) => {
    const { keepClass = null, tenant = null, selector = null } = selection;
    const request = { deadlineMs: deadline, graceMs: grace, keepClass, tenant, selector };
    if (!dryRun) return { drain: await service.drain(request, actor) };
    const plan = service.drainPlan(request);
    const told = plan.slice(0, MOST_ON_PAGE);
    return { drain: service.describe().drain, plan: told, more: plan.length - told.length };
  },
  'node.reload': (_params, { service, actor }) => {
    return service.reload(actor);
  },
  'node.doctor': async (_params, { service }) => {
    return { conditions: await service.doctor() };
  },
  'node.cleanup': async ({ dryRun }, { service, signal, actor }) => {
    if (dryRun) return { removed: [], plan: await service.cleanupPlan() };
    return { removed: await service.cleanup(signal, actor) };
  },
  'node.tune': async ({ action }, { service, actor }) => {
    return { settings: await service.tune(action, actor) };
  },
  'workload.fits': async (params, { service, grant }) => {
    const spec = specFor(grant, params.spec);
    await requireAllowed(spec, service, grant);
    const answer = await service.fits(spec, reachOf(grant, params.preempt));
    // Who else is on the host is not for a session that covers some tenants only.
    const told = answer.wouldGo?.every(({ tenant }) => permits(grant, tenant)) ?? true;
    return told ? answer : { ...answer, wouldGo: null };
  },
  'workload.create': async (params, { service, grant, actor }) => {
    const { reservation, preempt } = params;
    const reach = reachOf(grant, preempt);
    const claimant = {
      ...{ scheduler: grant.scheduler, by: actor },
      ...defined({ reservation, reach }),
    };
    const spec = newSpecFor(grant, params.spec, service);
    await requireAllowed(spec, service, grant);
    return viewFor(grant, await service.create(spec, claimant));
  },
  'workload.reserve': async (params, { service, grant, actor }) => {
    const spec = newSpecFor(grant, params.spec, service);
    await requireAllowed(spec, service, grant);
    return service.reserve(spec, grant.scheduler, params.ttl, actor);
  },
  'workload.release': ({ reservation }, { service, grant, actor }) => {
    const [id = ''] = reservation.split('.');
    if (isForeign(grant, service, id)) throw noReservation(reservation);
    return service.release(reservation, grant.scheduler, actor);
  },
  'workload.update': async (params, context) => {
    const { service, grant } = context;
    const spec = specFor(grant, params.spec);
    requireWorkload(params.id, service, grant);
    return changedFor(grant, await service.update(params.id, spec, changeOptions(params, context)));
  },
  'workload.patch': async (params, context) => {
    const { service, grant } = context;
    requireWorkload(params.id, service, grant);
    return changedFor(grant, await service.patch(params.id, params.patch, changeOptions(params, context)));
  },
  'workload.delete': async (params, { service, grant, actor }) => {
    requireWorkload(params.id, service, grant);
    return viewFor(grant, await service.delete(params.id, { now: params.now, by: actor }));
  },
  'workload.get': async ({ id }, { service, grant }) => {
    requireWorkload(id, service, grant);
    return viewFor(grant, await service.get(id));
  },
  'workload.list': (params, { service, grant }) => {
    const found = service.list({ ...filterFor(grant, params), ...rangeOf(params) });
    const { items, next } = pageOf(found, params, ({ id }) => id);
    return { workloads: items.map((view) => viewFor(grant, view)), ...next };
  },
  'workload.start': wish('start'),
  'workload.stop': wish('stop'),
  'workload.restart': wish('restart'),
  'workload.freeze': wish('freeze'),
  'workload.thaw': wish('thaw'),
  'workload.logs': async ({ id, ...options }, { service, grant }) => {
    const { offset, tail, since, ...rest } = options;
    if (offset !== undefined && tail !== undefined)
      throw invalidParams({ fields: [{ field: 'tail', problem: 'does not go with offset' }], count: 1 });
    requireWorkload(id, service, grant);
    return service.logs(id, { ...rest, ...defined({ offset, tail, since }) });
  },
  'workload.exec': async ({ id, env, cwd, user, tty, command, stdin }, context) => {
    const { service, grant, actor, streams } = context;
    requireWorkload(id, service, grant);
    // Who could not have made it does not get what it has been granted by this way.
    await requireAllowed((await service.get(id)).spec, service, grant);
    const request = { command, env, stdin, ...defined({ cwd, user, tty }) };
    return { stream: await streams.open(() => service.exec(id, request, actor)) };
  },
  'workload.copy': async ({ id, direction, path, as = archiveName(path) }, { service, grant, actor, streams }) => {
    requireWorkload(id, service, grant);
    await requireAllowed((await service.get(id)).spec, service, grant);
    return { stream: await streams.open(() => service.copy(id, { direction, path, as }, actor)) };
  },
  'workload.console': async ({ id }, { service, grant, actor, streams }) => {
    requireWorkload(id, service, grant);
    await requireAllowed((await service.get(id)).spec, service, grant);
    return { stream: await streams.open(() => service.console(id, actor)) };
  },
  'stream.input': ({ stream, data, end }, { streams }) => {
    streams.get(stream).input(Buffer.from(data, 'base64'), end);
    return { stream };
  },
  'stream.credit': ({ stream, bytes }, { streams }) => {
    streams.get(stream).credit(bytes);
    return { stream };
  },
  'stream.resize': ({ stream, columns, rows }, { streams }) => {
    streams.get(stream).source.resize?.({ columns, rows });
    return { stream };
  },
  'stream.signal': ({ stream, signal }, { streams }) => {
    streams.get(stream).source.signal?.(signal);
    return { stream };
  },
  'stream.close': ({ stream }, { streams }) => {
    streams.get(stream).close();
    return { stream };
  },
  'workload.snapshot': async ({ id, keepRunning }, { service, grant, actor }) => {
    requireWorkload(id, service, grant);
    return service.snapshots.make(id, { live: keepRunning }, actor);
  },
  'snapshot.list': ({ workload, ...page }, { service, grant }) => {
    const filter = { sees: (tenant: string) => permits(grant, tenant), ...defined({ workload }), ...rangeOf(page) };
    const { items, next } = pageOf(service.snapshots.list(filter), page, snapshotKey);
    return { snapshots: items, ...next };
  },
  'snapshot.delete': async ({ id, name }, { service, grant, actor }) => {
    requireWorkload(id, service, grant);
    return service.snapshots.delete(id, name, actor);
  },
  'volume.list': listVolumes,
  'volume.delete': deleteVolume,
  'volume.prune': pruneVolumes,
  'image.list': (page, { service, grant }) => {
    const scope = { tenants: grant.tenants };
    const { items, next } = pageOf(service.images({ ...scope, ...rangeOf(page) }), page, ({ digest }) => digest);
    return { images: items, pulling: page.cursor === undefined ? service.imagePulls(scope) : [], ...next };
  },
  'image.pull': async ({ image, pull }, { service, grant, actor, signal }) => {
    await requireImageAllowed(image, service, grant);
    return service.pullImage(image, { policy: pull, tenants: grant.tenants, signal, by: actor });
  },
  'image.delete': ({ image }, { service, actor }) => {
    return service.deleteImage(image, actor);
  },
  'image.prune': (params, { service, grant, actor }) => {
    return service.pruneImages({ ...params, tenants: grant.tenants, by: actor });
  },
  'engine.list': (_params, { service, grant }) => {
    return { engines: service.engines().map((engine) => engineFor(grant, engine, service)) };
  },
  'engine.get': ({ engine, ...page }, { service, grant }) => {
    const view = service.engines().find(({ name }) => name === engine);
    if (view === undefined) throw new BerthError('not_found', `no engine ${engine}`);
    const filter = { engine, sees: (tenant: string) => permits(grant, tenant), ...rangeOf(page) };
    const { items, next } = pageOf(service.adopted(filter), page, ({ name }) => name);
    return { engine: engineFor(grant, view, service), workloads: items, ...next };
  },
  'tenant.list': ({ tenant, ...page }, { service, grant }) => {
    const sees = seeing(grant, tenant);
    const { items, next } = pageOf(service.tenants({ sees, ...rangeOf(page) }), page, ({ name }) => name);
    return { tenants: items, ...next };
  },
  'cni.call': (request, { service, grant, signal, actor }) => {
    requireWholeHost(grant);
    return service.cni(request, signal, actor);
  },
  'tenant.set': ({ tenant, settings, create, evict }, { service, actor }) => {
    return service.setTenant(tenant, parseTenantChange(settings), { create, evict }, actor);
  },
  'tenant.delete': async ({ tenant }, { service, actor }) => {
    await service.deleteTenant(tenant, actor);
    return { deleted: tenant };
  },
  'licence.list': (page, { service, grant }) => {
    const found = service.licences({ sees: (tenant) => permits(grant, tenant), ...rangeOf(page) });
    const { items, next } = pageOf(found, page, ({ name }) => name);
    const licences = items.map((licence) => ({
      ...licence,
      leases: licence.leases.filter(({ scheduler }) => grant.tenants === null || scheduler === grant.scheduler),
    }));
    return { licences, ...next };
  },
  'licence.lease': ({ licence, count, ttl }, { service, grant, actor }) => {
    if (grant.scheduler === null)
      throw new BerthError('invalid_state', 'licences are leased by a scheduler: send session.hello first');
    return service.leaseLicence(licence, grant.scheduler, count, ttl, actor);
  },
  'licence.audit': async ({ since, ...page }, { service, grant }) => {
    const sees = ({ tenant }: AuditEntry): boolean => grant.tenants === null || permits(grant, tenant ?? '');
    const found = await service.licenceAudit({ since, sees, ...rangeOf(page) });
    const { items, next } = pageOf(found, page, ({ end }) => end);
    return { entries: items.map(({ entry }) => entry), ...next };
  },
  'events.subscribe': (params, context) => context.subscribe(params.since),
  'events.ack': async (params, context) => ({ acked: await context.ack(params.cursor) }),
};

/** What others have there, and where its socket lies, is for sessions of the whole host. */
function engineFor(grant: Grant, view: EngineView, service: AgentService): EngineView {
  if (grant.tenants === null) return view;
  const own = service.adopted({ engine: view.name, sees: (tenant) => permits(grant, tenant) });
  return { ...view, workloads: own.length, dropped: 0, socket: null, why: null };
}

/** Its configuration names tenants, namespaces and ports as it likes. */
function requireWholeHost({ tenants, allow }: Grant): void {
  if (tenants === null && (allow === null || allow.includes('external.namespace'))) return;
  throw new BerthError('not_permitted', 'cni.call needs a session of all tenants that is granted external.namespace');
}

/** A session evicts only where it may stop workloads as well. */
function reachOf({ tenants }: Grant, preempt: boolean): Reach | undefined {
  return preempt ? { tenants } : undefined;
}

/** What was asked for, as far as the session sees it. Throws for a tenant that it does not cover. */
function filterFor(grant: Grant, params: Checked<'node.top'>): Omit<ListFilter, keyof Range> {
  const { tenant, driver, class: of, state, selector } = params;
  if (tenant !== undefined) requireTenant(grant, tenant);
  return {
    sees: (one) => permits(grant, one),
    ...defined({
      tenant,
      driver,
      class: of,
      state,
      selector: selector === undefined ? undefined : parseSelector(selector),
    }),
  };
}

export function isMethod(name: string): name is MethodName {
  return Object.hasOwn(METHODS, name);
}

/** Checks the parameters and calls the service. Throws BerthError (`invalid_params`, ...) or what the service throws. */
export async function dispatch(method: MethodName, params: unknown, context: Context): Promise<unknown> {
  requireRole(context.grant, method);
  const checked = parseBounded<z.ZodType>(METHODS[method], params, '(params)');
  if (!checked.ok) throw invalidParams(checked.problems);
  // The table's type ties each handler to its schema; the compiler cannot follow that through a variable name.
  const handler = HANDLERS[method] as (params: unknown, context: Context) => unknown;
  return await handler(checked.data, context);
}

type Change = Pick<Checked<'workload.patch'>, 'ifGeneration' | 'dryRun'>;

function changeOptions({ ifGeneration, dryRun }: Change, { signal, actor }: Context): ChangeOptions {
  return { signal, by: actor, dryRun, ...(ifGeneration === undefined ? {} : { ifGeneration }) };
}

function changedFor(grant: Grant, { changes, refused, ...view }: WorkloadView & Changed): WorkloadView & Changed {
  return { ...viewFor(grant, view), changes, ...(refused === undefined ? {} : { refused }) };
}

function wish(what: Exclude<LifeWish, 'delete'>) {
  return async ({ id }: { readonly id: string }, { service, grant, actor }: Context): Promise<WorkloadView> => {
    requireWorkload(id, service, grant);
    return viewFor(grant, await service.wish(id, what, actor));
  };
}

function specFor(grant: Grant, input: unknown): ReturnType<typeof parseSpec> {
  const spec = parseSpec(input);
  requireTenant(grant, spec.tenant);
  return spec;
}

async function requireAllowed(spec: WorkloadSpec, service: AgentService, grant: Grant): Promise<void> {
  if (grant.allow !== null) requireGrants(grant, spec.tenant, await service.grants(spec));
}

/** As for a workload that names the image, of any tenant of the session. */
async function requireImageAllowed(image: string, service: AgentService, grant: Grant): Promise<void> {
  if (grant.allow === null) return;
  const [first = 'default', ...others] = grant.tenants ?? [];
  const asked = await service.grants(specOfImage(image, first));
  const granted = await Promise.all(others.map((tenant) => service.grants(specOfImage(image, tenant))));
  requireGrants(grant, first, { ...asked, tenant: [...asked.tenant, ...granted.flatMap(({ tenant }) => tenant)] });
}

/** Of a tenant that the session does not cover. */
export function isForeign(grant: Grant, service: AgentService, name: string): boolean {
  if (grant.tenants === null) return false;
  const owner = service.ownerOf(name);
  return owner !== undefined && !grant.tenants.has(owner);
}

/** Of one of another tenant it is not told that it is there. */
function requireWorkload(id: string, service: AgentService, grant: Grant): void {
  if (isForeign(grant, service, id)) throw noWorkload(id);
}

/** Ids are one for the whole node: that one is taken cannot be hidden, by whom and for what can. */
function newSpecFor(grant: Grant, input: unknown, service: AgentService): ReturnType<typeof parseSpec> {
  const spec = specFor(grant, input);
  if (isForeign(grant, service, spec.id))
    throw new BerthError('conflict', `the id "${spec.id}" is taken`, {
      hint: 'Choose another id.',
      data: { id: spec.id },
    });
  return spec;
}

function invalidParams(problems: Problems): BerthError {
  return new BerthError('invalid_params', sentenceOf(problems), { data: { ...problems } });
}
