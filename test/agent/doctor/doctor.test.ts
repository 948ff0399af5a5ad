import test from 'ava';
import type { AgentStatus } from '../../../agent/doctor/check.js';
import { CHECKS } from '../../../agent/doctor/checks.js';
import { diagnose } from '../../../agent/doctor/doctor.js';
import type { HostFacts } from '../../../agent/host/facts.js';

const HEALTHY: HostFacts = {
  hostname: 'node-1',
  kernel: '6.12.9-amd64',
  arch: 'x64',
  glibc: '2.41',
  bootId: '5d3c1f0e-7a40-4d0c-9d0a-0c2f3a1b9e55',
  root: true,
  capabilities: { netAdmin: true, sysAdmin: true, kill: true },
  systemd: true,
  cgroup: { mount: '/sys/fs/cgroup', hybrid: false, controllers: ['cpuset', 'cpu', 'io', 'memory', 'pids'] },
  psi: true,
  cpusOnline: 8,
  memoryBytes: 2 ** 35,
  swapBytes: 0,
  tun: true,
  clockSynchronised: true,
  limits: {
    ipForward: 1,
    inotifyInstances: 1_048_576,
    inotifyWatches: 1_048_576,
    neighThresh: 8192,
    neighThresh6: 8192,
    pidMax: 4_194_304,
    threadsMax: 200_000,
    keysMax: 4000,
    mapCount: 262_144,
    openFiles: 1_048_576,
  },
  binaries: {
    crun: { path: '/usr/bin/crun' },
    'qemu-system-x86_64': { path: '/usr/bin/qemu-system-x86_64' },
    nft: { path: '/usr/sbin/nft' },
  },
  kvm: { usable: true, reason: 'a 64-bit test guest ran' },
};

const { cgroup: _, glibc: __, ...BARE } = HEALTHY;
const { nft: ___, ...WITHOUT_NFT } = HEALTHY.binaries;
const { crun: ____, ...WITHOUT_CRUN } = HEALTHY.binaries;
const limits = (change: HostFacts['limits']): HostFacts => ({ ...HEALTHY, limits: { ...HEALTHY.limits, ...change } });

const QUIET = { contested: [], unwatched: 0, tenants: [], throttled: [], high: [], leaks: [] };
const CALM = { inTheWay: [], near: [], overQuota: [], overLicence: [] };

// One line for each code: facts and status that bring it about.
const CASES: Readonly<Record<string, [HostFacts, AgentStatus?]>> = {
  cgroup_v2_missing: [{ ...BARE, glibc: '2.41' }],
  controller_missing: [{ ...HEALTHY, cgroup: { mount: '/m', hybrid: true, controllers: ['cpu', 'pids'] } }],
  not_root: [{ ...HEALTHY, root: false }],
  capability_missing: [{ ...HEALTHY, capabilities: { netAdmin: false, sysAdmin: true, kill: true } }],
  no_tun: [{ ...HEALTHY, tun: false }],
  nft_missing: [{ ...HEALTHY, binaries: WITHOUT_NFT }],
  ids_shared: [HEALTHY, { sharedIds: ['drivers.exec.uids: 100000-165535 of alice in /etc/subuid'] }],
  ip_forward_off: [limits({ ipForward: 0 })],
  ip6_forward_off: [limits({ ipForward6: 0 }), { network: { ipv6: true } }],
  forward_dropped: [
    HEALTHY,
    { network: { traffic: { offered: 20, lost: 1, suspects: ['ip filter FORWARD (policy drop)'] } } },
  ],
  firewall_of_another: [HEALTHY, { network: { foreignTables: ['inet berth, of installation 1a2b3c4d'] } }],
  bridge_nf_call: [limits({ bridgeNfCall: 1 }), { network: { bridges: true } }],
  pool_conflict: [HEALTHY, { network: { poolConflicts: ['network.pool 10.133.0.0/16: wg0 has it'] } }],
  pool_covered: [HEALTHY, { network: { poolsCovered: ['network.pool 10.133.0.0/16: wg0 has more'] } }],
  network_changed: [HEALTHY, { network: { unrepaired: [{ workload: 'web-1', detail: 'btabc is down' }] } }],
  shaping_module_missing: [{ ...HEALTHY, modulesMissing: { shaping: ['sch_tbf'] } }],
  nat_module_missing: [{ ...HEALTHY, modulesMissing: { nat: ['nft_masq'] } }],
  bridge_module_missing: [{ ...HEALTHY, modulesMissing: { bridge: ['bridge'] } }, { network: { bridges: true } }],
  cgroup_second_writer: [HEALTHY, { limits: { ...QUIET, contested: ['web-1: pids.max is max, wanted 32'] } }],
  cgroup_unwatched: [HEALTHY, { limits: { ...QUIET, unwatched: 3 } }],
  tenant_over_limit: [HEALTHY, { limits: { ...QUIET, tenants: ['acme: 2Mi are in use'] } }],
  cpu_throttled_idle: [HEALTHY, { limits: { ...QUIET, throttled: ['web-1: throttled in 20 % of its periods'] } }],
  memory_high_futile: [HEALTHY, { limits: { ...QUIET, high: ['web-1'] } }],
  cgroup_leak: [HEALTHY, { limits: { ...QUIET, leaks: ['/sys/fs/cgroup/x: EBUSY'] } }],
  ceiling_in_the_way: [
    HEALTHY,
    { density: { ...CALM, inTheWay: ['neighbours 1024 is enough for 486 of 1000 workloads'] } },
  ],
  ceiling_near: [HEALTHY, { density: { ...CALM, near: ['keys 198 of 200'] } }],
  tenant_over_quota: [HEALTHY, { density: { ...CALM, overQuota: ['acme: memory 5Gi of 4Gi'] } }],
  licence_over: [HEALTHY, { density: { ...CALM, overLicence: ['db: 3 in use, 2 there'] } }],
  psi_off: [{ ...HEALTHY, psi: false }],
  neigh_gc_low: [limits({ neighThresh: 1024 })],
  neigh6_gc_low: [limits({ neighThresh6: 1024 })],
  inotify_low: [limits({ inotifyWatches: 8192 })],
  inotify_instances_low: [limits({ inotifyInstances: 128 })],
  pid_max_low: [limits({ pidMax: 32_768 })],
  keys_low: [limits({ keysMax: 200 })],
  open_files_low: [limits({ openFiles: 1024 })],
  clock_unsynchronised: [{ ...HEALTHY, clockSynchronised: false }],
  objects_leaked: [HEALTHY, { leakedObjects: 3 }],
  scheduler_unreachable: [HEALTHY, { schedulersDown: ['central'] }],
  no_systemd: [{ ...HEALTHY, systemd: false }],
  crun_missing: [{ ...HEALTHY, binaries: WITHOUT_CRUN }],
  qemu_missing: [{ ...HEALTHY, binaries: { runc: { path: '/x' }, nft: { path: '/x' } } }],
  kvm_unusable: [{ ...HEALTHY, kvm: { usable: false, reason: '/dev/kvm does not exist' } }],
  swap_on: [{ ...HEALTHY, swapBytes: 1 }],
  glibc_old: [{ ...HEALTHY, glibc: '2.36' }],
};

