import { PassThrough } from 'node:stream';
import { inRange } from '../../../agent/base/pages.js';
import type { AgentService } from '../../../agent/control/service.js';
import type { StreamSource } from '../../../agent/control/stream-protocol.js';
import type { NodeDescription } from '../../../agent/metrics/node-description.js';
import { topRow } from '../../../agent/metrics/top.js';
import type { Reach } from '../../../agent/model/claimant.js';
import type { DrainView } from '../../../agent/model/drain.js';
import { NO_NETWORK, type WorkloadView } from '../../../agent/model/record.js';
import { parseSpec, type WorkloadSpec } from '../../../agent/model/spec.js';
import { fieldChanges, mergePatch } from '../../../agent/model/spec-change.js';
import { volumeKey } from '../../../agent/model/volume.js';
import { listed } from '../../../agent/workload/listed.js';
import type { Changed, ChangeOptions } from '../../../agent/workload/updating.js';
import { BerthError } from '../../../protocol/errors.js';
import { CALM, EVERYBODY_SHARES, NO_STARTS } from '../calm.js';
import { FITS, fakeDensity } from './fake-density.js';
import { fakeEngines } from './fake-engines.js';
import { fakeImages } from './fake-images.js';
import { fakeSnapshots } from './fake-snapshots.js';

export interface FakeService extends AgentService {
  /** Names of the calls that changed something, in order. */
  readonly calls: string[];
  /** While it is set, `doctor` waits for it: a request that stays under way. */
  hold: Promise<void> | undefined;
  /** What the next exec gives; default: an echo of its input. */
  source: (() => StreamSource) | undefined;
  /** Of the last call that took one. */
  signal: AbortSignal | undefined;
}

const NO_SAMPLES = { latest: () => undefined, interval: () => undefined };
const STARTS = { ...NO_STARTS, queued: 3, byTenant: ['acme', 'globex'].map((tenant) => ({ tenant, queued: 1 })) };

/** Of a node with one workload. */
export const DRAIN: DrainView = {
  ...{ phase: 'draining', since: 1, deadlineAt: null, drainedAt: null, graceMs: null },
  ...{ keepClass: null, tenant: null, selector: null, total: 1, stopped: 0, stopping: 1, waiting: 0 },
  left: [{ id: 'web', tenant: 'acme', state: 'running', problem: null }],
};

