// The methods of `berth.v1`: one table of zod schemas, from which the server's checks, the client's types and the
// generated documents come. Results are data of agent/control/service.ts; they are described, not re-checked at run time.
import * as z from 'zod';
import { boundedMap } from '../base/bounds.js';
import { MOST_ON_PAGE, type Next } from '../base/pages.js';
import type { CniAnswer } from '../cni/request.js';
import type { AuditEntry } from '../density/audit.js';
import type { ReservationView } from '../density/reservations.js';
import type { TenantView } from '../density/tenant-admin.js';
import type { Setting } from '../density/tuner.js';
import type { NodeDescription } from '../metrics/node-description.js';
import type { TopDocument } from '../metrics/top.js';
import { type AdoptedView, ENGINE_NAMES, type EngineView } from '../model/adopted.js';
import type { CapacityRow } from '../model/capacity.js';
import type { Condition } from '../model/condition.js';
import type { DrainStep, DrainView } from '../model/drain.js';
import type { BerthEvent } from '../model/event.js';
import { DIGEST_PATTERN, MOST_IMAGE_NAME, parseImage } from '../model/image-reference.js';
import { imageText } from '../model/image-spec.js';
import type { ImageView, PullView, RemovedImages } from '../model/image-view.js';
import type { LicenceView } from '../model/licence.js';
import type { FitsAnswer } from '../model/preemption.js';
import { absolutePath, argument, env } from '../model/process-spec.js';
import { WORKLOAD_STATES, type WorkloadView } from '../model/record.js';
import { MOST_SELECTOR } from '../model/selector.js';
import type { SnapshotView } from '../model/snapshot.js';
import { CLASSES, DRIVER_NAMES, ID_PATTERN, tenantName } from '../model/spec.js';
import type { VolumeName, VolumeView } from '../model/volume.js';
import type { PlacementDescription } from '../placement/describe.js';
import type { LogChunk } from '../workload/log-chunk.js';
import type { CleanupStep } from '../workload/reaper.js';
import type { Changed } from '../workload/updating.js';
import type { SessionView } from './scoped.js';
import type { Outlook, Reloaded } from './service.js';
import { MOST_CHUNK, STREAM_SIGNALS, STREAM_WINDOW } from './stream-protocol.js';

const id = z.string().regex(ID_PATTERN, 'must be 1-63 of [a-z0-9-], not starting or ending with "-"');
const byId = z.strictObject({ id });
const none = z.strictObject({});
/** Of a list by ids or names: see agent/base/pages.ts. */
const page = { limit: z.number().int().min(1).max(MOST_ON_PAGE).optional(), cursor: id.optional() };
const digest = z.string().regex(DIGEST_PATTERN, 'must be sha256: and 64 hexadecimal digits');
const imageOrDigest = z
  .string()
  .max(MOST_IMAGE_NAME)
  .refine((text) => DIGEST_PATTERN.test(text) || parseImage(text) !== undefined, 'must be an image or sha256:DIGEST');
const snapshotName = z.string().regex(/^[0-9]{1,16}$/, 'must be the number of a snapshot');
/** As agent/model/snapshot.ts makes it. */
const snapshotCursor = z.string().max(80);
/** Fields of an object that another schema checks in detail. */
const MOST_FIELDS = 64;
/** Tenants that one session may name. */
const MOST_SCOPES = 256;
/** Checked by parseSpec, so that its errors are the same on every way in. */
const spec = boundedMap(z.string().max(256), z.unknown(), MOST_FIELDS);

/** Which workloads: all of it must hold. `selector` is checked by parseSelector. */
const filter = {
  tenant: id.optional(),
  driver: z.enum(DRIVER_NAMES).optional(),
  class: z.enum(CLASSES).optional(),
  state: z.enum(WORKLOAD_STATES).optional(),
  selector: z.string().max(MOST_SELECTOR).optional(),
};
const STREAM = { stream: z.number().int().nonnegative() };
/** Of a terminal, in characters. */
const size = { columns: z.number().int().min(1).max(65_535), rows: z.number().int().min(1).max(65_535) };
/** Of an adopted workload, with what makes it differ from others. */
const MOST_ADOPTED_NAME = 256;
/** A week: who wants to wait longer gives no deadline. */
const MOST_DRAIN_MS = 7 * 86_400_000;
/** Base64 of one message of a stream. */
const MOST_BASE64 = 4 * Math.ceil(MOST_CHUNK / 3);
/** Of a change: the generation that it is meant for, and whether it is only asked about. */
const change = { ifGeneration: z.number().int().min(1).optional(), dryRun: z.boolean().default(false) };

