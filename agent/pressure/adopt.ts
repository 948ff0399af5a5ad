// What an agent before this one has left in force. It belongs to the host's ladders, which give it back when it is calm.
import { calm, undoAll } from './ladder.js';
import type { Held } from './ports.js';
import type { LadderSettings } from './settings.js';
import type { Action, Applied, LadderState, Resource } from './types.js';

/** Who holds it now: weights are for cpu and io alone, and cpu.max without a weight is what slows growing memory. */
export function adopted(held: readonly Held[], resource: Resource, now: number): Applied[] {
  const of = (target: string, step: Applied['step'], more: Partial<Applied>): Applied => {
    return { ...{ target, step, values: [], depth: 1, bytes: 0, at: now }, ...more };
  };
  return held.flatMap(({ id, values, frozen, balloon }) => {
    const cpu = values.some(({ file }) => file === 'cpu.weight') ? 'cpu' : 'memory';
    const mine = values.filter(({ file }) => (file.startsWith('io.') ? 'io' : cpu) === resource);
    return [
      ...(mine.length > 0 ? [of(id, 'suppress', { values: mine })] : []),
      ...(resource === 'memory' && balloon > 0 ? [of(id, 'balloon', { bytes: balloon })] : []),
      ...(resource === 'memory' && frozen ? [of(id, 'freeze', {})] : []),
    ];
  });
}

/** Takes up where the other left off; what it has decided itself stays. */
export function adopt(state: LadderState, applied: readonly Applied[], now: number): LadderState {
  return applied.length === 0 ? state : { ...calm(now, [...state.applied, ...applied]), lastKill: state.lastKill };
}

/** To take all of it back at once. */
export function undoHeld(held: readonly Held[], settings: LadderSettings, why: string, now: number): Action[] {
  return undoAll(calm(now, adopted(held, settings.resource, now)), settings, why);
}
