// The machine of the double: the files, the tap and the vCPU threads of its configuration. There is no guest.
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { openTap } from '../../../../../linux/tuntap.js';

export interface Config {
  readonly 'boot-source': {
    readonly kernel_image_path: string;
    readonly boot_args: string;
    readonly initrd_path?: string;
  };
  readonly drives: readonly { readonly path_on_host: string; readonly is_read_only: boolean }[];
  readonly 'machine-config': { readonly vcpu_count: number; readonly mem_size_mib: number };
  readonly 'network-interfaces': readonly { readonly host_dev_name: string }[];
  readonly 'mmds-config'?: unknown;
}

/**
 * Threads that do nothing, and get the names that Firecracker gives to those of its vCPUs. Made before the jail is entered: it has
 * no library.
 */
export async function makeThreads(count: number): Promise<Worker[]> {
  const library = JSON.stringify(new URL('../../../../../linux/libc.js', import.meta.url).href);
  const code = `import(${library}).then(({ func }) => {
    const { parentPort, workerData } = require('node:worker_threads');
    const prctl = func('int prctl(int option, const char *name, long a, long b, long c)');
    parentPort.on('message', () => { prctl(15, 'fc_vcpu ' + workerData, 0, 0, 0); parentPort.postMessage('named'); });
    parentPort.postMessage('ready');
  })`;
  return Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const worker = new Worker(code, { eval: true, workerData: index });
      await messageOf(worker);
      return worker;
    }),
  );
}

export async function startVcpus(threads: readonly Worker[], count: number): Promise<void> {
  for (const worker of threads.slice(0, count)) {
    worker.postMessage('name');
    await messageOf(worker);
  }
}

/** What a guest is booted from, as Firecracker opens it. */
export function openBoot({ 'boot-source': { kernel_image_path: kernel, initrd_path: initrd } }: Config): void {
  for (const path of initrd === undefined ? [kernel] : [kernel, initrd]) closeSync(openSync(path, 'r'));
}

/** Each drive as Firecracker opens it; into each that may be written to goes a word. The tap stays open. */
export function openDevices({ drives, 'network-interfaces': cards }: Config): void {
  for (const { path_on_host: path, is_read_only: readOnly } of drives) {
    closeSync(openSync(path, readOnly ? 'r' : 'r+'));
    if (!readOnly) writeFileSync(path, 'berth-double', { flag: 'r+' });
  }
  for (const { host_dev_name: tap } of cards) openTap(tap, { multiQueue: false, vnetHeader: true });
}

export function readConfig(path: string): Config {
  return JSON.parse(readFileSync(path, 'utf8')) as Config;
}

function messageOf(worker: Worker): Promise<unknown> {
  return new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
}
