// The room itself: a face for the worker that never blocks the caller's thread.

import { Worker } from 'node:worker_threads';
import { defined } from '../linux/defined.js';
import type { Deadlines } from './deadlines.js';
import type { Hint } from './monitor/hints.js';
import { type Call, decodeError } from './protocol.js';
import { RemovalQueue } from './removal-queue.js';
import { SlotPool } from './slots/pool.js';
import type { NetworkRoom, Removal, RoomSettings, SetupProblem, SlotCounts, SlotSettings } from './types.js';
import { WorkerClient } from './worker-client.js';

export interface NetworkRoomOptions {
  /** Where the worker's code lies; by default `worker.js` beside this module or bundle. */
  readonly workerUrl?: URL;
  /** Told of each death of the worker thread; the room starts a new one for the next call. */
  readonly onCrash?: (error: Error) => void;
  /** Told when a slot could not be made (it is tried again after a while) or not be used again (it is deleted). */
  readonly onSlotError?: (error: unknown) => void;
  /** For tests. */
  readonly deadlines?: Partial<Deadlines>;
}

const NO_SLOTS: SlotCounts = { ready: { veth: 0, tap: 0 }, handedOut: 0, recycled: 0, discarded: 0, names: [] };

/** Opens the room and starts its worker thread, which keeps the process alive until `close`. */
export function openNetworkRoom(options: NetworkRoomOptions = {}): NetworkRoom {
  let settings: RoomSettings | undefined;
  let pool: SlotPool | undefined;
  let mayRefill = () => true;
  const listeners: (() => void)[] = [];
  const tell = (): void => {
    for (const listener of listeners) listener();
  };
  const watchers: ((hints: readonly Hint[]) => void)[] = [];
  const client = new WorkerClient({
    start: () =>
      options.workerUrl === undefined
        ? new Worker(new URL('./worker.js', import.meta.url))
        : new Worker(options.workerUrl),
    onCrash: (error) => {
      tell();
      options.onCrash?.(error);
    },
    onOverdue: tell,
    ...defined({ deadlines: options.deadlines }),
    greeting: () => (settings === undefined ? [] : memory(settings, watchers.length > 0)),
    onHints: (hints) => {
      for (const watcher of watchers) watcher(hints);
    },
  });
  const removals = new RemovalQueue(
    async (batch) => await client.call({ method: 'remove', removals: batch }),
    () => client.waiting > 0,
  );

  const startPool = (slots: SlotSettings): SlotPool => {
    const maker = {
      prepare: (netns: string, kind: 'veth' | 'tap') => client.call({ method: 'prepareSlot', netns, kind }),
      find: () => client.call({ method: 'findSlots' }),
      busy: () => client.waiting > 0,
      onError: options.onSlotError ?? (() => {}),
    };
    return new SlotPool(maker, slots, () => mayRefill());
  };

  const remove = async (removal: Removal): Promise<void> => {
    const { netns, hostLink, network } = removal;
    const isSlot = netns !== null && hostLink !== null && pool?.owns(netns) === true;
    const kind = network?.tap ? 'tap' : 'veth';
    const recycle = removal.recycle && isSlot && pool?.hasRoom(kind) === true;
    const { recycled, unfit } = await removals.add({ ...removal, recycle });
    if (unfit !== undefined) options.onSlotError?.(unfit);
    if (isSlot) pool?.returned({ netns, hostLink, mac: network?.mac ?? '' }, kind, recycled);
  };

  const setupParts = async (wanted: RoomSettings): Promise<SetupProblem[]> => {
    // Whatever becomes of the call, a new thread is to know them.
    settings = wanted;
    const problems = await client.call({ method: 'setup', settings: wanted });
    if (pool === undefined && wanted.slots !== null) pool = startPool(wanted.slots);
    pool?.fill();
    return problems.map(({ bridge, error }) => ({ bridge, error: decodeError(error) }));
  };

  return {
    setupParts,
    setup: async (wanted) => {
      const [problem] = await setupParts(wanted);
      if (problem !== undefined) throw problem.error;
    },
    teardown: async (wanted) => {
      await pool?.close();
      pool = undefined;
      settings = undefined;
      await client.call({ method: 'teardown', settings: wanted });
    },
    acquire: (kind) => pool?.acquire(kind),
    giveBack: (slot) => pool?.giveBack(slot),
    slots: () => pool?.counts() ?? NO_SLOTS,
    refillWhen: (condition) => {
      mayRefill = condition;
    },
    create: async (network, use, call) => client.call({ method: 'create', network, use }, call),
    update: async (from, to, call) => client.call({ method: 'update', from, to }, call),
    createIsolated: async (netns, call) => client.call({ method: 'createIsolated', netns }, call),
    remove,
    list: async (prefixes, call) => client.call({ method: 'list', prefixes }, call),
    members: async (netns, { kill = false, ...call } = {}) => client.call({ method: 'members', netns, kill }, call),
    held: async (strays, call) => client.call({ method: 'held', strays }, call),
    retag: async (sandboxes, call) => {
      await client.call({ method: 'retag', sandboxes }, call);
    },
    audit: async (networks) => client.call({ method: 'audit', networks }),
    sweep: async (networks) => client.call({ method: 'sweep', networks }),
    watch: async (onHints) => {
      // From now on the greeting makes each new thread watch.
      watchers.push(onHints);
      await client.call({ method: 'watch' });
    },
    hostNetworks: async () => client.call({ method: 'hostNetworks' }),
    stats: async (linkPrefix) => client.call({ method: 'stats', linkPrefix }),
    drops: async () => client.call({ method: 'drops' }),
    interference: async () => client.call({ method: 'interference' }),
    overdue: () => client.overdue,
    onOverdue: (listener) => {
      listeners.push(listener);
    },
    close: async () => {
      await pool?.close();
      await removals.drained();
      await client.close();
    },
  };
}

/** What a new thread must know of what the old one was told. */
function memory(settings: RoomSettings, watched: boolean): Call[] {
  const configure: Call = { method: 'configure', settings };
  return watched ? [configure, { method: 'watch' }] : [configure];
}
