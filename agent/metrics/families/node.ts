// Families of the node as a whole: what it is, what it can do, what is wrong with it, how many workloads it has.
import type { WorkloadRecord } from '../../model/record.js';
import type { Collectors } from '../collectors.js';
import type { NodeDescription } from '../node-description.js';

export interface NodeSource {
  describe(): NodeDescription;
  workloads(): Iterable<Pick<WorkloadRecord, 'state'> & { readonly spec: Pick<WorkloadRecord['spec'], 'driver'> }>;
  /** Objects of berth in the kernel that belong to no workload, by kind; every kind always, zeros included. */
  leaked(): Readonly<Record<string, number>>;
  /** Objects with a tag of berth that are left alone, as they are, or may be, of another installation. */
  apart(): readonly { readonly kind: string; readonly whose: string }[];
  schedulers(): readonly { readonly id: string; readonly connected: boolean }[];
}

export function addNodeFamilies(c: Collectors, source: NodeSource): void {
  c.gauge('berth_node_info', 'Always 1; name and boot of this node as labels.', ['node', 'boot_id'], () => {
    const { name, bootId } = source.describe();
    return [[{ node: name, boot_id: bootId }, 1]];
  });
  c.gauge('berth_node_ready', '1 when the agent has recovered its workloads and takes new ones.', [], () => [
    [{}, Number(source.describe().ready)],
  ]);
  c.gauge('berth_node_cordoned', '1 when the node is closed to new workloads.', [], () => [
    [{}, Number(source.describe().cordoned)],
  ]);
  c.gauge('berth_node_draining', '1 while the node is drained, or is being drained.', [], () => [
    [{}, Number((source.describe().drain?.phase ?? 'lifting') !== 'lifting')],
  ]);
  c.gauge('berth_driver_usable', '1 when workloads of this driver can run here.', ['driver'], () =>
    source.describe().drivers.map((d) => [{ driver: d.name }, Number(d.usable)] as const),
  );
  c.gauge('berth_health_condition', 'Always 1; findings that stand now.', ['code', 'severity'], () =>
    source.describe().conditions.map(({ code, severity }) => [{ code, severity }, 1] as const),
  );
  c.gauge('berth_leaked_objects', 'Kernel objects of berth that belong to no workload.', ['kind'], () =>
    Object.entries(source.leaked()).map(([kind, count]) => [{ kind }, count] as const),
  );
  c.gauge(
    'berth_foreign_objects',
    'Kernel objects with a tag of berth that berth leaves alone: of another installation, or of an unknown one.',
    ['kind', 'whose'],
    () => {
      const counts = new Map<string, readonly [{ kind: string; whose: string }, number]>();
      for (const { kind, whose } of source.apart()) {
        const key = `${kind} ${whose}`;
        counts.set(key, [{ kind, whose }, (counts.get(key)?.[1] ?? 0) + 1]);
      }
      return [...counts.values()];
    },
  );
  c.gauge('berth_control_connected', '1 when the connection to this scheduler stands.', ['scheduler'], () =>
    source.schedulers().map((s) => [{ scheduler: s.id }, Number(s.connected)] as const),
  );
  c.gauge('berth_workloads', 'Workloads on this node.', ['state', 'driver'], () => {
    const counts = new Map<string, readonly [{ state: string; driver: string }, number]>();
    for (const { state, spec } of source.workloads()) {
      const key = `${state} ${spec.driver}`;
      counts.set(key, [{ state, driver: spec.driver }, (counts.get(key)?.[1] ?? 0) + 1]);
    }
    return counts.values();
  });
}
