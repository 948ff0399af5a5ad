// A guest with a whole network stack: carries frames between a tap of this namespace, as a VMM would, and a tap of
// another namespace, which plays the guest. Arguments: tap, namespace of the guest, tap there. Prints `ready`.
import { readSync, writeSync } from 'node:fs';
import { isMainThread, Worker, workerData } from 'node:worker_threads';
import { enterNetwork, openNamespace } from '../../linux/namespace.js';
import { openTap } from '../../linux/tuntap.js';

function pump(from: number, to: number): never {
  const buffer = Buffer.alloc(65536 + 10);
  for (;;) {
    const length = readSync(from, buffer);
    writeSync(to, buffer, 0, length);
  }
}

if (isMainThread) {
  const [, , hostTap = '', guest = '', guestTap = ''] = process.argv;
  const FLAGS = { multiQueue: false, vnetHeader: true };
  const outer = openTap(hostTap, FLAGS);
  enterNetwork(openNamespace(`/run/netns/${guest}`));
  const inner = openTap(guestTap, FLAGS);
  // Reads block, so each direction has a thread.
  new Worker(new URL(import.meta.url), { workerData: [inner, outer] }).once('online', () => {
    process.stdout.write('ready\n', () => pump(outer, inner));
  });
} else {
  const [from, to] = workerData;
  pump(from, to);
}
