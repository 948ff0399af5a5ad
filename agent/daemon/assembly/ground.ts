// What the rooms are built on, and what becomes known only while the agent runs.
import type { Damaged } from '../../base/durable.js';
import type { Log } from '../../base/log.js';
import type { Config } from '../../config/schema.js';
import type { EventLog } from '../../control/event-log.js';
import type { AgentService } from '../../control/service.js';
import { type ControlStats, Counters, type SchedulerStatus } from '../../control/stats.js';
import type { KernelLog } from '../../ends/kernel-log.js';
import type { HostFacts } from '../../host/facts.js';
import type { Inventory } from '../../host/inventory.js';
import type { Images, ImagesOptions } from '../../images/images.js';
import type { Latest } from '../../metrics/sampler.js';
import type { Claims } from '../../network/claims.js';
import type { EndPorts } from '../../workload/end.js';
import type { InsideProbe } from '../../workload/health/probe.js';
import type { AdoptedSamples } from '../adapters/adopted-samples.js';
import type { Sandboxed } from '../adapters/joined-sandboxes.js';
import type { Conditions } from '../conditions.js';
import type { LateObserver } from '../observe.js';
import type { Relief } from '../relief.js';
import type { Rooms } from '../rooms.js';
import type { StateDisk } from '../state-disk.js';

export interface Ground {
  readonly config: Config;
  readonly facts: HostFacts;
  readonly rooms: Rooms;
  readonly claims: Claims;
  readonly events: EventLog;
  readonly conditions: Conditions;
  readonly relief: Relief;
  readonly disk: StateDisk;
  readonly observer: LateObserver;
  readonly images: Images;
  readonly kernelLog: KernelLog;
  readonly late: Late;
  readonly log: Log;
}

/** The parts read it through functions. */
export interface Late {
  ready: boolean;
  inventory: Inventory | undefined;
  /** Samples of workloads of other engines; undefined: the sampler does not run yet. */
  adopted: AdoptedSamples | undefined;
  /** Undefined: the records are not read yet. */
  records: (() => Iterable<Sandboxed>) | undefined;
  schedulers: () => readonly SchedulerStatus[];
  requests: () => ControlStats['requests'];
  /** Of the output of workloads, by the supervisor. */
  droppedBytes: () => number | undefined;
  /** The last sample of a workload. */
  latest: (id: string) => Latest | undefined;
  /** Its last minute of pressure. */
  history: EndPorts['history'];
  reload: AgentService['reload'];
  /** As of the last reload; undefined before one. */
  governor: Config['governor'] | undefined;
  /** Workloads and their images; undefined: the records are not read yet. */
  images: ImagesOptions['users'];
  /** Its cpus were written. */
  placed: (id: string) => void;
  /** Runs the command of a health probe. */
  probeInside: InsideProbe;
}

export function nothingYet(): Late {
  return {
    ...{ ready: false, inventory: undefined, adopted: undefined, records: undefined, governor: undefined },
    ...{
      schedulers: () => [],
      requests: () => new Counters().snapshot().requests,
      droppedBytes: () => undefined,
      latest: () => undefined,
      history: () => [],
      reload: () => Promise.reject(new Error('the agent is starting')),
      images: () => undefined,
      placed: () => undefined,
      probeInside: () => Promise.resolve(null),
    },
  };
}

/** For files of state that cannot be read: told where an operator looks, and where a scheduler does. */
export function tellDamaged({ events, log }: Pick<Ground, 'events' | 'log'>): (damaged: Damaged) => void {
  return (damaged) => {
    log.error(damaged, 'a file of state is damaged and set aside');
    events.append({ type: 'journal.damaged', data: { ...damaged } });
  };
}
