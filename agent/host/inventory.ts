// What the machine is, for people and schedulers. systeminformation reads dozens of files and starts programs: only at
// start and on a slow schedule, never for a request.
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { abortWith } from '../../linux/signals.js';
import { orLate } from '../../linux/timers.js';

export interface Inventory {
  readonly hostname: string;
  /** `Debian GNU/Linux 13`. */
  readonly os: string;
  readonly kernel: string;
  readonly arch: string;
  readonly cpuModel: string;
  /** Physical cores, hardware threads, sockets. */
  readonly cores: number;
  readonly threads: number;
  readonly sockets: number;
  readonly memoryBytes: number;
  readonly swapBytes: number;
  /** The hypervisor this host itself runs under, e.g. `KVM`. */
  readonly virtualisation?: string;
}

const TIMEOUT_MS = 10_000;

/** Undefined when the machine did not answer in time (a hung dmidecode, say): keep what you had. Rejects on abort. */
export async function readInventory(
  options: { readonly timeoutMs?: number; readonly signal?: AbortSignal } = {},
): Promise<Inventory | undefined> {
  const { timeoutMs = TIMEOUT_MS, signal } = options;
  const done = new AbortController();
  const letGo = abortWith(done, signal);
  try {
    return await orLate(collect(done.signal), timeoutMs, undefined);
  } finally {
    letGo();
    done.abort();
  }
}

/**
 * Calls `onChange` with a first inventory and with each that differs, every `intervalMs` (default one hour) until `signal`.
 * Resolves then; never rejects.
 */
export async function followInventory(
  onChange: (inventory: Inventory) => void,
  options: { readonly signal: AbortSignal; readonly intervalMs?: number },
): Promise<void> {
  const { signal, intervalMs = 3_600_000 } = options;
  let last = '';
  while (!signal.aborted) {
    const inventory = await readInventory({ signal }).catch(() => undefined);
    const text = JSON.stringify(inventory);
    if (inventory !== undefined && text !== last) {
      last = text;
      onChange(inventory);
    }
    await sleep(intervalMs, undefined, { signal, ref: false }).catch(() => undefined);
  }
}

/** In a thread of its own, which is gone afterwards: systeminformation waits for programs with the loop standing still. */
async function collect(signal: AbortSignal): Promise<Inventory> {
  const worker = new Worker(new URL('./inventory-thread.js', import.meta.url));
  try {
    const [inventory] = await once(worker, 'message', { signal });
    return inventory as Inventory;
  } finally {
    await worker.terminate();
  }
}
