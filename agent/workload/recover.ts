// After a start of the agent: the journal says what should be, the supervisor and the kernel say what is. Running workloads
// are taken over untouched; ends that nobody saw are found; what was half done goes on.
import { isSameProcess } from '../../linux/proc.js';
import type { HeldProcess } from '../../systemd/supervisor/protocol.js';
import type { Log } from '../base/log.js';
import type { LimitContext } from '../limits/limits.js';
import { limitsOf } from '../limits/limits.js';
import type { TenantGroups } from '../limits/tenants.js';
import type { DurableEventPort } from '../model/event.js';
import { NEVER_RUN, type ProcessRecord, type WorkloadRecord } from '../model/record.js';
import { ownerTag } from '../model/tags.js';
import type { Claims } from '../network/claims.js';
import type { Actor } from './actor.js';
import { type SpentPorts, spentAtEnd } from './coming-back.js';
import type { DriverSet } from './driver-set.js';
import { tellEscaped } from './ending.js';
import type { DamagedEntry, Journal } from './journal.js';
import { type Planner, withoutSlot } from './plan.js';
import type { SupervisorPort } from './ports.js';
import { NOT_TRIED } from './restart.js';
import { type RetagPorts, retag } from './retag.js';

export interface Recovery {
  readonly adopted: number;
  readonly ended: number;
  readonly resumed: number;
  readonly damaged: readonly DamagedEntry[];
}

export interface RecoveryPorts extends RetagPorts, SpentPorts {
  readonly bootId: string;
  readonly claims: Pick<Claims, 'restoreGroups'>;
  readonly config: RetagPorts['config'] & Planner['config'];
  readonly drivers: Pick<DriverSet, 'find'>;
  readonly events: DurableEventPort;
  readonly journal: Pick<Journal, 'load'>;
  readonly limits: LimitContext;
  readonly supervisor: Pick<SupervisorPort, 'list'>;
  readonly tenants: Pick<TenantGroups, 'promise'>;
  readonly log: Log;
}

/** `known` is called when every workload has its actor, before anything is done for any of them. */
export async function recover(
  ports: RecoveryPorts,
  adopt: (record: WorkloadRecord) => Actor,
  known: () => Promise<void>,
): Promise<Recovery> {
  const { records, damaged } = await ports.journal.load();
  for (const entry of damaged) {
    ports.log.error(entry, 'journal entry damaged and set aside');
    ports.events.append({ type: 'journal.damaged', workload: entry.id, data: { ...entry } });
  }
  const held = new Map((await ports.supervisor.list()).map((process) => [process.id, process]));
  // Before any number is given out anew: a tenant keeps its own.
  ports.claims.restoreGroups(records);
  const tags = await retag(ports, records);
  const counts = { adopted: 0, ended: 0, resumed: 0 };
  const begin: (() => void)[] = [];
  const actors = new Map<string, Actor>();
  // Higher priority first: after a reboot everything starts again, and this is the order.
  for (const record of [...records].sort((a, b) => b.spec.priority - a.spec.priority || a.createdAt - b.createdAt)) {
    const seen = record.bootId === ports.bootId ? held.get(record.id) : undefined;
    const taken = leaveSlot(takeOver(record, seen, ports.bootId), tags, ports);
    const actor = adopt(taken);
    actors.set(record.id, actor);
    // A boot has ended them.
    if (taken.escaped && record.bootId !== ports.bootId)
      await tellEscaped(actor, ports.events).catch((err: unknown) =>
        ports.log.warn({ workload: record.id, err }, 'not told'),
      );
    // Before the record that names it no more is written.
    if (record.saved && !taken.saved)
      await spentAtEnd(record, ports).catch((err: unknown) =>
        ports.log.warn({ workload: record.id, err }, 'snapshot not removed'),
      );
    if (actor.record !== record) await actor.writeDown();
    if (taken.state !== record.state)
      actor.event('workload.state', { from: record.state, to: taken.state, recovered: true });
    if (seen?.exit) begin.push(() => actor.ended(seen));
    else if (taken.process && !seen && !isSameProcess(taken.process.pid, taken.process.startTime))
      begin.push(endedUnseen(actor, taken.process));
    if (seen?.exit) counts.ended += 1;
    else if (taken.state === 'running' || taken.state === 'frozen') counts.adopted += 1;
    else counts.resumed += 1;
    if (taken.state === 'running' || taken.state === 'frozen') promise(ports, taken);
    begin.push(() => actor.wake());
  }
  await known();
  // Whoever ended meanwhile, before there was anybody to tell.
  // One that does not answer now is asked again each minute (missed-ends.ts).
  const since = await ports.supervisor.list().catch((error: unknown) => {
    ports.log.warn({ err: error }, 'ends since the start of the recovery are not known yet');
    return [];
  });
  for (const process of since) if (process.exit && !held.get(process.id)?.exit) actors.get(process.id)?.ended(process);
  for (const start of begin) start();
  return { ...counts, damaged };
}

function endedUnseen(actor: Actor, process: ProcessRecord): () => void {
  const { id } = actor.record;
  return () => actor.ended({ ...process, id, exit: { code: null, signal: null, at: Date.now() } });
}

/**
 * A slot that does not carry the workload's tag is not its own: the boot took it away, or the agent died before the
 * hand-out, or after the flush. The pool has it or will make it, for somebody else. What runs is in it, process of ours
 * or not, whatever has become of its link.
 */
export function leaveSlot(
  record: WorkloadRecord,
  tags: ReadonlyMap<string, string>,
  { config, installation }: Planner,
): WorkloadRecord {
  const { id, sandbox, state } = record;
  const runs = state === 'running' || state === 'frozen';
  if (sandbox.baseline === null || sandbox.hostLink === null || runs) return record;
  if (tags.get(sandbox.hostLink) === ownerTag(installation.id, id)) return record;
  return { ...record, sandbox: withoutSlot(id, sandbox, config.network.link_prefix) };
}

/** The record as it is true now. */
export function takeOver(record: WorkloadRecord, seen: HeldProcess | undefined, bootId: string): WorkloadRecord {
  const { state } = record;
  if (record.bootId !== bootId) {
    if (state === 'exited' || state === 'failed') return record;
    const gone = { ...NEVER_RUN, ...unsaved(record), restartRequested: false, bootId, since: Date.now() };
    // A stop or an end was under way: finish it. The boot has removed the objects; taking down finds nothing.
    if (state === 'stopping') return { ...record, ...gone };
    // A boot ends every pause: what should run is started again.
    return { ...record, ...gone, restart: NOT_TRIED, state: 'pending' };
  }
  const starting = state === 'starting' || state === 'preparing' || state === 'pending';
  if (!seen || seen.exit || !starting) return record;
  // Spawned, and then the agent died before it could write so.
  const { pid, startTime, startedAt } = seen;
  return { ...record, state: 'running', since: Date.now(), error: null, process: { pid, startTime, startedAt } };
}

/** The guest that was being saved, or had gone on from its snapshot, is no more. */
function unsaved({ saved }: WorkloadRecord): Partial<WorkloadRecord> {
  return saved && saved.phase !== 'waiting' ? { saved: null } : {};
}

/** Whether its cgroup still holds its limits, cut short by a crash or not, the audit of limits sees. */
function promise(
  { tenants, drivers, limits }: Pick<RecoveryPorts, 'drivers' | 'limits' | 'tenants'>,
  { id, spec }: WorkloadRecord,
): void {
  const overhead = drivers.find(spec.driver)?.vm?.overhead(spec) ?? 0;
  tenants.promise(id, spec.tenant, limitsOf(spec, overhead, limits));
}