export const METHODS = {
  'session.hello': z.strictObject({
    scheduler: z.string().min(1).max(63),
    epoch: z.number().int().nonnegative(),
    scopes: z.array(id).max(MOST_SCOPES).default([]),
  }),
  'session.ping': none,
  'node.describe': none,
  'node.capacity': z.strictObject(page),
  'node.top': z.strictObject({ ...filter, ...page }),
  'node.cordon': none,
  'node.uncordon': none,
  /** `deadline` and `grace` in milliseconds; `keepClass`: workloads of this class and of those above it stay. */
  'node.drain': z.strictObject({
    dryRun: z.boolean().default(false),
    deadline: z.number().int().min(0).max(MOST_DRAIN_MS).optional(),
    grace: z.number().int().min(0).max(MOST_DRAIN_MS).optional(),
    keepClass: z.enum(CLASSES).optional(),
    tenant: filter.tenant,
    selector: filter.selector,
  }),
  'node.reload': none,
  'node.doctor': none,
  'node.cleanup': z.strictObject({ dryRun: z.boolean().default(false) }),
  'node.tune': z.strictObject({ action: z.enum(['plan', 'fix', 'rollback']).default('plan') }),
  /** `preempt`: what would be if others of a lower class or priority may be evicted, see density.preemption. */
  'workload.fits': z.strictObject({ spec, preempt: z.boolean().default(false) }),
  'workload.create': z.strictObject({
    spec,
    reservation: z.string().min(1).max(128).optional(),
    preempt: z.boolean().default(false),
  }),
  /** `ttl` in milliseconds. */
  'workload.reserve': z.strictObject({ spec, ttl: z.number().int().default(30_000) }),
  /** An id, or what workload.reserve answered as `reservation`. */
  'workload.release': z.strictObject({ reservation: z.string().min(1).max(128) }),
  'workload.update': z.strictObject({ id, spec, ...change }),
  /** `patch`: JSON merge patch (RFC 7386). */
  'workload.patch': z.strictObject({
    id,
    patch: boundedMap(z.string().max(256), z.unknown(), MOST_FIELDS),
    ...change,
  }),
  'workload.delete': z.strictObject({ id, now: z.boolean().default(false) }),
  'workload.get': byId,
  'workload.list': z.strictObject({ ...filter, ...page }),
  'workload.start': byId,
  'workload.stop': byId,
  'workload.restart': byId,
  'workload.freeze': byId,
  'workload.thaw': byId,
  'workload.logs': z.strictObject({
    id,
    offset: z.number().int().nonnegative().optional(),
    /** Lines from the end, instead of `offset`. */
    tail: z.number().int().min(0).max(1_000_000).optional(),
    /** Unix milliseconds: nothing that came before. */
    since: z.number().int().nonnegative().optional(),
    /** With the times at which the bytes came. */
    times: z.boolean().default(false),
    limit: z
      .number()
      .int()
      .min(1)
      .max(1 << 20)
      .default(64 << 10),
    encoding: z.enum(['text', 'base64', 'auto']).default('text'),
  }),
  /** Answers with the number of a stream: see stream.output, stream.credit and stream.end for what the agent sends then. */
  'workload.exec': z.strictObject({
    id,
    command: z.array(argument).min(1).max(1024),
    env,
    cwd: absolutePath.optional(),
    /** `UID`, `UID:GID`, or a name where the workload has users of the host. */
    user: z.string().min(1).max(256).optional(),
    /** A terminal instead of three pipes. */
    tty: z.strictObject(size).optional(),
    stdin: z.boolean().default(false),
  }),
  /** As workload.exec: a stream, of a tar archive on stdout, or as input. */
  'workload.copy': z.strictObject({
    id,
    direction: z.enum(['from', 'to']),
    path: absolutePath,
    /** The name that the first entry has, `from` only; default: the last part of `path`. */
    as: z
      .string()
      .min(1)
      .max(255)
      .regex(/^[^/\0]+$/, 'must be a name without "/"')
      .refine((name) => name !== '..', 'must not be ".."')
      .optional(),
  }),
  /** As workload.exec: a stream. */
  'workload.console': z.strictObject({ id }),
  'stream.input': z.strictObject({
    ...STREAM,
    data: z
      .string()
      .max(MOST_BASE64)
      .regex(/^[A-Za-z0-9+/]*={0,2}$/, 'must be base64')
      .default(''),
    /** Nothing comes after this. */
    end: z.boolean().default(false),
  }),
  /** The peer has taken so many bytes of output, and takes as many more. */
  'stream.credit': z.strictObject({ ...STREAM, bytes: z.number().int().min(1).max(STREAM_WINDOW) }),
  'stream.resize': z.strictObject({ ...STREAM, ...size }),
  'stream.signal': z.strictObject({ ...STREAM, signal: z.enum(STREAM_SIGNALS) }),
  'stream.close': z.strictObject(STREAM),
  /** Without `keepRunning` it stops, and goes on from there with its next start. */
  'workload.snapshot': z.strictObject({ id, keepRunning: z.boolean().default(false) }),
  'snapshot.list': z.strictObject({ workload: id.optional(), limit: page.limit, cursor: snapshotCursor.optional() }),
  'snapshot.delete': z.strictObject({ id, name: snapshotName }),
  'volume.list': z.strictObject({
    tenant: id.optional(),
    limit: page.limit,
    /** TENANT/NAME. */
    cursor: z.string().max(127).optional(),
  }),
  'volume.delete': z.strictObject({ tenant: id, name: id }),
  'volume.prune': z.strictObject({ tenant: id.optional(), dryRun: z.boolean().default(false) }),
  'image.list': z.strictObject({ limit: page.limit, cursor: digest.optional() }),
  /** `always`: its source is asked what the tag means now. */
  'image.pull': z.strictObject({ image: imageText, pull: z.enum(['missing', 'always']).default('always') }),
  'image.delete': z.strictObject({ image: imageOrDigest }),
  /** `unusedFor` in milliseconds. */
  'image.prune': z.strictObject({
    unusedFor: z
      .number()
      .int()
      .min(0)
      .max(366 * 86_400_000)
      .default(86_400_000),
    dryRun: z.boolean().default(false),
  }),
  /** The environment and the standard input of the CNI plugin; the answer is what it prints. See docs/cni.md. */
  'cni.call': z.strictObject({
    command: z.string().max(64),
    containerId: z.string().max(4096).default(''),
    netns: z.string().max(8192).default(''),
    ifname: z.string().max(256).default(''),
    args: z.string().max(8192).default(''),
    config: z.string().max(900_000).default(''),
  }),
  'engine.list': none,
  'engine.get': z.strictObject({
    engine: z.enum(ENGINE_NAMES),
    limit: page.limit,
    cursor: z.string().min(1).max(MOST_ADOPTED_NAME).optional(),
  }),
  'tenant.list': z.strictObject({ tenant: z.string().max(256).optional(), ...page }),
  /** `settings`: quota, guaranteed, licences, limits; null takes a value back. Checked by parseTenantChange. */
  'tenant.set': z.strictObject({
    tenant: tenantName,
    settings: boundedMap(z.string().max(256), z.unknown(), MOST_FIELDS).default({}),
    create: z.boolean().default(false),
    evict: z.boolean().default(false),
  }),
  'tenant.delete': z.strictObject({ tenant: id }),
  'licence.list': z.strictObject(page),
  /** `ttl` in milliseconds. */
  'licence.lease': z.strictObject({
    licence: id,
    count: z.number().int().min(0).max(1_000_000_000),
    ttl: z
      .number()
      .int()
      .min(1000)
      .max(366 * 86_400_000),
  }),
  /** `since` in Unix milliseconds. */
  'licence.audit': z.strictObject({
    since: z.number().int().nonnegative().default(0),
    limit: page.limit,
    /** A position in all that was ever written. */
    cursor: z.number().int().optional(),
  }),
  /** Replays from `since` (exclusive; absent: only new ones), then sends notifications `event`; see EventNotification. */
  'events.subscribe': z.strictObject({ since: z.number().int().nonnegative().optional() }),
  'events.ack': z.strictObject({ cursor: z.number().int().nonnegative() }),
} as const satisfies Record<string, z.ZodType>;

