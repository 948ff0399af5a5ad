// One row for each key of the configuration, or for all of a kind: the extremes that are right, and values that are wrong. Bounds are
// written here a second time on purpose: a bound that moves in the schema has to be meant.
import { ENGINE_NAMES } from '../../../agent/model/adopted.js';

export interface Row {
  readonly good: readonly unknown[];
  readonly bad: readonly unknown[];
  /** Keys that have to be there as well, by section. */
  readonly beside?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

const NO_NUMBER = ['', 'many', '1e', [], {}] as const;
const NO_DURATION = ['', 'soon', '5', '-1s', '1 s', '1e3s', '5M', 3, true] as const;
const NO_SIZE = ['lots', '-1Mi', '1.5', '1Pi', '8192Ti', '1 Mi', true] as const;

const whole = (least: number, most: number): Row => ({
  good: [least, most],
  bad: [least - 1, most + 1, least + 0.5, ...NO_NUMBER],
});
const number = (least: number, most: number, below = least - 0.001, above = most * 1.001 + 0.001): Row => ({
  good: [least, most, (least + most) / 2],
  bad: [below, above, ...NO_NUMBER],
});
const share: Row = number(0, 1);
const positiveShare: Row = { good: [0.0001, 1], bad: [0, -0.1, 1.0001, ...NO_NUMBER] };
const choice = (...words: readonly string[]): Row => ({ good: words, bad: ['', 'other', words[0]?.toUpperCase(), 1] });
const yes: Row = { good: [true, false], bad: ['yes', '', 1, 'TRUE'] };
const duration = (least: string, most: string, ...outside: readonly string[]): Row => ({
  good: [least, most],
  bad: [...outside, ...NO_DURATION],
});
const LONG = ['3650d', '3651d', '99999w'] as const;
const anyDuration = duration('0s', LONG[0], LONG[1], LONG[2]);
const size: Row = { good: ['0', '1', '1.5Mi', '8191Ti', '512M'], bad: ['', ...NO_SIZE] };
const count = whole(0, 2 ** 32 - 1);
const cores: Row = { good: [0, 0.001, '500m', 1_000_000], bad: [-1, 1_000_001, 'all', '1e3', true] };
const coresFrom = (least: number, most: number): Row => ({
  good: [least, most, '500m'],
  bad: [least / 2, most + 1, 'all', true],
});
const ratio = number(0.1, 20);
const program: Row = {
  good: ['crun', '/usr/bin/runc', 'youki-0.5'],
  bad: ['', 'bin/crun', 'crun --debug', './crun', '/a\0'],
};
const path: Row = {
  good: ['/', '/a', `/${'a'.repeat(4095)}`],
  bad: ['', 'a', './a', `/${'a'.repeat(4096)}`, '/a\0b', 1],
};
const uids = (usual: string): Row => ({
  good: ['1-1', '1-4294967294', usual],
  bad: ['', '0-9', '9-1', '1-4294967295', '5', 'a-b'],
});
const granted = (all: readonly string[], ...bad: readonly unknown[]): Row => ({ good: [[], all], bad: [...bad, [1]] });
/** Empty: none. */
const place: Row = { good: ['', ...path.good], bad: path.bad.slice(1) };
const name = { good: ['a', 'a-b', 'x'.repeat(63)], bad: ['', '-a', 'a-', 'A', 'a_b', 'x'.repeat(64)] } as const;
const cron: Row = {
  good: ['* * * * *', '0 22 * * 1-5', '0 0 29 2 *', '*/5 0-6 1,15 * *'],
  bad: ['', 'daily', '* * * *', '0 * * * * *', '61 * * * *', '0 0 30 2 *', '* * * * 9'],
};
const swap: Row = { good: ['max', '0', '512Mi'], bad: ['', 'none', 'Max', ...NO_SIZE] };
const dimension = { workloads: count, cpu: cores, memory: size };
const stall = duration('0s', '1s', '1001ms', '2s');
const allow: Row = {
  good: [[], ['exec.root'], ['exec.isolation-none', 'oci.bundle', 'qemu.files', 'external.sandbox']],
  bad: [['root'], ['exec'], ['exec.all'], 'exec.root', [1]],
};
const steps: Row = {
  good: [[], ['kill'], ['suppress', 'reclaim', 'balloon', 'freeze', 'kill']],
  bad: [['shoot'], 'kill', [1], {}],
};

const amounts = (prefix: string): Record<string, Row> => ({
  [`${prefix}.*`]: count,
  [`${prefix}.cpu`]: dimension.cpu,
  [`${prefix}.memory`]: size,
  [`${prefix}.disk`]: size,
});

const trees: Row = {
  good: [[], ['/srv/data'], ['/run/app'], ['/a', '/a/b', `/${'a'.repeat(4094)}`], Array(64).fill('/a')],
  bad: [
    ...['/srv', [1], Array(65).fill('/a')],
    ...['/run', '/var/run', '/proc', '/proc/1/root', '/sys/fs/cgroup', '/dev'].map((path) => [path]),
    ...['', 'srv', '/', '/a/', '/a/../b', '/a//b'].map((path) => [path]),
  ],
};
const capabilities: Row = {
  good: [[], ['NET_ADMIN'], ['SYS_PTRACE', 'SYS_NICE']],
  bad: ['NET_ADMIN', ['net_admin'], ['CAP_CHOWN'], ['SYS_ADMIN'], ['ALL'], [1]],
};

const engine = (of: string): Record<string, Row> => ({
  [`engines.${of}.authority`]: { good: ['off', 'observe', 'advise'], bad: ['enforce', '', 'on', 'OFF', 1] },
  [`engines.${of}.socket`]: { good: ['', '/s', `/${'s'.repeat(106)}`], bad: ['s', './s', `/${'s'.repeat(107)}`, 1] },
  [`engines.${of}.tenant`]: name,
  [`engines.${of}.tenant_label`]: { good: ['', 'com.example.tenant', 'x'.repeat(128)], bad: ['x'.repeat(129), 1, []] },
  [`engines.${of}.tenant_names`]: {
    good: [{}, { 'ci-*': 'ci', '*': 'a' }, { ['x'.repeat(128)]: 'a' }],
    bad: [
      { '': 'a' },
      { ['x'.repeat(129)]: 'a' },
      { a: 'A' },
      { a: 1 },
      Object.fromEntries(Array.from({ length: 65 }, (_, at) => [`n${at}`, 'a'])),
      'ci',
    ],
  },
});

export const ROWS: Readonly<Record<string, Row>> = {
  'node.name': { good: ['', 'a', 'a b', 'x'.repeat(253)], bad: [' a', 'ä', 'a\nb', 'x'.repeat(254)] },
  'node.labels': {
    good: [{}, { zone: 'a', 'topology.kubernetes.io/zone': '' }, { a: 'x'.repeat(256) }],
    bad: [
      { '': 'x' },
      { 'a b': 'x' },
      { ['a'.repeat(64)]: 'x' },
      { a: 'x'.repeat(257) },
      { a: 1 },
      Object.fromEntries(Array.from({ length: 129 }, (_, at) => [`l${at}`, ''])),
      'zone=a',
    ],
  },
  // 107 bytes of a socket path without "/supervisor.sock".
  'paths.runtime': {
    good: ['/r', `/${'r'.repeat(90)}`, '/var/lib/berth/run', '/var/lib'],
    bad: ['', 'r', `/${'r'.repeat(91)}`, '/var/lib/berth', '/var/lib/berth/workloads', '/var/lib/berth/logs/run'],
  },
  'paths.state': {
    good: ['/s', `/${'s'.repeat(200)}`, '/run/berthed'],
    bad: ['', 's', '/run/berth', '/run/berth/layers', '/s\0'],
  },
  'paths.cgroup_root': {
    good: ['', 'berth', '/berth', 'machine.slice/berth', 'a'.repeat(128), '..a/b..'],
    bad: ['..', '../other', 'a/../../b', '.', 'a//b', 'a/', '/', 'a b', 'a\0b', 'a'.repeat(129)],
  },
  'web.listen': {
    good: ['', '127.0.0.1:9464', '[::1]:0', ':65535', 'localhost:1'],
    bad: ['9464', '127.0.0.1', '127.0.0.1:65536', 'example.org:80', '::1:80', '256.0.0.1:80'],
  },
  'web.hosts': {
    good: [[], ['node-1.example.com', 'a'], ['A.B']],
    bad: [['node:9464'], ['a b'], [''], ['-a'], 'node', [1]],
  },
  'web.config_file': {
    good: ['', '/etc/berth/web.yml'],
    bad: ['web.yml', './web.yml', `/${'a'.repeat(4096)}`],
  },
  'control.socket': {
    good: ['', '/s', `/${'s'.repeat(106)}`],
    bad: ['s', './s', `/${'s'.repeat(107)}`, `/${'ä'.repeat(54)}`, '/s\0'],
  },
  'control.group': { good: ['', '0', 'root', 'berth-users'], bad: ['-g', '+g', 'a:b', 'a b', 'x'.repeat(257), 0] },
  'control.access.0.users': {
    good: [[], ['alice', '1000'], ['a.b@example.com']],
    bad: [[''], ['-a'], ['a,b'], ['a b'], 'alice', [1]],
  },
  'control.access.0.groups': {
    good: [['ops'], ['27', 'ops']],
    bad: [[''], ['+a'], ['a:b'], ['a/b'], 'ops', [1]],
  },
  'control.access.0.role': { good: ['tenant', 'viewer'], bad: ['operator', 'root', '', 1] },
  'control.access.0.tenants': { good: [['a'], ['a', 'b-c']], bad: [[], ['A'], [''], 'a', [1]] },
  'control.access.0.allow': allow,
  'control.scheduler.0.allow': allow,
  'tenant.NAME.allow': allow,
  'tenant.NAME.mounts': trees,
  'tenant.NAME.capabilities': capabilities,
  'control.scheduler.0.role': { good: ['operator', 'viewer'], bad: ['tenant', 'root', '', 1] },
  'control.heartbeat': duration('100ms', '1h', '99ms', '61m', '0s'),
  'control.scheduler.0.url': {
    good: ['ws://localhost', 'wss://scheduler.example:8443/berth?zone=a'],
    bad: ['', 'https://a', 'wss://', 'wss://u:p@a', 'wss://a?token=b', 'wss://a#b', `wss://${'a'.repeat(2048)}`],
  },
  'control.scheduler.0.id': { good: ['a', 'x'.repeat(63)], bad: ['', 'x'.repeat(64)] },
  'control.scheduler.0.*_file': path,
  'control.scheduler.0.insecure': yes,
  'control.scheduler.0.scopes': { good: [[], ['a'], ['a', 'b-c']], bad: [['A'], [''], 'a', [1]] },

  'density.max_workloads': whole(0, 2 ** 32 - 1),
  'density.max_workloads_per_tenant': count,
  'density.cpu_overcommit': ratio,
  'density.memory_overcommit': ratio,
  'density.pids_overcommit': number(0.1, 1000),
  'density.disk_overcommit': number(0.1, 1000),
  'density.reserved_cpu': cores,
  'density.reserved_memory': { good: ['', '0', '512Mi'], bad: NO_SIZE },
  'density.default_cpu_request': coresFrom(0.001, 4096),
  'density.default_memory_request': size,
  'density.overhead': choice('configured', 'measured'),
  'density.prediction': choice('off', 'advise'),
  'density.preemption': choice('off', 'class', 'priority'),
  'density.ceiling_margin': number(0, 0.9),
  ...amounts('density.limit'),
  'density.per_workload.*': count,
  'density.class.*.*': ratio,
  'density.kind.*.workloads': count,
  'density.kind.*.cpu': cores,
  'density.kind.*.memory': size,
  'density.kind.*.surcharge': size,
  'density.kind.*.cpu_overcommit': ratio,
  'density.kind.*.memory_overcommit': ratio,
  'density.window.0.name': name,
  'density.window.0.cron': cron,
  'density.window.0.timezone': { good: ['UTC', 'Europe/Berlin'], bad: ['', 'Mars/Olympus', 'GMT+25'] },
  'density.window.0.duration': duration('1m', '7d', '59s', '8d', '0s'),
  'density.window.0.max_workloads': count,
  'density.window.0.cpu_overcommit': ratio,
  'density.window.0.memory_overcommit': ratio,
  'density.window.0.reserved_cpu': cores,
  'density.window.0.reserved_memory': size,
  ...Object.fromEntries(
    Object.entries(amounts('density.window.0.tenant.NAME')).map(([key, row]) => [
      key,
      { ...row, beside: { tenant: { name: {} } } },
    ]),
  ),

  'governor.enabled': yes,
  'governor.max_settling': whole(0, 100_000),
  'governor.settle_timeout': duration('0s', '1d', '25h'),
  'governor.max_queue': whole(0, 1_000_000),
  'governor.max_wait': duration('1s', LONG[0], '999ms', LONG[1]),
  'governor.*_pressure': positiveShare,
  'governor.network_latency': duration('1ms', LONG[0], '0.9ms', LONG[1]),
  'governor.start_latency_factor': number(1.5, 100),

  ...amounts('tenant.NAME'),
  ...amounts('tenant.NAME.guaranteed'),
  'tenant.NAME.licences': {
    good: [{}, { db: 0 }, { db: 2 ** 32 - 1 }],
    bad: [{ db: -1 }, { db: 0.5 }, { 'D B': 1 }, 'db'],
  },
  'tenant.NAME.limits.memory': { good: ['1Mi', '8191Ti'], bad: ['0', '1', '1048575', '', ...NO_SIZE] },
  'tenant.NAME.limits.swap': size,
  'tenant.NAME.limits.cpu': coresFrom(0.01, 4096),
  'tenant.NAME.limits.cpu_weight': whole(1, 10_000),
  'tenant.NAME.limits.pids': whole(1, 4_194_304),
  'tenant.NAME.limits.descendants': whole(1, 1_000_000),
  'tenant.NAME.limits.io.0.device': {
    good: ['/dev/vda', '8:0', '4095:1048575'],
    bad: ['', 'vda', 'dev/vda', '8', '8:', '/dev/'],
  },
  'tenant.NAME.limits.io.0.*Bps': { good: ['4Ki', '8191Ti', 4096], bad: ['4095', 0, -1, ...NO_SIZE] },
  'tenant.NAME.limits.io.0.*Iops': whole(1, 1_000_000_000),
  'tenant.NAME.limits.io.0.weight': whole(1, 10_000),
  'tenant.NAME.limits.io.0.latency': { good: ['1us', '60s', 1], bad: ['0s', '61s', '0.5us', 0, 'soon', ''] },

  'licence.NAME.count': count,
  'licence.NAME.per': choice('instance', 'vcpu', 'core', 'socket'),
  'licence.NAME.on_exhausted': choice('refuse', 'downgrade'),

  'cgroups.cpu_burst': share,
  'cgroups.protect': yes,
  'cgroups.swap_*': swap,
  'cgroups.zswap_*': swap,
  'cgroups.ksm': choice('off', 'on'),
  'cgroups.repairs': whole(0, 1000),
  'placement.policy': choice('static', 'none'),
  'placement.smt': choice('core', 'thread'),
  'placement.numa': choice('prefer', 'single', 'none'),

  'pressure.mode': choice('off', 'dry-run', 'enforce'),
  'pressure.steps': steps,
  'pressure.spare': { good: [[], ['guaranteed', 'burstable', 'besteffort']], bad: [['all'], 'all', [1]] },
  'pressure.release': share,
  'pressure.*_after': anyDuration,
  'pressure.freeze_max': duration('1s', LONG[0], '999ms', LONG[1]),
  'pressure.min_available': { good: ['', '0%', '50%', '4.5%', '256Mi'], bad: ['51%', '-1%', '%', ...NO_SIZE] },
  'pressure.max_triggers': whole(4, 100_000),
  'pressure.hook': { good: ['', '/usr/local/bin/hook'], bad: ['hook', './hook', ' /hook'] },
  'pressure.hook_timeout': duration('10ms', '1h', '9ms', '61m'),
  'pressure.cooldown.*': anyDuration,
  'pressure.*.*_some': stall,
  'pressure.*.*_full': stall,
  'pressure.*.steps': steps,
  'pressure.futile.action': choice('raise_high', 'kill', 'tell'),
  'pressure.futile.window': duration('1s', '1h', '999ms', '61m'),
  'pressure.futile.stalled': share,
  'pressure.futile.efficiency': share,
  'pressure.futile.watch': {
    good: [[], ['system.slice/docker-*.scope'], ['ab']],
    bad: [['/system.slice'], ['system.slice/'], [''], 'system.slice', [1]],
  },

  'network.pool': {
    good: ['10.0.0.0/8', '10.0.0.4/31', '192.168.1.1/32'],
    bad: ['', '10.0.0.1/8', '10.0.0.0', '10.0.0.0/33', 'fd00::/64', '010.0.0.0/8', '10.0.0.0/08', 'all'],
  },
  'network.pool6': {
    good: ['', 'fd00::/64', 'fd00::4/127'],
    bad: ['10.0.0.0/8', 'fd00::1/64', 'fd00::/129', 'fd00::', 'all'],
  },
  'network.vsock_ids': {
    good: ['3-4294967294', '7-7'],
    bad: ['', '2-9', '3-4294967295', '9-3', '5', 'a-b', '3 - 9', '-3'],
  },
  'network.mtu': whole(576, 65_521),
  'network.link_prefix': { good: ['b', 'bt9x'], bad: ['', 'B', '9b', 'abcde', 'b-'] },
  'network.table': { good: ['b', 'b_9', 'b'.repeat(31)], bad: ['', 'B', '9', 'b'.repeat(32), 'b-c'] },
  'network.slots': whole(0, 1024),
  'network.host_access': yes,
  'network.connection_rate': whole(0, 1_000_000),
  'network.forwarding': choice('enable', 'leave'),
  'network.dns.servers': {
    good: [[], ['1.1.1.1', 'fd00::1', '9.9.9.9']],
    bad: [['dns.example'], ['1.1.1'], ['fe80::1%eth0'], ['1.1.1.1', '1.1.1.2', '1.1.1.3', '1.1.1.4'], '1.1.1.1'],
  },
  'network.dns.search': {
    good: [[], ['example.org', 'a.', '_tcp.example']],
    bad: [['a b'], ['.a'], ['a..b'], [`${'a'.repeat(64)}.org`], ['a', 'b', 'c', 'd', 'e', 'f', 'g']],
  },
  'network.dns.options': {
    good: [[], ['ndots:2', 'rotate']],
    bad: [['ndots: 2'], ['Rotate'], ['ndots:1000'], [''], 'rotate'],
  },
  'network.bridge.NAME.addresses': {
    good: [[], ['10.140.0.1/24'], ['10.140.0.1/24', 'fd00:140::1/64']],
    bad: [['10.140.0.1'], ['10.140.0.1/33'], ['a/24'], '10.140.0.1/24', ['10.133.0.1/24']],
  },
  'network.bridge.NAME.gateway': {
    good: ['', '192.168.1.1/24', 'fd00:1::1/64'],
    bad: ['192.168.1.1', 'router', '192.168.1.1/33'],
  },
  'network.bridge.NAME.pool': {
    good: ['', '10.140.0.0/25', '10.140.0.128/31'],
    bad: ['10.140.0.1/25', 'fd00::/64', '10.133.7.0/24', '10.141.0.0/24', '10.140.0.1/32', 'all'],
    beside: { network: { bridge: { name: { addresses: ['10.140.0.1/24'] } } } },
  },
  'network.bridge.NAME.pool6': { good: ['', 'fd00:140::/64'], bad: ['10.140.0.0/24', 'fd00:140::1/64', 'all'] },
  'network.bridge.NAME.isolated': yes,
  'network.bridge.NAME.vlan': whole(1, 4094),

  'drivers.mounts': trees,
  'drivers.capabilities': capabilities,
  'drivers.exec.allow': granted(['root', 'user', 'host-network', 'isolation-none'], ['all'], 'root'),
  'drivers.exec.uids': uids('2013265920-2014314495'),
  'drivers.firecracker.uids': uids('2080374784-2147483647'),
  'drivers.exec.tmp': { good: ['4Ki', '64Mi', '8191Ti'], bad: ['0', '1', '4095', '', ...NO_SIZE] },
  'drivers.oci.allow': granted(['bundle', 'rootfs', 'host-network'], ['oci.bundle'], ['root'], 'bundle'),
  'drivers.qemu.allow': { good: [[], ['files', 'image-files', 'vsock']], bad: [['image'], 'files', [1]] },
  'drivers.firecracker.allow': { good: [[], ['files', 'image-files']], bad: [['image'], 'files', [1]] },
  'drivers.firecracker.binary': program,
  'drivers.firecracker.jailer': program,
  'drivers.firecracker.overhead': size,
  'drivers.external.allow': { good: [[], ['sandbox'], ['sandbox', 'namespace']], bad: [['external'], true, [1]] },
  'drivers.qemu.accel': choice('auto', 'kvm', 'tcg'),
  'drivers.qemu.overhead': size,
  'drivers.qemu.kernel': place,
  'drivers.firecracker.kernel': place,
  'drivers.oci.runtime': program,
  'images.registries': {
    good: [[], ['docker.io', 'registry.example.com:5000', 'localhost:1', '[::1]:65535']],
    bad: [
      ...['docker.io', [''], ['https://docker.io'], ['docker.io/library'], ['a b'], ['user@host'], [1]],
      ...[['a:0'], ['a:65536'], ['a:'], [':5000'], ['-a'], ['a,b'], ['[::1']],
    ],
  },
  'images.policy': place,
  'images.auth_file': place,
  'images.registries_conf': place,
  'images.concurrent_pulls': whole(1, 32),
  'images.pull_deadline': duration('1s', '24h', '999ms', '25h'),
  'images.max_size': { good: ['4Ki', '8191Ti'], bad: ['4095', '0', '', ...NO_SIZE] },
  'images.max_files': whole(1, 100_000_000),
  'images.min_free': size,
  'images.keep': anyDuration,
  ...Object.assign({}, ...ENGINE_NAMES.map(engine)),
  'secrets.directory': path,
  'lifecycle.stop_grace': anyDuration,
  'lifecycle.start_deadline': duration('10ms', LONG[0], '9ms', LONG[1]),
  'lifecycle.reap_schedule': cron,
  'lifecycle.reap_age': anyDuration,
  'lifecycle.log_max': { good: ['4Ki', '1Ti'], bad: ['4095', '0', '', ...NO_SIZE] },
  'metrics.interval': duration('100ms', '1h', '99ms', '61m'),
  'metrics.max_series': whole(1000, 10_000_000),
  'metrics.cadvisor': yes,
  'log.format': choice('auto', 'json', 'text'),
  'log.level': choice('trace', 'debug', 'info', 'warn', 'error'),
};
