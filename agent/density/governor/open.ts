// The governor of this host: the monotonic clock, real timers, /proc/pressure, and the event journal.
import { cpuWanted } from '../../../cgroups/wanted.js';
import { ReadBuffer } from '../../../linux/read-buffer.js';
import { after } from '../../../linux/timers.js';
import type { GovernorConfig } from '../../config/governor.js';
import type { EventPort } from '../../model/event.js';
import { Governor } from './governor.js';
import { hostStalls, someOf } from './pressure.js';
import { governorSettings } from './settings.js';

export interface GovernorWorld {
  readonly cores: number;
  readonly events: EventPort;
  /** Of the tree of cgroups. */
  readonly root: string;
  /** A cgroup could not be read. */
  readonly onError: (error: unknown) => void;
  /** A start had its permit after so many seconds. */
  readonly waited: (seconds: number) => void;
  /** Turns of a tenant for one of another in the same priority. */
  readonly weightOf: (tenant: string) => number;
}

export function openGovernor(config: GovernorConfig, world: GovernorWorld): Governor {
  const { cores, events, onError, root, waited, weightOf } = world;
  const buffer = new ReadBuffer(4096);
  return new Governor(
    governorSettings(config, cores),
    {
      now: () => performance.now(),
      setTimer: (ms, run) => {
        const timer = after(ms, run).unref();
        return () => timer.cancel();
      },
      pressure: () => someOf(hostStalls()),
      wanted: (cgroup) => {
        try {
          return cpuWanted(`${root}/${cgroup}`, buffer);
        } catch (error) {
          onError(error);
          return undefined;
        }
      },
      event: (type, data) => {
        const { id, tenant, ...rest } = data;
        const of = typeof id === 'string' && typeof tenant === 'string' ? { workload: id, tenant } : {};
        events.append({ type, ...of, data: rest });
      },
      waited,
    },
    weightOf,
  );
}
