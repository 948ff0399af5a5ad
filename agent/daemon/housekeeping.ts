// The chores of the agent (chores.ts): what it looks after each minute, whatever else happens.
import { roomForOutput } from '../density/disk.js';
import { MissedEnds } from '../workload/missed-ends.js';
import type { Assembly } from './assembly/assembly.js';
import { Calendar } from './calendar.js';
import type { Chore } from './chores.js';

type Parts = Pick<
  Assembly,
  | 'conditions'
  | 'drift'
  | 'engines'
  | 'follow'
  | 'health'
  | 'images'
  | 'limits'
  | 'manager'
  | 'observation'
  | 'quarantine'
  | 'reaper'
  | 'rooms'
  | 'world'
>;

/** In the order in which they are done at the start. */
export function choresOf(parts: Parts): readonly Chore[] {
  const { conditions, drift, engines, follow, health, images, limits, manager, observation, reaper, rooms, world } =
    parts;
  const sweeps = new Calendar(world.config.lifecycle.reap_schedule);
  const ends = new MissedEnds({ supervisor: world.supervisor, actors: () => manager.all() });
  return [
    {
      ...{ name: 'ends', does: 'compare its records with the processes of the host' },
      async work() {
        const missed = await ends.look();
        if (missed.length > 0) world.log.warn({ workloads: missed }, 'ends that nobody told of');
        await manager.retry();
      },
    },
    {
      ...{ name: 'reaper', does: 'look for orphans' },
      work: (signal) => (sweeps.due() ? reaper.sweep({ now: false, signal }) : undefined),
    },
    { ...{ name: 'quarantine', does: 'keep what orphans hold from others' }, work: () => keepOut(parts) },
    {
      ...{ name: 'start', does: 'try again what its start could not have' },
      async work() {
        await rooms.networkSetup.retry();
        await observation.web.retry();
      },
    },
    // Also what a crash has cut short, and what others have changed while no agent was there.
    { ...{ name: 'network', does: 'audit the networks of workloads' }, work: () => drift.check() },
    { ...{ name: 'host', does: 'follow what the host changes' }, work: () => follow() },
    { ...{ name: 'limits', does: 'audit the limits of workloads' }, work: () => limits.look() },
    { ...{ name: 'forwarding', does: 'look at the network of the host' }, work: () => health.refresh() },
    {
      ...{ name: 'output', does: 'bound the output of workloads' },
      async work(signal) {
        for (const { id } of manager.records()) if (!signal.aborted) await world.output.cap(id);
      },
    },
    { ...{ name: 'images', does: 'delete images that no workload uses' }, work: () => images.look() },
    {
      // An engine may take its time to answer, and nothing of it is needed to serve.
      ...{ name: 'engines', does: 'look for workloads of other engines', background: true },
      work: (signal) => engines.look(signal),
    },
    {
      ...{ name: 'capacity', does: 'measure what the host has' },
      async work() {
        const disk = await roomForOutput(world.config.paths.state);
        if (disk !== undefined) world.density.setHost({ disk });
        world.density.look();
      },
    },
    { ...{ name: 'web', does: 'read web.config_file again' }, work: () => observation.web.follow() },
    {
      ...{ name: 'conditions', does: 'announce what has changed of its conditions' },
      work: () => conditions.announce(),
    },
  ];
}

/** What orphans have is given to nobody, and counted for nobody. */
export async function keepOut({
  manager,
  quarantine,
  world,
}: Pick<Assembly, 'manager' | 'quarantine' | 'world'>): Promise<void> {
  await quarantine.refresh(manager);
  world.density.setHost({ vsockIds: world.claims.vsockIds });
}
