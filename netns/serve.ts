// The worker's side: one call after the other, each finished within its message event. Nothing here is async.

import { constants } from 'node:os';
import type { MessagePort } from 'node:worker_threads';
import { defined } from '../linux/defined.js';
import { SysError } from '../linux/errors.js';
import { NamespaceLostError } from '../linux/namespace.js';
import { readHostNetworks } from './addresses/host.js';
import { auditSandboxes } from './audit.js';
import {
  assertSettings,
  readDrops,
  readInterference,
  removeUnknown,
  setupFirewall,
  teardownFirewall,
  withOwnTable,
} from './firewall/index.js';
import { heldBy, membersOf } from './held-by.js';
import { type Host, openHost } from './host.js';
import { type Monitor, openMonitor } from './monitor/monitor.js';
import { linkNameFor } from './names.js';
import {
  type Call,
  encodeError,
  type FromWorker,
  type Result,
  type SetupProblemData,
  type ToWorker,
} from './protocol.js';
import { removeSandboxes } from './removal.js';
import { retagSandboxes } from './retag.js';
import { provideBridge, removeBridges } from './sandbox/bridge.js';
import { createIsolated, createSandbox, updateSandbox } from './sandbox/create.js';
import { assignSlot } from './slots/assign.js';
import { fitsSlot } from './slots/held.js';
import { findSlots, prepareSlot, removeSlots } from './slots/prepare.js';
import { listOwned, readStats } from './stats.js';
import type { RoomSettings, SandboxNetwork, Use } from './types.js';
import { assertSandbox } from './validate.js';

/** Serves calls from `port` until `close`. The calling thread's network namespace counts as the host's. */
export function serve(port: MessagePort, host: Host = openHost()): void {
  let dying = false;
  let monitor: Monitor | undefined;
  const watch = (): undefined => {
    const { linkPrefix, netnsPrefix, table, bridges } = settingsOf(host);
    monitor ??= openMonitor(host, {
      linkPrefix,
      netnsPrefix,
      links: bridges.map(({ name }) => name),
      tables: [table],
      onHints: (hints) => port.postMessage({ hints } satisfies FromWorker),
    });
  };
  const own = (call: Call, body: () => Result): Result => {
    return monitor === undefined ? body() : monitor.own(namesOf(host, call), body);
  };
  port.on('message', (call: ToWorker) => {
    // Messages that are queued already are still delivered after an uncaught error, before the thread ends.
    if (dying) return;
    dying = true;
    port.postMessage(answer(host, call, watch, own));
    dying = false;
    if (call.method !== 'close') return;
    monitor?.close();
    host.close();
    port.close();
  });
}

type Own = (call: Call, body: () => Result) => Result;

function answer(host: Host, call: ToWorker, watch: () => undefined, own: Own): FromWorker {
  try {
    const result = call.method === 'watch' ? watch() : own(call, () => execute(host, call));
    return { id: call.id, result };
  } catch (error) {
    // Whatever this thread did next would hit a workload's namespace; an uncaught error ends it.
    if (error instanceof NamespaceLostError) throw error;
    return { id: call.id, error: encodeError(error) };
  }
}

function execute(host: Host, call: Exclude<Call, { readonly method: 'watch' }>): Result {
  switch (call.method) {
    case 'setup':
      return setUp(host, call.settings);
    case 'configure':
      host.settings = withOwnTable(host, call.settings);
      return undefined;
    case 'teardown':
      return tearDown(host, call.settings);
    case 'create':
      return create(host, call.network, call.use);
    case 'update':
      updateSandbox(host, call.from, call.to);
      return undefined;
    case 'createIsolated':
      createIsolated(host, call.netns);
      return undefined;
    case 'prepareSlot':
      return prepareSlot(host, call.netns, call.kind);
    case 'findSlots':
      return findSlots(host);
    case 'remove':
      return removeSandboxes(host, call.removals).map(({ error, unfit, recycled, again }) => ({
        ...defined({ recycled, again }),
        ...(error === undefined ? {} : { error: encodeError(error) }),
        ...(unfit === undefined ? {} : { unfit: encodeError(unfit) }),
      }));
    case 'list':
      return listOwned(host, call.prefixes);
    case 'held':
      return heldBy(host, call.strays);
    case 'members':
      return membersOf(call.netns, call.kill);
    case 'retag':
      retagSandboxes(host, call.sandboxes);
      return undefined;
    case 'audit':
      return auditSandboxes(host, call.networks);
    case 'sweep':
      return removeUnknown(host, settingsOf(host).table, call.networks);
    case 'hostNetworks':
      return readHostNetworks(host);
    case 'stats':
      return readStats(host, call.linkPrefix);
    case 'drops':
      return readDrops(host, settingsOf(host).table);
    case 'interference':
      return readInterference(host, settingsOf(host));
    case 'close':
      return undefined;
  }
}

/** Links and namespaces that a call changes: what the monitor hears of them meanwhile is our own doing. */
function namesOf(host: Host, call: Call): string[] {
  const of = ({ netns, hostLink }: { readonly netns: string | null; readonly hostLink: string | null }) =>
    [netns, hostLink].filter((name) => name !== null);
  switch (call.method) {
    case 'create':
      return of(call.network);
    case 'update':
      return of(call.to);
    case 'createIsolated':
      return [call.netns];
    case 'prepareSlot':
      return [call.netns, linkNameFor(settingsOf(host).linkPrefix, call.netns)];
    case 'remove':
      return call.removals.flatMap(of);
    case 'retag':
      return call.sandboxes.flatMap(of);
    case 'setup':
    case 'teardown':
      return call.settings.bridges.map(({ name }) => name);
    default:
      return [];
  }
}

/** Each part by itself: one that fails keeps no other from being set up, and later calls work on what stands. */
function setUp(host: Host, settings: RoomSettings): SetupProblemData[] {
  assertSettings(settings);
  host.settings = settings;
  const problems: SetupProblemData[] = [];
  const part = (bridge: string | null, work: () => void): void => {
    try {
      work();
    } catch (error) {
      if (error instanceof NamespaceLostError) throw error;
      problems.push({ bridge, error: encodeError(error) });
    }
  };
  part(null, () => {
    const own = withOwnTable(host, settings);
    host.settings = own;
    setupFirewall(host, own);
    // It had to be until the table of another caller was gone; two of ours would ask each for its own elements.
    if (own === settings) teardownFirewall(host, settings.tags.table.instead);
  });
  for (const bridge of settings.bridges) part(bridge.name, () => provideBridge(host, settings, bridge));
  return problems;
}

function tearDown(host: Host, settings: RoomSettings): undefined {
  host.settings = settings;
  removeSlots(host);
  removeBridges(host, settings);
  teardownFirewall(host, withOwnTable(host, settings).table);
  host.settings = undefined;
}

/** The short way when the namespace is a ready slot; whatever is not as it should be there, the long way mends. */
function create(host: Host, network: SandboxNetwork, use: Use | undefined): undefined {
  assertSandbox(network);
  const { netns } = network;
  const slots = host.settings?.slots;
  if (use === undefined && netns !== null && slots != null && fitsSlot(network, slots.mtu)) {
    try {
      if (assignSlot(host, { ...network, netns })) return;
    } catch (error) {
      if (!(error instanceof SysError)) throw error;
    }
  }
  createSandbox(host, network, { use });
}

function settingsOf(host: Host): RoomSettings {
  if (host.settings !== undefined) return host.settings;
  throw new SysError('network room', constants.errno.EINVAL, { note: 'it has not been set up' });
}
