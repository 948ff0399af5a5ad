// A node with workloads of all classes, to be drained in tests.
import type { DrainRequest } from '../../../agent/model/drain.js';
import type { WorkloadRecord } from '../../../agent/model/record.js';
import { type Life, type LifeOptions, newLife, specOf, state } from './fake-world.js';

export const ALL: DrainRequest = { deadlineMs: null, graceMs: null, keepClass: null, tenant: null, selector: null };
const GUARANTEED = { cpu: { request: 0.1, limit: 0.1 }, memory: { limit: '64Mi' } };
const always = { restart: { policy: 'always' } };
export const IDS = ['low', 'mid', 'high', 'top'];
export const FEW = ['low', 'top'];

/** low is besteffort, mid and high burstable, top guaranteed and frozen. */
export async function inhabited(options: LifeOptions = {}, few = false) {
  const life = newLife(options);
  await life.manager.recover();
  const { manager } = life;
  await manager.create(specOf({ id: 'low', class: 'besteffort', ...always }));
  if (!few) {
    await manager.create(specOf({ id: 'mid', priority: 10, tenant: 'globex', labels: { app: 'web' }, ...always }));
    await manager.create(specOf({ id: 'high', priority: 20, ...always }));
  }
  await manager.create(specOf({ id: 'top', class: 'guaranteed', resources: GUARANTEED, ...always }));
  for (const { id } of manager.records()) await life.until(state('running', id));
  await manager.setDesired('top', 'frozen');
  await life.until(state('frozen', 'top'));
  return life;
}

export const record = ({ manager }: Pick<Life, 'manager'>, id: string): WorkloadRecord => manager.actor(id).record;
export const drained = (life: Pick<Life, 'until'>) => life.until(({ type }) => type === 'node.drained');

export async function drain(life: Life, request: Partial<DrainRequest> = {}): Promise<void> {
  life.manager.setCordoned(true);
  await life.manager.draining.begin({ ...ALL, ...request });
}

export async function lift(life: Life): Promise<number> {
  const count = await life.manager.draining.lift();
  life.manager.setCordoned(false);
  await life.manager.draining.opened();
  life.manager.draining.changed();
  return count;
}

/** Looks in every turn of the loop, as long as nobody has died. */
export async function when(is: () => boolean, died?: Promise<unknown>): Promise<void> {
  let dead = false;
  void died?.then(() => {
    dead = true;
  });
  while (!dead && !is()) await new Promise((resolve) => setImmediate(resolve));
}
