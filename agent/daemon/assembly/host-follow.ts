// Processors and memory come and go while the agent runs (hot-plug, a hypervisor that takes some back, an administrator): ledger,
// placement and governor follow within a minute, both ways.
import { readOptional } from '../../../linux/proc.js';
import { formatCpuList, parseCpuList } from '../../base/cpu-list.js';
import type { Log } from '../../base/log.js';
import { coresOf } from '../../density/cores.js';
import type { Density } from '../../density/density.js';
import { readTopology } from '../../host/topology.js';
import type { Condition } from '../../model/condition.js';
import type { EventPort } from '../../model/event.js';
import type { Placement } from '../../placement/placement.js';

export interface HostFollowWorld {
  readonly placement: Pick<Placement, 'change' | 'topology' | 'settings'>;
  readonly density: Pick<Density, 'setHost' | 'setCores'>;
  readonly governor: { setCores(cores: number): void };
  readonly facts: { readonly memoryBytes: number };
  readonly events: EventPort;
  readonly log: Log;
  /** For tests. */
  readonly sys?: string;
}

export class HostFollow {
  readonly #world: HostFollowWorld;
  /** As the parts know it. */
  #online: readonly number[];
  #memoryBytes: number;
  /** Every cpu that was online while this agent ran. */
  readonly #seen: Set<number>;

  constructor(world: HostFollowWorld) {
    this.#world = world;
    this.#online = world.placement.topology.cpus.map(({ id }) => id);
    this.#memoryBytes = world.facts.memoryBytes;
    this.#seen = new Set(this.#online);
  }

  /** Two small files when nothing has changed. Resolves when the cpus of workloads are written; throws SysError. */
  async look(): Promise<void> {
    const { density, events, facts, governor, log, placement, sys } = this.#world;
    const online = this.#readOnline();
    const { memoryBytes } = facts;
    const sameCpus = formatCpuList(online) === formatCpuList(this.#online);
    if (sameCpus && memoryBytes === this.#memoryBytes) return;
    const before = { cpus: formatCpuList(this.#online), memoryBytes: this.#memoryBytes };
    [this.#online, this.#memoryBytes] = [online, memoryBytes];
    for (const cpu of online) this.#seen.add(cpu);
    const data = { cpus: formatCpuList(online), memoryBytes, before };
    events.append({ type: 'host.resized', data });
    log.warn(data, 'processors or memory of the host have changed');
    density.setHost({ cores: online.length, memoryBytes });
    if (sameCpus) return;
    governor.setCores(online.length);
    const written = placement.change({ topology: readTopology(sys) });
    const cores = coresOf(placement);
    if (cores !== undefined) density.setCores(cores);
    await written;
  }

  /** A source of the node's conditions. */
  conditions(): readonly Condition[] {
    const now = new Set(this.#readOnline());
    const gone = [...this.#seen].filter((cpu) => !now.has(cpu)).sort((a, b) => a - b);
    if (gone.length === 0) return [];
    return [
      {
        code: 'cpus_offline',
        severity: 'warning',
        title: `Processors of this host went offline: ${formatCpuList(gone)}`,
        why: 'Their capacity is not given out any more, and workloads that had them for themselves were moved or share others.',
        fix: `Run \`echo 1 > /sys/devices/system/cpu/cpu${gone[0]}/online\`; if it is meant to be so, restart the agent.`,
      },
    ];
  }

  #readOnline(): readonly number[] {
    const { sys = '/sys' } = this.#world;
    const list = parseCpuList(readOptional(`${sys}/devices/system/cpu/online`) ?? '');
    return list === undefined || list.length === 0 ? this.#online : list;
  }
}
