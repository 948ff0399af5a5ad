// What each alert must fire for, and what it must not: series as promtool writes them (a minute a value), and the time.

export interface AlertCase {
  readonly alert: string;
  /** Samples by series; `job` and `instance` are added. */
  readonly fires: Readonly<Record<string, string>>;
  readonly quiet: Readonly<Record<string, string>>;
  /** Minutes. */
  readonly at: number;
  /** Of the alert, beside severity, job and instance. */
  readonly labels?: Readonly<Record<string, string>>;
  readonly summary: string;
  /** Where it has more in it than labels. */
  readonly description?: string;
}

const W = 'driver="exec",tenant="acme",workload="web-1"';
const OF_W = { driver: 'exec', tenant: 'acme', workload: 'web-1' };
const licence = (inUse: number, limit: number): Record<string, string> => ({
  'berth_licence_in_use{licence="db"}': `${inUse}x60`,
  'berth_licence_limit{licence="db"}': `${limit}x60`,
});

export const ALERT_CASES: readonly AlertCase[] = [
  {
    alert: 'BerthAgentDown',
    fires: { up: '0x60' },
    quiet: { up: '0x3 1x60' },
    at: 10,
    summary: 'The berth agent on node-1:9464 does not answer.',
  },
  {
    alert: 'BerthNotReady',
    fires: { berth_node_ready: '0x60' },
    quiet: { berth_node_ready: '0x3 1x60' },
    at: 10,
    summary: 'The berth agent on node-1:9464 is not ready.',
  },
  {
    alert: 'BerthHealthCondition',
    fires: { 'berth_health_condition{code="cgroup_v2_missing",severity="error"}': '1x60' },
    quiet: { 'berth_health_condition{code="no_kvm",severity="warning"}': '1x60' },
    at: 20,
    labels: { code: 'cgroup_v2_missing' },
    summary: 'Condition cgroup_v2_missing stands on node-1:9464.',
  },
  {
    alert: 'BerthLeakedObjects',
    fires: { 'berth_leaked_objects{kind="netns"}': '2x60' },
    quiet: { 'berth_leaked_objects{kind="netns"}': '2x10 0x60' },
    at: 40,
    labels: { kind: 'netns' },
    summary: '2 leaked objects of kind netns on node-1:9464.',
  },
  {
    alert: 'BerthSamplesStale',
    fires: { berth_sample_age_seconds: '90x60' },
    quiet: { berth_sample_age_seconds: '5x60' },
    at: 10,
    summary: 'Workload figures of node-1:9464 are 1m 30s old.',
  },
  {
    alert: 'BerthSchedulerDisconnected',
    fires: { 'berth_control_connected{scheduler="central"}': '0x60' },
    quiet: { 'berth_control_connected{scheduler="central"}': '0x5 1x60' },
    at: 15,
    labels: { scheduler: 'central' },
    summary: 'node-1:9464 has no connection to scheduler central.',
  },
  {
    alert: 'BerthNearlyFull',
    fires: {
      'berth_committed{scope="host",dimension="memory"}': '97x60',
      'berth_allocatable{scope="host",dimension="memory"}': '100x60',
    },
    quiet: {
      'berth_committed{scope="tenant/acme",dimension="memory"}': '97x60',
      'berth_allocatable{scope="tenant/acme",dimension="memory"}': '100x60',
    },
    at: 20,
    labels: { dimension: 'memory' },
    summary: 'memory on node-1:9464 is 97% committed.',
  },
  {
    alert: 'BerthWorkloadKilledByMemory',
    fires: { [`berth_workload_memory_events_total{event="oom_kill",${W}}`]: '0x10 1x60' },
    quiet: { [`berth_workload_memory_events_total{event="max",${W}}`]: '0+5x60' },
    at: 15,
    labels: { event: 'oom_kill', ...OF_W },
    summary: 'The kernel killed processes of acme/web-1 at its memory limit.',
  },
  {
    alert: 'BerthSeriesDropped',
    fires: { berth_scrape_series_dropped_total: '0x10 33x60' },
    quiet: { berth_scrape_series_dropped_total: '33x60' },
    at: 15,
    summary: 'Some workloads on node-1:9464 have no series of their own.',
  },
  {
    alert: 'BerthTrafficDroppedByOthers',
    fires: { berth_forward_offered_total: '0+10x60', berth_forward_passed_total: '0+5x60' },
    quiet: { berth_forward_offered_total: '0+10x60', berth_forward_passed_total: '0+10x60' },
    at: 30,
    summary: 'Another firewall on node-1:9464 drops connections of workloads.',
  },
  {
    alert: 'BerthNetworkChangedByOthers',
    fires: { 'berth_external_changes_total{kind="route"}': '0+1x60' },
    quiet: { 'berth_external_changes_total{kind="memory.max"}': '0+1x60' },
    at: 30,
    summary: 'Someone changes networks of workloads on node-1:9464.',
    description: '15 changes in 15 minutes; berth puts each right a few times only.',
  },
  {
    alert: 'BerthPoolNearlyFull',
    fires: {
      'berth_pool_leased_addresses{pool="network.pool"}': '95x60',
      'berth_pool_addresses{pool="network.pool"}': '100x60',
    },
    quiet: {
      'berth_pool_leased_addresses{pool="network.pool"}': '50x60',
      'berth_pool_addresses{pool="network.pool"}': '100x60',
    },
    at: 20,
    labels: { pool: 'network.pool' },
    summary: 'network.pool on node-1:9464 is 95% leased.',
  },
  {
    alert: 'BerthConnectionsNearlyFull',
    fires: { berth_conntrack_entries: '90x60', berth_conntrack_limit: '100x60' },
    quiet: { berth_conntrack_entries: '50x60', berth_conntrack_limit: '100x60' },
    at: 10,
    summary: 'node-1:9464 tracks 90% of the connections it can.',
  },
  {
    alert: 'BerthScrapeIncomplete',
    fires: { 'berth_scrape_errors_total{family="berth_ceiling"}': '_x5 1+1x60' },
    quiet: { 'berth_scrape_errors_total{family="berth_ceiling"}': '7x60' },
    at: 15,
    labels: { family: 'berth_ceiling' },
    summary: 'berth_ceiling of node-1:9464 is left out of scrapes.',
  },
  {
    alert: 'BerthCeilingNear',
    fires: { 'berth_ceiling{name="keys"}': '200x60', 'berth_ceiling_used{name="keys"}': '190x60' },
    quiet: {
      'berth_ceiling{name="keys"}': '200x60',
      'berth_ceiling_used{name="keys"}': '100x60',
      'berth_ceiling{name="conntrack"}': '200x60',
      'berth_ceiling_used{name="conntrack"}': '190x60',
    },
    at: 20,
    labels: { name: 'keys' },
    summary: "node-1:9464 uses 95% of the kernel's keys.",
  },
  {
    alert: 'BerthTenantOverQuota',
    fires: {
      'berth_committed{scope="tenant/acme",dimension="memory"}': '5x60',
      'berth_allocatable{scope="tenant/acme",dimension="memory"}': '8x10 4x60',
    },
    quiet: {
      'berth_committed{scope="tenant/acme",dimension="memory"}': '4x60',
      'berth_allocatable{scope="tenant/acme",dimension="memory"}': '4x60',
      'berth_committed{scope="host",dimension="memory"}': '5x60',
      'berth_allocatable{scope="host",dimension="memory"}': '4x60',
    },
    at: 40,
    labels: { scope: 'tenant/acme', dimension: 'memory' },
    summary: 'tenant/acme has 125% of its quota of memory.',
  },
  {
    alert: 'BerthTenantOverLimit',
    fires: { 'berth_health_condition{code="tenant_over_limit",severity="warning"}': '1x60' },
    quiet: { 'berth_health_condition{code="tenant_over_quota",severity="warning"}': '1x60' },
    at: 20,
    labels: { code: 'tenant_over_limit' },
    summary: 'A tenant on node-1:9464 uses more memory than its new limit.',
  },
  {
    alert: 'BerthLicencesUsedUp',
    fires: licence(4, 4),
    quiet: licence(0, 0),
    at: 20,
    labels: { licence: 'db' },
    summary: 'All 4 licences db of node-1:9464 are in use.',
  },
  {
    alert: 'BerthLicencesOverused',
    fires: licence(4, 1),
    quiet: licence(4, 4),
    at: 10,
    labels: { licence: 'db' },
    summary: 'More licences db are in use on node-1:9464 than there are: 3 too many.',
  },
  {
    alert: 'BerthPlacementNotKept',
    fires: { 'berth_health_condition{code="placement_refused",severity="warning"}': '1x60' },
    quiet: { 'berth_health_condition{code="placement_not_alone",severity="info"}': '1x60' },
    at: 20,
    labels: { code: 'placement_refused' },
    summary: 'Guaranteed workloads on node-1:9464 do not have the cpus they were promised.',
  },
  {
    alert: 'BerthPlacementShared',
    fires: { berth_placement_violations: '2x90' },
    quiet: { berth_placement_violations: '2x30 0x90' },
    at: 70,
    summary: 'Services of node-1:9464 may run on cpus that workloads should have to themselves: 2.',
  },
  {
    alert: 'BerthStartsStuck',
    fires: {
      'berth_start_queue_length{priority="high"}': '1x60',
      'berth_start_queue_length{priority="low"}': '2x60',
      'berth_start_permits_total{result="granted"}': '0+1x5 5x60',
    },
    quiet: {
      'berth_start_queue_length{priority="low"}': '2x60',
      'berth_start_permits_total{result="granted"}': '0+1x60',
    },
    at: 30,
    summary: 'Starts wait on node-1:9464 and none had a permit in ten minutes: 3 in the queue.',
  },
  {
    alert: 'BerthStartsRefused',
    fires: { 'berth_start_permits_total{result="refused"}': '0x10 15x60' },
    quiet: {
      'berth_start_permits_total{result="granted"}': '0+9x60',
      'berth_start_permits_total{result="refused"}': '15x60',
    },
    at: 20,
    labels: { result: 'refused' },
    summary: 'Starts on node-1:9464 were refused: 15 in 15 minutes.',
  },
  {
    alert: 'BerthStartsWaitLong',
    fires: { berth_start_queue_oldest_seconds: '0+60x60' },
    quiet: { berth_start_queue_oldest_seconds: '120x60' },
    at: 20,
    summary: 'A start on node-1:9464 has waited 20m 0s for its permit.',
  },
  {
    alert: 'BerthStartsSlowed',
    fires: { berth_starts_settling_limit: '10x10 1x60', 'berth_start_queue_length{priority="low"}': '2x60' },
    quiet: { berth_starts_settling_limit: '10x10 1x60', 'berth_start_queue_length{priority="low"}': '0x60' },
    at: 40,
    summary: 'node-1:9464 lets 10% of the starts settle at once that it once did, and starts wait.',
  },
  {
    alert: 'BerthHostOutOfMemory',
    fires: { 'berth_kills_total{cause="host",actor="kernel"}': '0x10 15x60' },
    quiet: { 'berth_kills_total{cause="limit",actor="kernel"}': '0x10 15x60' },
    at: 20,
    summary: 'node-1:9464 ran out of memory and the kernel kills workloads: 15 in 15 minutes.',
  },
  {
    alert: 'BerthPressureKilling',
    fires: { 'berth_pressure_actions_total{action="kill",dry_run="false"}': '0x10 15x60' },
    quiet: {
      'berth_pressure_actions_total{action="kill",dry_run="true"}': '0x10 15x60',
      'berth_pressure_actions_total{action="freeze",dry_run="false"}': '0x10 15x60',
    },
    at: 20,
    summary: 'The pressure ladder kills workloads on node-1:9464: 15 in 15 minutes.',
  },
  {
    alert: 'BerthPressureLasting',
    fires: { 'berth_pressure_level{resource="memory"}': '0x5 2x60' },
    quiet: { 'berth_pressure_level{resource="memory"}': '2x2 1x60' },
    at: 10,
    labels: { resource: 'memory' },
    summary: 'node-1:9464 is short of memory and does not get out of it.',
  },
  {
    alert: 'BerthKilledAtLimits',
    fires: {
      'berth_kills_total{cause="limit",actor="kernel"}': '0x10 6x90',
      'berth_kills_total{cause="tenant",actor="kernel"}': '0x10 6x90',
    },
    quiet: {
      'berth_kills_total{cause="limit",actor="kernel"}': '0x10 1x90',
      'berth_kills_total{cause="pressure",actor="berth"}': '0x10 9x90',
    },
    at: 60,
    summary: '12 workloads on node-1:9464 were killed at a memory limit in an hour.',
  },
  {
    alert: 'BerthWorkloadRestarting',
    fires: { [`berth_workload_restarts_total{${W}}`]: '0x10 6x90' },
    quiet: { [`berth_workload_restarts_total{${W}}`]: '0x10 1x90' },
    at: 60,
    labels: OF_W,
    summary: 'acme/web-1 was restarted 6 times in an hour.',
  },
  {
    alert: 'BerthFutileReclaim',
    fires: { berth_futile_reclaim_total: '0x10 1x60' },
    quiet: { berth_futile_reclaim_total: '1x60' },
    at: 15,
    summary: 'memory.high stalled something on node-1:9464 that reclaim could not help.',
  },
  {
    alert: 'BerthThrottledIdle',
    fires: { 'berth_health_condition{code="cpu_throttled_idle",severity="info"}': '1x60' },
    quiet: { 'berth_health_condition{code="cpu_throttled_idle",severity="info"}': '1x10' },
    at: 40,
    labels: { code: 'cpu_throttled_idle' },
    summary: 'Workloads on node-1:9464 are throttled while they use less than half of their cpu limit.',
  },
  {
    alert: 'BerthLimitsContested',
    fires: { berth_limits_contested: '2x60' },
    quiet: { berth_limits_contested: '2x2 0x60' },
    at: 10,
    summary: 'Somebody else keeps changing limits of workloads on node-1:9464: 2 do not hold.',
  },
  {
    alert: 'BerthCgroupsStay',
    fires: { berth_cgroup_leaks: '1x60' },
    quiet: { berth_cgroup_leaks: '1x10 0x60' },
    at: 40,
    summary: 'Cgroups of ended workloads on node-1:9464 cannot be removed: 1.',
  },
];
