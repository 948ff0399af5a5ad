// One row for each field of a workload, or for all of a kind: the extremes that are right, and values that are wrong. Bounds are
// written here a second time on purpose: a bound that moves in the schema has to be meant.
import { merge, type Tree } from '../../../agent/config/tree.js';

export interface Row {
  readonly good: readonly unknown[];
  readonly bad: readonly unknown[];
  /** Fields that have to be there as well. */
  readonly beside?: Tree;
}

/** Instead of what the least spec has. */
const OF_IMAGE: Tree = { driver: 'oci', exec: undefined, oci: { rootfs: undefined } };
const IMAGED: Tree = { ...OF_IMAGE, image: 'docker://debian:13' };

const NO_NUMBER = ['', 'many', '1e', [], {}, null, true] as const;
const NO_SIZE = ['', 'lots', '-1Mi', '1.5', '1Pi', '8192Ti', '1 Mi', -1, 1.5, true, null] as const;
const NO_TIME = ['', 'soon', '5', '-1s', '1 s', '1e3s', '0.5us', -1, 0.5, true, null] as const;

const whole = (least: number, most: number): Row => ({
  good: [least, most],
  bad: [least - 1, most + 1, least + 0.5, ...NO_NUMBER],
});
/** Kept as text. */
const lasting = (good: readonly string[], bad: readonly string[]): Row => ({
  good,
  bad: [...bad, '', 'soon', '5', '-1s', '1 s', 1, true, null],
});
const choice = (...words: readonly string[]): Row => ({ good: words, bad: ['', 'other', words[0]?.toUpperCase(), 1] });
const yes: Row = { good: [true, false], bad: ['yes', '', 1, null] };
const with_ = (row: Row, beside: Tree): Row => ({ ...row, beside });
const size: Row = { good: [0, '0', 1, '1.5Mi', '8191Ti'], bad: NO_SIZE };
const sizeFrom = (least: number, most: unknown): Row => ({ good: [least, most], bad: [least - 1, ...NO_SIZE] });
const weight = whole(1, 10_000);
const path: Row = {
  good: ['/', '/a', `/${'a'.repeat(4094)}`, `/${'ä'.repeat(2047)}`],
  bad: ['', 'a', './a', `/${'a'.repeat(4095)}`, `/${'ä'.repeat(2048)}`, '/a\0b', 1, null],
};
const name = { good: ['a', 'a-b', 'x'.repeat(63)], bad: ['', '-a', 'a-', 'A', 'a_b', 'x'.repeat(64), 1] } as const;
/** MAX_ARG_STRLEN of binfmts.h has the NUL in it. */
const command: Row = {
  good: [['/x'], Array(1024).fill('a'), ['/x', 'a'.repeat(131_071), ''], ['/x', 'ä'.repeat(65_535)]],
  bad: [[], 'x', Array(1025).fill('a'), ['/x', 'a'.repeat(131_072)], ['/x', 'ä'.repeat(65_536)], ['/x\0'], [1]],
};
const env: Row = {
  good: [{}, { A: '' }, { a_1: 'x y=z' }, { ['A'.repeat(256)]: 'x' }, { A: 'x'.repeat(131_069) }],
  bad: [
    { '1A': '' },
    { 'A B': '' },
    { A: 1 },
    { A: 'x\0' },
    { ['A'.repeat(257)]: '' },
    { A: 'x'.repeat(131_070) },
    'A=b',
  ],
};
/** With a PATH in which a program is looked for. */
const searched: Row = {
  good: [...env.good, { PATH: Array(128).fill('/a').join(':') }],
  bad: [...env.bad, { PATH: Array(129).fill('/a').join(':') }, { PATH: 'a'.repeat(4097) }],
};
const many = (count: number) => Array.from({ length: count }, (_, at) => `10.${at >> 8}.${at & 255}.0/24`);
const networks: Row = {
  good: [[], ['10.0.0.0/8', 'fd00::/8', '0.0.0.0/0', '::/0', '192.0.2.1/32'], many(512)],
  bad: [['10.0.0.1/8'], ['10.0.0.0/33'], ['example.org'], ['10.0.0.0/08'], [''], '10.0.0.0/8', many(513)],
};
const rates = {
  good: ['64Kbit', '1000Gbit', 64_000, 1e12],
  bad: ['', '63Kbit', '1001Gbit', 63_999, 1e12 + 1, 64_000.5, 'fast', null],
} as const;
const uid = whole(0, 2 ** 32 - 2);
const named = (good: readonly unknown[], bad: readonly unknown[]): Row => ({
  good: [{}, ...good.map((value) => ({ 'a.b/c:1': value }))],
  bad: [
    { 'a b': good[0] },
    { '': good[0] },
    { ['a'.repeat(128)]: good[0] },
    'a',
    ...bad.map((value) => ({ a: value })),
  ],
});
/** Of a mount: a path without "//", "." and "..", and its parts. */
const plain = (...bad: readonly string[]): Row => ({
  good: ['/srv/data', '/a', '/a/.b/..c', `/${'a'.repeat(4094)}`],
  bad: [...path.bad, '/', '/a/', '/a//b', '/a/./b', '/a/../b', ...bad],
});
const bound = (field: Tree): Tree => ({ mounts: { '0': { type: 'bind', source: '/s', target: '/t', ...field } } });
const tmpfs: Tree = { mounts: { '0': { type: 'tmpfs', target: '/t' } } };
const SANDBOXED = { exec: { isolation: 'sandbox' } };
const DRIVE = { firecracker: { drives: { '0': { path: '/d' } } } };
const io = { '0': { device: '8:0', weight: 1 } };

