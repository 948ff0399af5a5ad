// The thread of inventory.ts: one inventory, and its end.
import { parentPort } from 'node:worker_threads';
import si from 'systeminformation';
import type { Inventory } from './inventory.js';

void collect().then((inventory) => parentPort?.postMessage(inventory));

async function collect(): Promise<Inventory> {
  const [cpu, mem, os, system] = await Promise.all([si.cpu(), si.mem(), si.osInfo(), si.system()]);
  return {
    hostname: os.hostname,
    os: `${os.distro} ${os.release}`.trim(),
    kernel: os.kernel,
    arch: os.arch,
    cpuModel: `${cpu.manufacturer} ${cpu.brand}`.trim(),
    cores: cpu.physicalCores,
    threads: cpu.cores,
    sockets: cpu.processors,
    memoryBytes: mem.total,
    swapBytes: mem.swaptotal,
    ...(system.virtual ? { virtualisation: system.virtualHost ?? 'unknown' } : {}),
  };
}
