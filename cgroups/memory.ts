// The memory controller: limits, protections, swap, and the counters.
import type { Controller } from './controller.js';
import { counter, Keys } from './keyed.js';
import type { CgroupStats, Limits, MemoryEvents, Value } from './types.js';

export type MemoryStats = NonNullable<CgroupStats['memory']>;

export const memory: Controller = {
  name: 'memory',
  defaults: {
    'memory.min': '0',
    'memory.low': '0',
    'memory.high': 'max',
    'memory.max': 'max',
    'memory.swap.max': 'max',
    'memory.swap.high': 'max',
    'memory.zswap.max': 'max',
    'memory.zswap.writeback': '1',
    'memory.oom.group': '0',
  },
  optional: {
    'memory.swap.max': 'CONFIG_SWAP',
    'memory.swap.high': 'Linux 5.8 with CONFIG_SWAP',
    'memory.zswap.max': 'Linux 5.19 with CONFIG_ZSWAP',
    'memory.zswap.writeback': 'Linux 6.8 with CONFIG_ZSWAP',
  },
  /**
   * memory.high only when asked for: without swap or page cache to give back it stalls instead of killing, for ever.
   * oom.group is on unless refused: a group that is half killed helps nobody.
   */
  values(limits: Limits): Value[] {
    const { memory } = limits;
    if (memory === undefined) return [];
    const values: Value[] = [];
    const add = (file: string, value: number | undefined): void => {
      if (value !== undefined) values.push({ file, value: String(value) });
    };
    values.push({ file: 'memory.oom.group', value: memory.oomGroup === false ? '0' : '1' });
    add('memory.zswap.max', memory.zswapMax);
    if (memory.zswapWriteback !== undefined) {
      values.push({ file: 'memory.zswap.writeback', value: memory.zswapWriteback ? '1' : '0' });
    }
    add('memory.swap.max', memory.swapMax);
    add('memory.swap.high', memory.swapHigh);
    add('memory.max', memory.max);
    add('memory.high', memory.high);
    add('memory.low', memory.low);
    add('memory.min', memory.min);
    return values;
  },
};

export const NO_EVENTS: MemoryEvents = { high: 0, max: 0, oom: 0, oomKill: 0, oomGroupKill: 0 };

const EVENTS = new Keys(['high', 'max', 'oom', 'oom_kill', 'oom_group_kill']);

/** memory.events or memory.events.local; oom_group_kill since Linux 5.17. */
export function parseMemoryEvents(bytes: Uint8Array, end: number = bytes.length): MemoryEvents {
  const [high = 0, max = 0, oom = 0, oomKill = 0, oomGroupKill = 0] = EVENTS.read(bytes, end);
  return {
    high: Math.max(0, high),
    max: Math.max(0, max),
    oom: Math.max(0, oom),
    oomKill: Math.max(0, oomKill),
    oomGroupKill: Math.max(0, oomGroupKill),
  };
}

const SWAP_EVENTS = new Keys(['high', 'max', 'fail']);

/** memory.swap.events. */
export function parseSwapEvents(bytes: Uint8Array, end: number = bytes.length): NonNullable<MemoryStats['swapEvents']> {
  const [high = 0, max = 0, fail = 0] = SWAP_EVENTS.read(bytes, end);
  return { high: Math.max(0, high), max: Math.max(0, max), fail: Math.max(0, fail) };
}

/** What memory.stat counts in one lump since Linux 5.18, and of what before: page tables, stacks, per-cpu data, slab. */
const KERNEL_PARTS = ['kernel_stack', 'pagetables', 'percpu', 'slab'];

/** Of memory.stat: bytes that the kernel has for the cgroup, buffers of its sockets included. */
export function kernelMemory(stat: string): number {
  const kernel = counter(stat, 'kernel');
  const parts = kernel > 0 ? kernel : KERNEL_PARTS.reduce((sum, key) => sum + counter(stat, key), 0);
  return parts + counter(stat, 'sock');
}
