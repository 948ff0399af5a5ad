// Families of other engines on this host.
import type { EngineView } from '../../model/adopted.js';
import type { Collectors } from '../collectors.js';

export interface EnginesSource {
  engines(): readonly EngineView[];
}

export function addEngineFamilies(c: Collectors, source: EnginesSource): void {
  const here = (): EngineView[] => source.engines().filter(({ state }) => state !== 'off' && state !== 'absent');
  c.gauge(
    'berth_engine_up',
    '1 while berth can list the workloads of the engine, 0 while the engine does not answer; absent without the engine.',
    ['engine'],
    () => here().map(({ name, state }) => [{ engine: name }, Number(state !== 'unreachable')]),
  );
  c.gauge('berth_adopted_workloads', 'Workloads that the engine runs on this host.', ['engine'], () =>
    here().map(({ name, workloads }) => [{ engine: name }, workloads]),
  );
}
