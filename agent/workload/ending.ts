// Every process of a workload ends before its next run begins, and before its sandbox goes. What had left the cgroup is told,
// also when the agent is killed between the kill and the event: it is in the record from before the kill until the event is
// written. An agent that dies between the event and the record tells it twice.

import type { CgroupPort } from '../limits/cgroup-port.js';
import type { Layers } from '../limits/layers.js';
import type { DurableEventPort } from '../model/event.js';
import type { Escaped, Escapes, ProcessRecord, WorkloadRecord } from '../model/record.js';
import type { NetworkPort } from '../network/network-port.js';
import type { DriverSet } from './driver-set.js';
import { killEscaped, killProcesses, terminate } from './processes.js';
import { stopSignalOf } from './start.js';

/** Processes that the record and the event name. */
const MOST_NAMED = 20;

/** The actor, as far as this needs it. */
export interface Ending {
  readonly record: WorkloadRecord;
  patch(change: Partial<WorkloadRecord>): Promise<void>;
  event(type: string, data: Readonly<Record<string, unknown>>): void;
}

export interface EndingPorts {
  readonly cgroups: Pick<CgroupPort, 'kill' | 'thaw' | 'waitEmpty'>;
  readonly drivers: Pick<DriverSet, 'of' | 'context'>;
  readonly events: DurableEventPort;
  readonly layers: Pick<Layers, 'of' | 'set'>;
  readonly network: Pick<NetworkPort, 'members'>;
}

/** Asks a process to end; one that stands still is let go for it. */
export async function askToEnd(process: ProcessRecord, record: WorkloadRecord, ports: EndingPorts): Promise<void> {
  const { id, sandbox, spec, state } = record;
  const { cgroups, layers } = ports;
  // The pressure ladder may have frozen it, too.
  const held = layers.of(id, 'freeze').length > 0;
  if (held) await layers.set(id, 'freeze', []);
  if (held || state === 'frozen') await cgroups.thaw(sandbox.cgroup, { timeoutMs: 30_000 });
  const polite = await ports.drivers.of(spec.driver).stop?.(spec, ports.drivers.context(record));
  if (!polite) terminate(process, stopSignalOf(record, ports.drivers));
}

/** Kills all that runs of it, wherever it is. Rejects with SysError when something lives on. */
export async function endProcesses(actor: Ending, ports: EndingPorts): Promise<void> {
  const { sandbox, spec } = actor.record;
  await killProcesses(ports.cgroups, actor.record);
  const confinement = await ports.drivers.of(spec.driver).confinement(spec);
  if (confinement === 'open' && sandbox.netns !== null)
    await killEscaped(ports.network, sandbox.netns, (found) =>
      actor.patch({ escaped: withFound(actor.record.escaped, found) }),
    );
  await tellEscaped(actor, ports.events);
}

/** Of a record that an agent before has left so, too. */
export async function tellEscaped(actor: Ending, events: DurableEventPort): Promise<void> {
  const { escaped } = actor.record;
  if (!escaped) return;
  actor.event('workload.escaped', { ...escaped });
  await events.settled();
  await actor.patch({ escaped: null });
}

function withFound(before: Escapes | null | undefined, found: readonly Escaped[]): Escapes {
  const { count, processes } = before ?? { count: 0, processes: [] };
  return { count: count + found.length, processes: [...processes, ...found].slice(0, MOST_NAMED) };
}
