// Families of the sampler itself, and sums of the workloads that have no series of their own.
import type { Collectors, Values } from '../collectors.js';
import type { TenantSums } from '../rollup.js';

/** The state of sampling in seconds, and what it has seen of the host. */
export interface SamplingSource {
  health(): { readonly age: number | null; readonly duration: number; readonly errors: number };
  series(): { readonly onPage: number; readonly dropped: number };
  rollup(): ReadonlyMap<string, Readonly<TenantSums>>;
}

export function addSamplingFamilies(c: Collectors, sampling: SamplingSource): void {
  c.gauge('berth_sample_age_seconds', 'Time since the last finished sample of all workloads.', [], () => {
    const { age } = sampling.health();
    return age === null ? [] : [[{}, age]];
  });
  c.gauge('berth_sample_duration_seconds', 'How long the last sample of all workloads took.', [], () => [
    [{}, sampling.health().duration],
  ]);
  c.counter('berth_sample_errors_total', 'Readings of cgroups and links that failed.', [], () => [
    [{}, sampling.health().errors],
  ]);
  c.gauge('berth_scrape_series', 'Per-workload series on /metrics and /metrics/cadvisor together.', [], () => [
    [{}, sampling.series().onPage],
  ]);
  c.counter(
    'berth_scrape_series_dropped_total',
    'Per-workload series refused by metrics.max_series; workloads without series on /metrics are summed up in berth_rollup families.',
    [],
    () => [[{}, sampling.series().dropped]],
  );
  const by = (value: (sums: Readonly<TenantSums>) => number) => (): Values =>
    [...sampling.rollup()].map(([tenant, sums]) => [{ tenant }, value(sums)] as const);
  const of = 'of workloads beyond metrics.max_series.';
  c.gauge(
    'berth_rollup_workloads',
    'Workloads beyond metrics.max_series.',
    ['tenant'],
    by((s) => s.workloads),
  );
  c.gauge(
    'berth_rollup_memory_bytes',
    `Memory ${of}`,
    ['tenant'],
    by((s) => s.memoryBytes),
  );
  c.gauge(
    'berth_rollup_pids',
    `Processes ${of}`,
    ['tenant'],
    by((s) => s.pids),
  );
  c.counter(
    'berth_rollup_cpu_seconds_total',
    `Processor time ${of}`,
    ['tenant'],
    by((s) => s.cpuSeconds),
  );
  c.counter(
    'berth_rollup_oom_kills_total',
    `Kills for want of memory ${of}`,
    ['tenant'],
    by((s) => s.oomKills),
  );
  c.counter('berth_rollup_network_bytes_total', `Traffic ${of}`, ['tenant', 'direction'], () =>
    [...sampling.rollup()].flatMap(([tenant, sums]) => [
      [{ tenant, direction: 'receive' }, sums.receivedBytes] as const,
      [{ tenant, direction: 'transmit' }, sums.transmittedBytes] as const,
    ]),
  );
}
