// docs/coming-from-cadvisor.md, from the tables of what is served and what is not.
import { CADVISOR_FAMILIES } from './families.js';
import { UNSERVED } from './unserved.js';

export interface CadvisorRow {
  readonly name: string;
  /** What berth counts, and what is other than with cAdvisor; undefined: not served. */
  readonly served?: string;
  readonly why?: string;
}

/** Every family of cAdvisor, by name. */
export function cadvisorRows(): CadvisorRow[] {
  const served = CADVISOR_FAMILIES.map(({ name, help, differs }) => ({
    name,
    served: differs === undefined ? help : `${help} Differs: ${differs}.`,
  }));
  const unserved = UNSERVED.flatMap(({ why, names }) => names.map((name) => ({ name: `container_${name}`, why })));
  return [...served, ...unserved].sort((a, b) => (a.name < b.name ? -1 : 1));
}

export function cadvisorMarkdown(): string {
  const rows = cadvisorRows();
  const served = rows.filter((row) => row.served !== undefined).length;
  return `${[
    '<!-- Made by `npm run generate` from agent/metrics/cadvisor. Do not edit. -->',
    '# Coming from cAdvisor',
    '',
    'berth can serve the figures of its own workloads and of the containers of other engines by the names of cAdvisor, so that',
    'dashboards, recording rules and alerts go on without cAdvisor on the host. In `/etc/berth/berth.toml`:',
    '',
    '```toml',
    '[metrics]',
    'cadvisor = true',
    '```',
    '',
    'After `systemctl restart berth`, the address of `web.listen` serves `/metrics/cadvisor`, with the TLS and the users of `/metrics`.',
    'The key is off by default: the page costs memory and series, and most of its figures are on `/metrics` under other names.',
    '',
    '```yaml',
    'scrape_configs:',
    '  - job_name: cadvisor',
    '    metrics_path: /metrics/cadvisor',
    '    static_configs:',
    "      - targets: ['127.0.0.1:9464']",
    '```',
    '',
    '## What is the same',
    '',
    '- Names, types and units. A series exists while the cgroup of its workload exists.',
    '- Labels: `id` (the path of the cgroup), `name` (the id of a workload of berth, the name of a container), `image`. A container',
    '  whose engine tells the labels of kubelet also has `container`, `namespace` and `pod`.',
    '',
    '## What differs',
    '',
    '- berth serves the last sample (`metrics.interval`), and reads nothing for a scrape. A workload that used no processor',
    '  time is read every 15 s.',
    '- Only workloads have series: not the cgroup `/`, not slices and services. Use node_exporter for the host.',
    '- `container_label_*` and `container_env_*` do not exist: text of a container does not become a name of a label.',
    '- The page holds at most a quarter of `metrics.max_series`. `berth_scrape_series_dropped_total` counts what did not fit.',
    '- berth reads the network counters of its own workloads only.',
    '- `machine_*` families: node_exporter has these figures.',
    '',
    '## The working set',
    '',
    '`container_memory_working_set_bytes` is use without inactive page cache. The second figure is in `memory.stat`, which the',
    'kernel sums up over the whole subtree for each read. berth does not read `memory.stat` in a sample, and does not serve another',
    'figure under this name. A dashboard can show use instead, which includes page cache and so is higher:',
    '',
    '```yaml',
    '    metric_relabel_configs:',
    '      - source_labels: [__name__]',
    '        regex: container_memory_usage_bytes',
    '        target_label: __name__',
    '        replacement: container_memory_working_set_bytes',
    '```',
    '',
    'For alerts, `container_oom_events_total` and `container_pressure_memory_waiting_seconds_total` say whether the memory of a',
    'workload is short; use near the limit does not, because the kernel reclaims page cache first.',
    '',
    '## Families',
    '',
    `cAdvisor 0.60 has ${rows.length} families of containers. berth serves ${served} of them.`,
    '',
    '| family | served | what it counts, or why not |',
    '|---|---|---|',
    ...rows.map(
      (row) => `| \`${row.name}\` | ${row.served === undefined ? 'no' : 'yes'} | ${row.served ?? row.why ?? ''} |`,
    ),
  ].join('\n')}\n`;
}