export const ROWS: Readonly<Record<string, Row>> = {
  id: name,
  tenant: { ...name, bad: [...name.bad, 'supervisor'] },
  driver: { good: ['exec'], bad: ['', 'docker', 'EXEC', 1] },
  class: {
    good: ['burstable', 'besteffort', 'guaranteed'],
    bad: ['', 'best', 1],
    beside: { resources: { memory: { limit: '1Mi' } } },
  },
  priority: whole(0, 1000),
  labels: {
    good: [{}, { zone: 'a', 'topology.kubernetes.io/zone': '' }, { a: 'x'.repeat(256) }],
    bad: [{ '': 'x' }, { 'a b': 'x' }, { ['a'.repeat(64)]: 'x' }, { a: 'x'.repeat(257) }, { a: 1 }, 'zone=a'],
  },
  'restart.policy': choice('never', 'on-failure', 'always'),
  'restart.maxRetries': whole(0, 1000),

  env: searched,
  envFile: { good: ['/srv/web.env', '/a'], bad: [...path.bad, '/a/', '/a//b', '/a/../b', []] },
  'mounts.0.type': { ...choice('bind'), bad: ['', 'other', 'volume', 'BIND', 1, null], beside: bound({}) },
  'mounts.0.source': { ...plain(), beside: bound({}) },
  'mounts.0.target': {
    ...plain(
      '/proc',
      '/proc/self',
      '/sys',
      '/dev',
      '/dev/shm',
      '/etc',
      '/etc/hosts',
      '/etc/resolv.conf',
      '/etc/hostname',
    ),
    beside: bound({}),
  },
  'mounts.0.readOnly': with_(yes, bound({})),
  'mounts.0.noexec': with_(yes, bound({})),
  'mounts.0.size': with_(sizeFrom(4096, '8191Ti'), tmpfs),
  'mounts.0.mode': {
    good: ['0000', '1777', '755'],
    bad: ['', '7', '0888', '2755', '4755', '77777', 'u+w', 755, null],
    beside: tmpfs,
  },
  'mounts.0.uid': with_(uid, tmpfs),
  'mounts.0.gid': with_(uid, tmpfs),
  hostname: {
    good: ['a', 'Web-1.example.org', 'x'.repeat(63)],
    bad: ['', '-a', 'a-', 'a_b', 'a b', 'x'.repeat(64), 1, null],
  },
  readOnlyRootfs: yes,
  rlimits: {
    good: [
      {},
      { nofile: { soft: 0, hard: 1_048_576 } },
      { core: { soft: 'unlimited', hard: 'unlimited' }, stack: { soft: 1, hard: 'unlimited' } },
      { memlock: { soft: 0, hard: 2 ** 53 - 1 } },
    ],
    bad: [
      { nofile: { soft: 2, hard: 1 } },
      { nofile: { soft: 1, hard: 1_048_577 } },
      { nofile: { soft: 1, hard: 'unlimited' } },
      { core: { soft: 'unlimited', hard: 1 } },
      { core: { soft: -1, hard: 1 } },
      { core: { soft: 0.5, hard: 1 } },
      { core: { soft: '1', hard: '1' } },
      { core: 1 },
      { core: { soft: 1 } },
      { nice: { soft: 1, hard: 1 } },
      { rtprio: { soft: 1, hard: 1 } },
      { RLIMIT_CORE: { soft: 1, hard: 1 } },
      'core',
      null,
    ],
  },
  'rlimits.NAME.*': {
    good: [0, 2 ** 53 - 1, 'unlimited'],
    bad: [-1, 0.5, '1', '', 'none', true, null],
    beside: { rlimits: { fsize: { soft: 0, hard: 'unlimited' } } },
  },
  'capabilities.drop': {
    good: [[], ['ALL'], ['CHOWN', 'NET_RAW']],
    bad: [['CAP_CHOWN'], ['chown'], ['SYS_ADMIN'], 'ALL', [1], null],
  },
  'capabilities.add': {
    good: [[], ['NET_ADMIN'], ['SYS_NICE', 'NET_RAW']],
    bad: [['ALL'], ['SYS_ADMIN'], ['SYS_MODULE'], ['MKNOD'], 'NET_ADMIN', [1], null],
  },
  init: yes,
  'stop.signal': {
    good: ['SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGKILL', 'SIGWINCH', 'SIGRTMIN+3'],
    bad: ['', 'TERM', 'SIGSTOP', 'SIGCHLD', 'sigterm', 'SIGRTMIN', 15, null],
  },
  'health.tcp': with_(whole(1, 65_535), { health: {} }),
  'health.http.port': whole(1, 65_535),
  'health.http.path': {
    good: ['/', '/healthz?full=1', `/${'a'.repeat(1023)}`],
    bad: ['', 'healthz', '/a b', '/a\r\nX: y', '/ä', `/${'a'.repeat(1024)}`, 1, null],
    beside: { health: { http: { port: 80 } } },
  },
  'health.http.status': with_(whole(100, 599), { health: { http: { port: 80 } } }),
  'health.interval': with_(lasting(['1s', '1h'], ['999ms', '61m']), { health: { tcp: 80 } }),
  'health.timeout': with_(lasting(['100ms', '30s'], ['99ms', '31s']), { health: { tcp: 80 } }),
  'health.retries': with_(whole(1, 100), { health: { tcp: 80 } }),
  'health.startPeriod': with_(lasting(['0s', '1h'], ['61m']), { health: { tcp: 80 } }),
  'stop.grace': lasting(['0s', '90s', '1h'], ['61m', '2h']),

  'exec.command': command,
  'exec.env': searched,
  'exec.isolation': choice('sandbox', 'none'),
  'exec.user': {
    good: ['root', 'first.last', 'Debian-exim', '0', '4294967294', 'ä'],
    bad: ['', '-a', '+a', 'a b', 'a:b', 'a,b', 'x'.repeat(257), 1],
  },
  'exec.cwd': path,

  image: {
    good: [
      ...['docker://debian:13', 'docker://localhost:5000/a/b', 'oci:/srv/image:latest', 'oci-archive:/srv/a.tar'],
      ...['docker-archive:/srv/a.tar:app:1', `docker://quay.io/x/y@sha256:${'a'.repeat(64)}`],
    ],
    bad: [
      ...['', 'debian', 'docker://', 'docker://UPPER/x', 'docker://a b', 'oci:relative:x', 'oci:/', 'dir:/x', '--help'],
      ...['docker://x@sha256:abc', 'docker://a/../b', `docker://${'a'.repeat(2000)}`, 'oci:/a\0b:x', 1, null],
    ],
    beside: OF_IMAGE,
  },
  pull: with_(choice('missing', 'always', 'never'), IMAGED),
  'oci.entrypoint': { ...command, good: [...command.good, []], bad: command.bad.slice(1), beside: IMAGED },
  'oci.writable.in': with_(choice('disk', 'memory'), IMAGED),
  'oci.writable.size': { ...size, beside: merge(IMAGED, { oci: { writable: { in: 'memory' } } }) },
  'oci.bundle': { ...path, beside: { oci: { rootfs: undefined, command: undefined } } },
  'oci.rootfs': path,
  'oci.command': command,
  'oci.env': env,
  'oci.user.uid': with_(uid, { oci: { user: { gid: 0 } } }),
  'oci.user.gid': with_(uid, { oci: { user: { uid: 0 } } }),
  'oci.readonly': yes,

  'qemu.kernel': path,
  'qemu.initrd': path,
  'qemu.root': path,
  // COMMAND_LINE_SIZE of x86 is 2048 with the NUL; what berth adds is in it.
  'qemu.append': {
    good: ['', 'a'.repeat(1792), 'console=ttyS0 quiet'],
    bad: ['a'.repeat(1793), 'ä'.repeat(1000), 'a\0b', 'a\nb', 1, null],
  },
  'qemu.vcpus': whole(1, 32),
  'qemu.memory': sizeFrom(2 ** 20, '8191Ti'),
  'qemu.hugepages': with_(choice('2Mi', '1Gi'), { qemu: { memory: '2Gi' } }),
  'qemu.lockMemory': yes,
  'qemu.vsock': yes,

  'firecracker.kernel': path,
  'firecracker.initrd': path,
  'firecracker.root.path': path,
  'firecracker.root.readOnly': yes,
  'firecracker.root.rateLimiter.bandwidth': { good: [1, '1Ki', '8191Ti'], bad: [0, ...NO_SIZE] },
  'firecracker.root.rateLimiter.ops': whole(1, 1e9),
  'firecracker.drives.0.path': path,
  'firecracker.drives.0.readOnly': with_(yes, DRIVE),
  'firecracker.drives.0.rateLimiter.bandwidth': { good: [1, '1Ki', '8191Ti'], bad: [0, ...NO_SIZE], beside: DRIVE },
  'firecracker.drives.0.rateLimiter.ops': with_(whole(1, 1e9), DRIVE),
  'firecracker.append': {
    good: ['', 'a'.repeat(1024), 'console=ttyS0 quiet'],
    bad: ['a'.repeat(1025), 'ä', 'a\0b', 'a\nb', 1, null],
  },
  'firecracker.vcpus': whole(1, 32),
  'firecracker.smt': with_(yes, { firecracker: { vcpus: 2 } }),
  'firecracker.memory': sizeFrom(2 ** 20, '8191Ti'),
  'firecracker.hugepages': with_(choice('2Mi'), { firecracker: { memory: '2Gi' } }),
  'firecracker.cpuTemplate': { good: ['C3', 'T2', 'T2S', 'T2CL', 'T2A', 'V1N1'], bad: ['', 'c3', 'None', 1] },
  'firecracker.vsock': yes,
  'firecracker.mmds.metadata': {
    good: [{}, { 'latest/a': { b: [1, null, 'c'] } }, { a: 'x'.repeat(51_000) }],
    bad: ['a', 1, null, [], { ['a'.repeat(257)]: 1 }, { a: 'x'.repeat(51_200) }],
  },
  'firecracker.balloon.deflateOnOom': yes,
  'firecracker.balloon.statistics': whole(0, 3600),
  'firecracker.balloon.freePageReporting': yes,
  'firecracker.entropy': yes,

  'external.tap': yes,
  'external.at': with_(choice('netns', 'host'), { external: { tap: true } }),
  'external.uid': uid,
  'external.multiQueue': yes,
  'external.vsock': yes,
  'external.vnetHeader': yes,
  'external.guestAddress': {
    good: ['192.0.2.1', '10.0.0.0', '255.255.255.255'],
    bad: ['', '192.0.2', '192.0.2.256', '::1', 'guest', 1],
    beside: { external: { tap: true } },
  },

  'resources.cpu.request': { good: [0.001, 4096, '500m'], bad: [0, 0.0009, 4097, '1e3', 'all', true, null] },
  'resources.cpu.limit': { good: [0.01, 4096, '500m', 0.3333], bad: [0, 0.009, 4097, 'all', true, null] },
  'resources.cpu.weight': weight,
  'resources.cpu.period': {
    good: ['1ms', '1s', '1.001ms'],
    bad: ['0.999ms', '1001ms', ...NO_TIME],
    beside: { resources: { cpu: { limit: 1 } } },
  },
  'resources.cpu.burst': {
    good: ['0s', '1ms', '100ms'],
    bad: ['101ms', '1001ms', ...NO_TIME],
    beside: { resources: { cpu: { limit: 1 } } },
  },
  'resources.cpu.idle': yes,
  'resources.cpu.uclamp*': { good: [0, 100, 0.01, 99.99, 12.5], bad: [-1, 100.01, 0.001, 33.333, '50', null] },
  'resources.cpu.cpus': { good: ['0', '0-3', '0,2-3', '1023'], bad: ['', '3-0', 'a', '0-', '0,,1', '-1', '0 1', 1] },
  'resources.cpu.mems': { good: ['0', '0-1'], bad: ['', '1-0', 'a', 1] },
  'resources.memory.request': size,
  'resources.memory.limit': sizeFrom(2 ** 20, '8191Ti'),
  'resources.memory.high': sizeFrom(2 ** 20, '8191Ti'),
  'resources.memory.swap': size,
  'resources.memory.zswap': size,
  'resources.memory.ksm': yes,
  'resources.pids': whole(1, 4_194_304),
  'resources.io.0.device': {
    // The first two are one disk: see spec-consumers.ts.
    good: ['/dev/vda', '254:0', '8:0', '4095:1048575'],
    bad: ['', 'vda', '8', '8:', '/dev/', '/dev/a\0', '8:0 rbps=1', '4096:0', '8:1048576'],
    beside: { resources: { io } },
  },
  'resources.io.0.*Bps': sizeFrom(4096, '8191Ti'),
  'resources.io.0.*Iops': whole(1, 1_000_000_000),
  'resources.io.0.weight': weight,
  'resources.io.0.latency': { good: ['1us', '60s', 1], bad: ['0s', '61s', 0, ...NO_TIME] },
  'resources.ioWeight': weight,
  'resources.hugepages': {
    good: [{}, { '64Ki': '64Ki', '2Mi': 0 }, { '1Gi': '1Gi', '16Gi': '16Gi' }, { '32Mi': '64Mi', '512Mi': '1Gi' }],
    bad: [{ '4Ki': 0 }, { '2Mi': '1Mi' }, { '2Mi': -1 }, { '2Mi': 'lots' }, '2Mi', { '1Gi': '512Mi' }],
  },
  'resources.misc': named([0, 2 ** 53 - 1], [-1, 0.5, 2 ** 53, '1', null]),
  'resources.rdma': named(
    [{}, { handles: 0 }, { handles: 2 ** 31 - 1, objects: 2 ** 31 - 1 }],
    [{ handles: -1 }, { objects: 2 ** 31 }, { other: 1 }, 1],
  ),
  'resources.rdma.NAME.*': whole(0, 2 ** 31 - 1),
  'resources.licences': {
    good: [{}, { db: 1 }, { 'a-b': 1_000_000 }],
    bad: [{ db: 0 }, { db: 1_000_001 }, { db: 0.5 }, { 'D B': 1 }, 'db'],
  },
  'resources.dmem': named([0, '1Gi', '8191Ti'], NO_SIZE),

  'network.mode': choice('routed', 'none', 'host'),
  'network.bridge': {
    good: ['lan0', 'a', 'a'.repeat(15)],
    bad: ['', 'A', '9', 'a b', 'a/b', 'a'.repeat(16), 1],
    beside: { network: { mode: 'bridge' } },
  },
  'network.mtu': whole(576, 65_521),
  'network.ipv6': yes,
  'network.ports.0.host': with_(whole(1, 65_535), { network: { ports: { '0': { guest: 1 } } } }),
  'network.ports.0.guest': with_(whole(1, 65_535), { network: { ports: { '0': { host: 1 } } } }),
  'network.ports.0.protocol': with_(choice('tcp', 'udp'), { network: { ports: { '0': { host: 1, guest: 1 } } } }),
  'network.ports.0.from': {
    good: [['0.0.0.0/0'], ['192.0.2.1/32', 'fd00::/8']],
    bad: [[], ['192.0.2.1/8'], ['example.org'], '192.0.2.0/24', null],
    beside: { network: { ports: { '0': { host: 1, guest: 1 } } } },
  },
  'network.reachable': choice('published', 'tenant', 'any'),
  'network.bandwidth.*': {
    good: ['64Kbit', '1000Gbit', { packets: 1 }],
    bad: ['', '63Kbit', '1001Gbit', 64_000, {}, null],
  },
  'network.bandwidth.*.rate': rates,
  'network.bandwidth.ingress.burst': {
    good: [2000, '4095Mi', 2 ** 32 - 1],
    bad: ['', 1999, '4Gi', 2 ** 32, 2000.5, 'big', null],
    beside: { network: { bandwidth: { ingress: { rate: '1000Gbit' } } } },
  },
  'network.bandwidth.egress.burst': {
    // 60 s of the rate; and a frame of the greatest MTU does not fit into less.
    good: [65_539, 480_000],
    bad: [65_538, 480_001],
    beside: { network: { mtu: 65_521, bandwidth: { egress: { rate: '64Kbit' } } } },
  },
  'network.bandwidth.*.packets': whole(1, 10_000_000),
  'network.egress.default': choice('allow', 'deny'),
  'network.egress.allow': networks,
  'network.egress.deny': networks,
  'network.connections': whole(1, 1_000_000),
  'network.dns.servers': {
    good: [[], ['1.1.1.1', 'fd00::1']],
    bad: [['dns.example'], ['1.1.1'], ['fe80::1%eth0'], Array(4).fill('1.1.1.1'), '1.1.1.1'],
    beside: SANDBOXED,
  },
  'network.dns.search': {
    good: [[], ['example.org', 'a.', '_tcp.example']],
    bad: [['a b'], ['.a'], ['a..b'], Array(7).fill('a'), 'a'],
    beside: SANDBOXED,
  },
  'network.dns.options': {
    good: [[], ['ndots:2', 'rotate']],
    bad: [['ndots: 2'], ['Rotate'], ['ndots:1000'], [''], Array(9).fill('a'), 'a'],
    beside: SANDBOXED,
  },
};
