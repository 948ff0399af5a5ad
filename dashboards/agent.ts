// How the agent itself does: what it costs, whether its figures are fresh, whom it talks to.
import { events, graph, HOST, quantile, rate, sum } from './expressions.js';
import type { PanelRow } from './panels.js';

export const agent: readonly PanelRow[] = [
  graph('Agent processor time', 'Cores used by the agent itself.', 'short', [
    [rate('berth_process_cpu_seconds_total', HOST, 'instance'), '{{instance}}'],
  ]),
  graph('Agent memory', 'Resident memory of the agent itself.', 'bytes', [
    [sum('berth_process_resident_memory_bytes', HOST, 'instance'), '{{instance}}'],
  ]),
  graph('Agent event loop lag', 'How late the main loop comes to its work; above 10 ms something blocks it.', 's', [
    [`max by (instance) (berth_nodejs_eventloop_lag_p99_seconds{${HOST}})`, '{{instance}} p99'],
  ]),
  graph('Sampling', 'Age of the last sample of all workloads, and how long it took.', 's', [
    [`max by (instance) (berth_sample_age_seconds{${HOST}})`, '{{instance}} age'],
    [`max by (instance) (berth_sample_duration_seconds{${HOST}})`, '{{instance}} duration'],
  ]),
  graph('Series', 'Per-workload series served, and series refused by the budget metrics.max_series.', 'short', [
    [sum('berth_scrape_series', HOST), 'served'],
    [events('berth_scrape_series_dropped_total', HOST), 'refused'],
  ]),
  graph(
    'Failed readings',
    'Readings of cgroups and links that failed. Single ones come with the end of a workload; many: `journalctl -u berth -p warning`.',
    'short',
    [[events('berth_sample_errors_total', HOST, 'instance'), '{{instance}}']],
  ),
  graph('Schedulers', '1 while the connection to a scheduler stands.', 'short', [
    [`min by (instance, scheduler) (berth_control_connected{${HOST}})`, '{{instance}} {{scheduler}}'],
  ]),
  graph('Requests', 'Requests of the control protocol a second.', 'reqps', [
    [rate('berth_control_requests_total', HOST, 'method, result'), '{{method}} {{result}}'],
  ]),
  graph('Events and journal', 'Events and durable journal entries a second.', 'cps', [
    [rate('berth_control_events_total', HOST), 'events'],
    [rate('berth_journal_writes_total', HOST), 'journal entries'],
  ]),
  graph(
    'Housekeeping',
    'Time since each chore of the agent last went well; above 60 s it fails or is late: `journalctl -u berth -p warning`.',
    's',
    [[`max by (instance, chore) (berth_housekeeping_age_seconds{${HOST}})`, '{{instance}} {{chore}}']],
  ),
  graph('Housekeeping runs', 'Runs of chores by result.', 'short', [
    [events('berth_housekeeping_runs_total', HOST, 'chore, result'), '{{chore}} {{result}}'],
  ]),
  graph(
    'Output dropped',
    'Output of workloads that a full disk refused; a line in each output says how much of it is missing.',
    'bytes',
    [[events('berth_output_dropped_bytes_total', HOST, 'instance'), '{{instance}}']],
  ),
  graph('Images', 'Bytes of all images on the disk of the node, a layer that several images have once.', 'bytes', [
    [sum('berth_images_bytes', HOST, 'instance'), '{{instance}}'],
  ]),
  graph('Images and pulls', 'Images on the node, and pulls that have ended.', 'short', [
    [sum('berth_images', HOST, 'instance'), '{{instance}} images'],
    [events('berth_image_pulls_total', HOST, 'result'), 'pulls: {{result}}'],
  ]),
  graph('Reconciler', 'Time of one pass over a workload.', 's', [
    [quantile(0.5, 'berth_reconcile_duration_seconds'), 'p50'],
    [quantile(0.99, 'berth_reconcile_duration_seconds'), 'p99'],
  ]),
];
