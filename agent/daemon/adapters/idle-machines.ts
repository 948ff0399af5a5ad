// What the samples say of virtual machines that are to be suspended when they do nothing.
import { millisecondsOf } from '../../base/values/amounts.js';
import type { Latest } from '../../metrics/sampler.js';
import { type GuestUse, Idling } from '../../workload/idling.js';
import type { Manager } from '../../workload/manager.js';

export function idleMachines(
  manager: Pick<Manager, 'actor' | 'has' | 'records' | 'snapshots'>,
  latest: (id: string) => Latest | undefined,
): Idling {
  const tell = (id: string, type: string, data: Readonly<Record<string, unknown>>): void => {
    if (manager.has(id)) manager.actor(id).event(type, data);
  };
  return new Idling({
    watched: () =>
      manager.records().flatMap(({ id, spec: { idle }, state, desired, saved }) => {
        if (idle === undefined || state !== 'running' || desired !== 'running') return [];
        return [{ id, suspendAfterMs: millisecondsOf(idle.suspendAfter), use: saved ? undefined : useOf(latest(id)) }];
      }),
    suspend: async (id, idleMs) => {
      tell(id, 'workload.idle', { idleMs: Math.round(idleMs) });
      await manager.snapshots.make(id, { live: false });
    },
    failed: (id, { code, message }, nextMs) => tell(id, 'workload.suspend_failed', { code, message, nextMs }),
  });
}

/** Undefined without the figures of its cgroup: nobody knows then what it does. A guest without a link sends nothing. */
function useOf(latest: Latest | undefined): GuestUse | undefined {
  const cpuUsec = latest?.stats?.cpu?.usageUsec;
  if (latest === undefined || cpuUsec === undefined || latest.startedAt === null) return undefined;
  const { link } = latest;
  const packets = link === undefined ? 0 : link.rxPackets + link.txPackets;
  return { at: latest.at, cpuUsec, packets, startedAt: latest.startedAt };
}