/** A service that keeps workloads in a map and does nothing to the host. */
export function fakeService(): FakeService {
  const workloads = new Map<string, WorkloadView>();
  let cordoned = false;
  const calls: string[] = [];
  const find = (id: string): WorkloadView => {
    const view = workloads.get(id);
    if (view === undefined) throw new BerthError('not_found', `there is no workload "${id}"`);
    return view;
  };
  const put = (view: WorkloadView): WorkloadView => {
    workloads.set(view.id, view);
    return view;
  };
  const change = (
    before: WorkloadView,
    spec: WorkloadSpec,
    { ifGeneration = before.generation, dryRun = false }: ChangeOptions = {},
  ): WorkloadView & Changed => {
    const changes = fieldChanges(before.spec, spec);
    if (changes.length === 0 || dryRun) return { ...before, changes };
    if (ifGeneration !== before.generation) throw new BerthError('conflict', 'it is of another generation');
    return { ...put({ ...before, spec, generation: before.generation + 1 }), changes };
  };
  const service: FakeService = {
    calls,
    hold: undefined,
    source: undefined,
    signal: undefined,
    describe: () => describe(cordoned),
    capacity: ({ sees = () => true, ...range }) => {
      const row = (scope: string) => ({
        scope,
        dimension: 'workloads' as const,
        capacity: 10,
        allocatable: 10,
        committed: workloads.size,
        ...{ kept: 0, reserved: 0, used: null },
      });
      const names = inRange(['acme', 'globex'].filter(sees), (name) => name, range);
      return { shared: [row('host')], tenants: names.map((name) => ({ name, rows: [row(`tenant/${name}`)] })) };
    },
    placement: () => EVERYBODY_SHARES,
    top: (filter) => ({
      ...{ at: 1, sampleAgeMs: null, node: { name: 'fake', ready: true, cordoned } },
      host: {
        ...{ cpus: 1, cpu: null, memoryBytes: 1, memoryUsedBytes: null },
        pressure: { cpu: null, memory: null, io: null },
      },
      starts: STARTS,
      workloads: listed([...workloads.values()], filter).map((view) => topRow(view, NO_SAMPLES, undefined)),
    }),
    ownerOf: (name) => {
      if (['acme', 'globex'].includes(name)) return name;
      return workloads.get(name)?.spec.tenant ?? service.outlook().reservations.find(({ id }) => id === name)?.tenant;
    },
    ...fakeDensity(calls),
    ...fakeImages(calls),
    ...fakeEngines(),
    snapshots: fakeSnapshots(calls),
    reload: async () => {
      calls.push('reload');
      return { restart: [], unmet: [] };
    },
    grants: async () => ({ needed: [], tenant: [] }),
    setCordoned: async (value) => {
      calls.push(value ? 'cordon' : 'uncordon');
      cordoned = value;
      return value ? 0 : 2;
    },
    drain: async (request) => {
      calls.push(`drain ${JSON.stringify(request)}`);
      cordoned = true;
      return DRAIN;
    },
    drainPlan: ({ graceMs }) => [
      { id: 'web', tenant: 'acme', class: 'burstable', priority: 0, state: 'running', graceMs: graceMs ?? 10_000 },
    ],
    fits: async (spec, reach) => {
      if (reach !== undefined) calls.push(`fits ${spec.id}${preempting(reach)}`);
      return FITS;
    },
    create: async (spec, claimant) => {
      calls.push(`create ${spec.id}${preempting(claimant?.reach)}`);
      const existing = workloads.get(spec.id);
      if (existing === undefined && cordoned) throw new BerthError('cordoned', 'this node is cordoned');
      if (existing === undefined) return put(viewOf(spec));
      if (JSON.stringify(existing.spec) === JSON.stringify(spec)) return existing;
      throw new BerthError('conflict', `workload "${spec.id}" exists with another spec`);
    },
    update: async (id, spec, options) => {
      calls.push(`update ${id}`);
      return change(find(id), spec, options);
    },
    patch: async (id, patch, options) => {
      calls.push(`patch ${id}`);
      const before = find(id);
      return change(before, parseSpec(mergePatch(before.spec, patch)), options);
    },
    delete: async (id, { now }) => {
      calls.push(`delete ${id}${now ? ' now' : ''}`);
      const view = find(id);
      workloads.delete(id);
      return { ...view, desired: 'deleted' };
    },
    wish: async (id, wish) => {
      calls.push(`${wish} ${id}`);
      const desired = wish === 'stop' ? 'stopped' : wish === 'freeze' ? 'frozen' : 'running';
      return put({ ...find(id), desired });
    },
    get: async (id) => find(id),
    list: (filter) => listed([...workloads.values()], filter),
    logs: async (id, { offset = 0, limit }) => ({ next: offset + 5, text: `${find(id).id}:${limit}`, end: true }),
    exec: async (id, { command }) => {
      calls.push(`exec ${id} ${command.join(' ')}`);
      find(id);
      return service.source?.() ?? echo();
    },
    cni: async ({ command }) => {
      calls.push(`cni ${command}`);
      return { code: 0, output: '{}' };
    },
    volumes: {
      list: async ({ sees, ...range }) => {
        const all = ['data', 'logs'].map((name) => ({ tenant: 'acme', name, createdAt: 5, usedBy: [] }));
        return inRange(
          all.filter(({ tenant }) => sees(tenant)),
          volumeKey,
          range,
        );
      },
      delete: async ({ tenant, name }) => void calls.push(`delete volume ${tenant} ${name}`),
      prune: async ({ dryRun }) => {
        calls.push(`prune volumes${dryRun ? ' dry' : ''}`);
        return [{ tenant: 'acme', name: 'data' }];
      },
    },
    copy: async (id, { direction, path, as }) => {
      calls.push(`copy ${id} ${direction} ${path} ${as}`);
      find(id);
      return service.source?.() ?? echo();
    },
    console: async (id) => {
      calls.push(`console ${id}`);
      find(id);
      return service.source?.() ?? echo();
    },
    doctor: async () => {
      await service.hold;
      return [{ code: 'fine', severity: 'info', title: 'All is well', why: 'it is a fake', fix: 'none' }];
    },
    cleanupPlan: async () => [
      { kind: 'netns', name: 'berth-old', installation: null, action: 'keep' as const, why: 'process 7 is in it' },
    ],
    cleanup: async (signal) => {
      calls.push('cleanup');
      service.signal = signal;
      await service.hold;
      return ['netns/berth-old'];
    },
  };
  return service;
}

/** A program that writes what it reads, and ends with code 0. */
export function echo(): StreamSource {
  const pipe = new PassThrough();
  const ended = new Promise<void>((resolve) => {
    pipe.once('finish', resolve);
    pipe.once('close', resolve);
  });
  return {
    ...{ outputs: { stdout: pipe }, input: pipe, hangUp: () => pipe.destroy() },
    ended: ended.then(() => ({ exit: { code: 0, signal: null }, error: null })),
  };
}

function preempting(reach: Reach | undefined): string {
  return reach === undefined ? '' : ` preempting ${[...(reach.tenants ?? ['all'])].join()}`;
}

export function specOf(id: string, tenant = 'acme'): Record<string, unknown> {
  return { id, tenant, driver: 'exec', exec: { command: ['/bin/true'] } };
}

function describe(cordoned: boolean): NodeDescription {
  return {
    name: 'fake',
    version: '0.1.0',
    bootId: 'boot-1',
    startedAt: 1,
    ready: true,
    cordoned,
    drain: null,
    labels: {},
    drivers: [],
    workloads: { pending: 0, preparing: 0, starting: 0, running: 0, frozen: 0, stopping: 0, exited: 0, failed: 0 },
    leaked: 0,
    pressure: CALM,
    starts: STARTS,
    host: {},
    conditions: [],
  };
}

function viewOf(spec: WorkloadSpec): WorkloadView {
  return {
    id: spec.id,
    spec,
    desired: 'running',
    state: 'running',
    since: 1,
    createdAt: 1,
    generation: 1,
    killed: null,
    sandbox: {
      cgroup: spec.id,
      ...NO_NETWORK,
      cgroupPath: '/',
      netnsPath: null,
      kernelIp: null,
    },
    process: null,
    restarts: 0,
    restart: { attempts: 0, nextAt: null, gaveUp: false },
    restartRequested: false,
    end: null,
    error: null,
  };
}
