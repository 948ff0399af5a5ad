// What is wrong with engines, for node.describe and doctor.
import type { EngineView } from '../../model/adopted.js';
import type { Condition } from '../../model/condition.js';

export function engineConditions(views: readonly EngineView[]): Condition[] {
  const unreachable = views.filter(({ state }) => state === 'unreachable');
  const over = views.filter(({ dropped }) => dropped > 0);
  const unread = views.filter(({ state, why }) => state === 'up' && why !== null);
  return [
    ...unreachable.slice(0, 1).map(
      ({ name }): Condition => ({
        ...{ code: 'engine_unreachable', severity: 'warning' },
        title: 'An engine of this host does not answer',
        why: `${unreachable.map((one) => `${one.name}, ${one.socket}: ${one.why}`).join('; ')}. berth keeps its last list of running workloads.`,
        fix: `Run: systemctl status ${name}. If berth should ignore it, set engines.${name}.authority = "off" and run: systemctl restart berth.`,
      }),
    ),
    ...unread.slice(0, 1).map(
      ({ name }): Condition => ({
        ...{ code: 'engine_unreadable', severity: 'warning' },
        title: 'A workload of an engine cannot be read',
        why: unread.map((one) => `${one.name}: ${one.why}`).join('; '),
        fix: `Inspect it with ${name} itself.`,
      }),
    ),
    ...over.slice(0, 1).map(
      (): Condition => ({
        ...{ code: 'engine_too_many', severity: 'warning' },
        title: 'An engine runs more workloads than berth keeps',
        why: over.map((one) => `${one.name}: ${one.dropped} are not counted`).join('; '),
        fix: 'Stop workloads that are not needed: berth keeps 5000 of all engines, and the ledger does not count the others.',
      }),
    ),
  ];
}