test('a healthy host has no conditions', (t) => {
  t.deepEqual(diagnose(HEALTHY), []);
});

test('every check has a case here and is the only one it sets off', (t) => {
  t.deepEqual(Object.keys(CASES).sort(), CHECKS.map(({ code }) => code).sort());
  for (const [code, [facts, status]] of Object.entries(CASES)) {
    t.deepEqual(
      diagnose(facts, status).map((condition) => condition.code),
      [code],
    );
  }
});

test('every check says why and how to mend it, in sentences', (t) => {
  for (const { code, title, why, fix } of CHECKS) {
    t.regex(code, /^[a-z0-9_]+$/);
    t.regex(title, /^[A-Za-z].*[^.]$/, code);
    t.regex(why, /^[A-Za-z].*\.$/, code);
    t.regex(fix, /^[A-Z].*\.$/, code);
  }
});

test('the gravest come first', (t) => {
  const conditions = diagnose({ ...HEALTHY, swapBytes: 1, root: false, tun: false });
  t.deepEqual(
    conditions.map(({ severity }) => severity),
    ['error', 'warning', 'info'],
  );
});

test('what does not concern this node is no finding, and a little loss is none either', (t) => {
  t.deepEqual(diagnose(limits({ ipForward6: 0, bridgeNfCall: 1 }), { network: {} }), []);
  t.deepEqual(diagnose({ ...HEALTHY, modulesMissing: { bridge: ['bridge'] } }), []);
  t.deepEqual(diagnose(HEALTHY, { network: { traffic: { offered: 1000, lost: 49, suspects: [] } } }), []);
  const [found] = diagnose(HEALTHY, {
    network: { traffic: { offered: 9, lost: 9, suspects: ['ip filter FORWARD (policy drop)'] } },
  });
  t.is(
    found?.title,
    'Others drop traffic of workloads: 9 of 9 new connections did not pass; suspected: ip filter FORWARD (policy drop)',
  );
  t.regex(found?.fix ?? '', /DOCKER-USER/);
});

test('titles carry the figures and names', (t) => {
  t.is(
    diagnose(limits({ neighThresh: 1024 }), { workloadLimit: 600 })[0]?.title,
    'Neighbour table is small: 1024, wanted 1200',
  );
  t.deepEqual(diagnose(limits({ neighThresh: 1024 }), { workloadLimit: 500 }), []);
  const [condition] = diagnose({ ...HEALTHY, cgroup: { mount: '/m', hybrid: true, controllers: ['cpu'] } });
  t.is(condition?.title, 'cgroup v2 controllers missing: memory, pids (held by cgroup v1)');
  const below = diagnose(HEALTHY, { missingControllers: [{ controller: 'cpu', reason: 'not offered by /x' }] });
  t.is(below[0]?.title, 'cgroup v2 controllers missing: cpu (not offered by /x)');
});