export type MethodName = keyof typeof METHODS;
export type Params<M extends MethodName> = z.input<(typeof METHODS)[M]>;

export interface Results {
  'session.hello': {
    protocol: 'berth.v1';
    node: NodeDescription;
    session: SessionView;
    cursor: number;
    acked: number;
  };
  'session.ping': { at: number };
  'node.describe': NodeDescription & { session: SessionView };
  'node.capacity': Outlook & { rows: readonly CapacityRow[]; placement: PlacementDescription } & Next;
  'node.top': TopDocument & Next;
  'node.cordon': { cordoned: true };
  'node.uncordon': { cordoned: false; resumed: number };
  'node.drain': { drain: DrainView | null; plan?: readonly DrainStep[]; more?: number };
  'node.reload': Reloaded;
  'node.doctor': { conditions: readonly Condition[] };
  'node.cleanup': { removed: readonly string[]; plan?: readonly CleanupStep[] };
  'node.tune': { settings: readonly Setting[] };
  'workload.fits': FitsAnswer;
  'workload.create': WorkloadView;
  'workload.reserve': ReservationView;
  'workload.release': ReservationView;
  'workload.update': WorkloadView & Changed;
  'workload.patch': WorkloadView & Changed;
  'workload.delete': WorkloadView;
  'workload.get': WorkloadView;
  'workload.list': { workloads: readonly WorkloadView[] } & Next;
  'workload.start': WorkloadView;
  'workload.stop': WorkloadView;
  'workload.restart': WorkloadView;
  'workload.freeze': WorkloadView;
  'workload.thaw': WorkloadView;
  'workload.logs': LogChunk;
  'workload.exec': { stream: number };
  'workload.copy': { stream: number };
  'workload.console': { stream: number };
  'stream.input': { stream: number };
  'stream.credit': { stream: number };
  'stream.resize': { stream: number };
  'stream.signal': { stream: number };
  'stream.close': { stream: number };
  'workload.snapshot': SnapshotView;
  'snapshot.list': { snapshots: readonly SnapshotView[] } & Next;
  'snapshot.delete': SnapshotView;
  'volume.list': { volumes: readonly VolumeView[] } & Next;
  'volume.delete': { deleted: VolumeName };
  'volume.prune': { volumes: readonly VolumeName[] };
  /** `pulling` is on the first page. */
  'image.list': { images: readonly ImageView[]; pulling: readonly PullView[] } & Next;
  'image.pull': ImageView;
  'image.delete': RemovedImages;
  'image.prune': RemovedImages;
  'cni.call': CniAnswer;
  /** A session with scopes sees the workloads of its tenants, and of the engine nothing but its name and state. */
  'engine.list': { engines: readonly EngineView[] };
  'engine.get': { engine: EngineView; workloads: readonly AdoptedView[] } & Next;
  'tenant.list': { tenants: readonly TenantView[] } & Next;
  'tenant.set': { tenant: TenantView; evicted: readonly string[] };
  'tenant.delete': { deleted: string };
  'licence.list': { licences: readonly LicenceView[] } & Next;
  'licence.lease': LicenceView;
  'licence.audit': { entries: readonly AuditEntry[] } & Next<number>;
  /** `gap`: some events after `since` are no longer kept; those that are will be sent. */
  'events.subscribe': { from: number; cursor: number; gap: boolean };
  'events.ack': { acked: number };
}

/** Methods that answer with the number of a stream. */
export type StreamMethod = {
  [M in MethodName]: M extends `stream.${string}` ? never : Results[M] extends { stream: number } ? M : never;
}[MethodName];

const STREAM_METHODS: Readonly<Record<StreamMethod, true>> = {
  'workload.exec': true,
  'workload.copy': true,
  'workload.console': true,
};

export function opensStream(method: MethodName): method is StreamMethod {
  return Object.hasOwn(STREAM_METHODS, method);
}

/** JSON-RPC notification `event`, params as here. */
export type EventNotification = BerthEvent;
