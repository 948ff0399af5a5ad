// After a start of the agent: the journal says what should be, the holder and the kernel say what is. Running workloads
// are taken over untouched; ends that nobody saw are found; what was half done goes on.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { planChange, planValues } from '../../cgroups/controllers.js';
import type { Limits, Value } from '../../cgroups/types.js';
import { isAchieved } from '../../cgroups/values.js';
import { isSameProcess } from '../../linux/proc.js';
import type { HeldProcess } from '../../systemd/holder/protocol.js';
import type { Actor } from './actor.js';
import type { DamagedEntry } from './journal.js';
import { limitsOf, NETNS_PREFIX, OWNER_PREFIX, ownerTag, withoutSlot } from './plan.js';
import { NEVER_RUN, type WorkloadRecord } from './record.js';
import { driverOf, type World } from './world.js';

export interface Recovery {
  readonly adopted: number;
  readonly ended: number;
  readonly resumed: number;
  readonly damaged: readonly DamagedEntry[];
}

export async function recover(world: World, adopt: (record: WorkloadRecord) => Actor): Promise<Recovery> {
  const { records, damaged } = await world.journal.load();
  for (const entry of damaged) {
    world.log.error(entry, 'journal entry damaged and set aside');
    world.events.append({ type: 'journal.damaged', workload: entry.id, data: { ...entry } });
  }
  const held = new Map((await world.holder.list()).map((process) => [process.id, process]));
  // Before any number is given out anew: a tenant keeps its own.
  world.claims.restoreGroups(records);
  const tags = await ownerTags(world);
  const counts = { adopted: 0, ended: 0, resumed: 0 };
  // Higher priority first: after a reboot everything starts again, and this is the order.
  for (const record of [...records].sort((a, b) => b.spec.priority - a.spec.priority || a.createdAt - b.createdAt)) {
    const seen = record.bootId === world.bootId ? held.get(record.id) : undefined;
    const taken = leaveSlot(takeOver(record, seen, world.bootId), tags, world.config.network.link_prefix);
    const actor = adopt(taken);
    if (actor.record !== record) await world.journal.write(actor.record);
    if (taken.state !== record.state)
      actor.event('workload.state', { from: record.state, to: taken.state, recovered: true });
    if (seen?.exit) actor.ended(seen);
    else if (taken.process && !seen && !isSameProcess(taken.process.pid, taken.process.startTime))
      actor.ended({ ...taken.process, id: record.id, exit: { code: null, signal: null, at: Date.now() } });
    if (seen?.exit) counts.ended += 1;
    else if (taken.state === 'running' || taken.state === 'frozen') counts.adopted += 1;
    else counts.resumed += 1;
    if (taken.state === 'running' || taken.state === 'frozen') await repair(world, taken);
    actor.wake();
  }
  return { ...counts, damaged };
}

/** Host link -> owner tag. */
async function ownerTags(world: World): Promise<ReadonlyMap<string, string>> {
  const { links } = await world.network.list({ netnsPrefix: NETNS_PREFIX, ownerPrefix: OWNER_PREFIX });
  return new Map(links.map(({ name, owner }) => [name, owner]));
}

/**
 * A slot that does not carry the workload's tag is not its own: the boot took it away, or the agent died before the
 * hand-out, or after the flush. The pool has it or will make it, for somebody else. What runs is in it, process of ours
 * or not, whatever has become of its link.
 */
export function leaveSlot(
  record: WorkloadRecord,
  tags: ReadonlyMap<string, string>,
  linkPrefix: string,
): WorkloadRecord {
  const { id, sandbox, state } = record;
  const runs = state === 'running' || state === 'frozen';
  if (sandbox.baseline === null || sandbox.hostLink === null || runs) return record;
  if (tags.get(sandbox.hostLink) === ownerTag(id)) return record;
  return { ...record, sandbox: withoutSlot(id, sandbox, linkPrefix) };
}

/** The record as it is true now. */
export function takeOver(record: WorkloadRecord, seen: HeldProcess | undefined, bootId: string): WorkloadRecord {
  const { state } = record;
  if (record.bootId !== bootId) {
    if (state === 'exited' || state === 'failed') return record;
    const gone = { ...NEVER_RUN, restartRequested: false, bootId, since: Date.now() };
    // A stop or an end was under way: finish it. The boot has removed the objects; taking down finds nothing.
    if (state === 'stopping') return { ...record, ...gone };
    return { ...record, ...gone, state: 'pending' };
  }
  const starting = state === 'starting' || state === 'preparing' || state === 'pending';
  if (!seen || seen.exit || !starting) return record;
  // Spawned, and then the agent died before it could write so.
  const { pid, startTime, startedAt } = seen;
  return { ...record, state: 'running', since: Date.now(), error: null, process: { pid, startTime, startedAt } };
}

const EVERYTHING: Limits = {
  cpu: { max: 1, weight: 1 },
  memory: { max: 1, swapMax: 1, oomGroup: true },
  pids: { max: 1 },
};

/** Writes back what differs from the spec, so that a resize cut short by a crash is undone. Touches nothing else. */
async function repair(world: World, record: WorkloadRecord): Promise<void> {
  const controllers = new Set(world.cgroups.controllers);
  const limits = limitsOf(record.spec, driverOf(world, record.spec.driver).overhead(record.spec), controllers);
  const possible = new Set([...controllers].map((name) => `${name}.`));
  const wanted = [...planValues(limits), ...planChange(EVERYTHING, limits)].filter(({ file }) =>
    possible.has(file.slice(0, file.indexOf('.') + 1)),
  );
  const unique = new Map<string, Value>(wanted.map((value) => [value.file, value]));
  const { cgroup } = record.sandbox;
  try {
    const differing = await differ(world.cgroups.path(cgroup), [...unique.values()]);
    if (differing.length === 0) return;
    world.log.warn({ workload: record.id, files: differing }, 'limits differed from the spec and are written again');
    await world.cgroups.apply(cgroup, differing);
  } catch (error) {
    world.log.warn({ workload: record.id, err: error }, 'limits could not be checked');
  }
}

async function differ(directory: string, values: readonly Value[]): Promise<Value[]> {
  const checked = values.map(async (value) => {
    const now = await readFile(join(directory, value.file), 'latin1').catch(() => undefined);
    return now === undefined || isAchieved(value.file, value.value, now.trim()) ? [] : [value];
  });
  return (await Promise.all(checked)).flat();
}
