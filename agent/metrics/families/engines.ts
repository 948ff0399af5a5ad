// Families of other engines on this host.
import type { AdoptedEndCount, EngineView } from '../../model/adopted.js';
import type { Collectors } from '../collectors.js';

export interface EnginesSource {
  engines(): readonly EngineView[];
  adoptedEnds(): readonly AdoptedEndCount[];
}

export function addEngineFamilies(c: Collectors, source: EnginesSource): void {
  const here = (): EngineView[] => source.engines().filter(({ state }) => state !== 'off' && state !== 'absent');
  c.gauge(
    'berth_engine_up',
    '1 while berth can list the workloads of the engine, by socket or by cgroup name; 0 while its socket does not answer; no sample if the engine is absent or off.',
    ['engine'],
    () => here().map(({ name, state }) => [{ engine: name }, Number(state !== 'unreachable')]),
  );
  c.gauge(
    'berth_adopted_workloads',
    'Running workloads of the engine that berth lists, at most 5000 of all engines.',
    ['engine'],
    () => here().map(({ name, workloads }) => [{ engine: name }, workloads]),
  );
  c.counter(
    'berth_adopted_ends_total',
    'Workloads of other engines that ended since the agent started, by engine and cause. Only engines with a socket tell ends.',
    ['engine', 'cause'],
    () => source.adoptedEnds().map(({ engine, cause, count }) => [{ engine, cause }, count]),
  );
}
