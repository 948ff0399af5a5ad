// The worker's side: one call after the other, each finished within its message event. Nothing here is async.
import type { MessagePort } from 'node:worker_threads';
import { NamespaceLostError } from '../linux/namespace.js';
import { applyEntries, setupFirewall, teardownFirewall } from './firewall/index.js';
import { type Host, openHost } from './host.js';
import { type Call, encodeError, type FromWorker, type Result, type ToWorker } from './protocol.js';
import { removeSandboxes } from './removal.js';
import { createIsolated, createSandbox } from './sandbox.js';
import { listOwned, readStats } from './stats.js';

/** Serves calls from `port` until `close`. The calling thread's network namespace counts as the host's. */
export function serve(port: MessagePort, host: Host = openHost()): void {
  let dying = false;
  port.on('message', (call: ToWorker) => {
    // Messages that are queued already are still delivered after an uncaught error, before the thread ends.
    if (dying) return;
    dying = true;
    port.postMessage(answer(host, call));
    dying = false;
    if (call.method !== 'close') return;
    host.close();
    port.close();
  });
}

function answer(host: Host, call: ToWorker): FromWorker {
  try {
    return { id: call.id, result: execute(host, call) };
  } catch (error) {
    // Whatever this thread did next would hit a workload's namespace; an uncaught error ends it.
    if (error instanceof NamespaceLostError) throw error;
    return { id: call.id, error: encodeError(error) };
  }
}

function execute(host: Host, call: Call): Result {
  switch (call.method) {
    case 'setup':
      setupFirewall(host, call.settings);
      host.settings = call.settings;
      return undefined;
    case 'teardown':
      teardownFirewall(host, call.settings.table);
      host.settings = undefined;
      return undefined;
    case 'create':
      createSandbox(host, call.network);
      if (host.settings !== undefined) applyEntries(host, host.settings.table, { add: [call.network], remove: [] });
      return undefined;
    case 'createIsolated':
      createIsolated(host, call.netns);
      return undefined;
    case 'remove':
      if (host.settings !== undefined) {
        const known = call.removals.flatMap(({ network }) => (network === null ? [] : [network]));
        applyEntries(host, host.settings.table, { add: [], remove: known });
      }
      return removeSandboxes(host, call.removals).map((error) =>
        error === undefined ? undefined : encodeError(error),
      );
    case 'list':
      return listOwned(host, call.prefixes);
    case 'stats':
      return readStats(host, call.linkPrefix);
    case 'close':
      return undefined;
  }
}
