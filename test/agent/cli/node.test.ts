import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import type { AgentSources } from '../../../agent/cli/command.js';
import { EXAMPLES } from '../../../agent/cli/spec-help.js';
import { COMMANDS } from '../../../agent/cli/table/all.js';
import { loadConfig } from '../../../agent/config/load.js';
import type { Results } from '../../../agent/control/methods.js';
import type { PredictionView } from '../../../agent/density/prediction/live.js';
import type { CapacityRow } from '../../../agent/model/capacity.js';
import { BerthError, ERRORS, type ErrorCode } from '../../../protocol/errors.js';
import { CALM, EVERYBODY_SHARES, NO_STARTS } from '../calm.js';
import { berth, fakeAgent, NOW } from './fake.js';

const NODE: Results['node.describe'] = {
  session: { role: 'operator', tenants: null, allow: null },
  name: 'host-7',
  version: '0.1.0',
  bootId: 'b0b0',
  startedAt: NOW - 3_700_000,
  ...{ ready: true, cordoned: true, drain: null },
  labels: { zone: 'a' },
  drivers: [
    { name: 'exec', usable: true, reason: '' },
    { name: 'oci', usable: false, reason: 'crun is not installed' },
    { name: 'qemu', usable: true, reason: 'tcg: there is no /dev/kvm' },
  ],
  workloads: { pending: 0, preparing: 0, starting: 0, running: 12, frozen: 0, stopping: 0, exited: 0, failed: 1 },
  leaked: 0,
  pressure: CALM,
  starts: NO_STARTS,
  host: {
    hostname: 'host-7',
    os: 'Debian GNU/Linux 13',
    kernel: '6.12.9',
    arch: 'x64',
    cpus: 4,
    cpuModel: 'AMD EPYC Processor',
    cores: 2,
    memoryBytes: 3_055_382_528,
    foreign: { docker: 3, lxc: 1, podman: 0 },
  },
  conditions: [
    { code: 'ip_forward_off', severity: 'warning', title: 'IPv4 forwarding is off', why: 'Why.', fix: 'Fix.' },
  ],
};

test('node status: a summary', async (t) => {
  const agent = fakeAgent({ 'node.describe': () => NODE });
  t.is(
    (await berth('node status', { agent })).out,
    `Node        host-7
State       ready, cordoned
Agent       berth 0.1.0, up 1h1m
Host        Debian GNU/Linux 13, kernel 6.12.9, x64, 4 cpus AMD EPYC Processor, 2.8Gi memory
Boot        b0b0
Labels      zone=a
Workloads   12 running, 1 failed
Drivers     exec, qemu (tcg)
            oci unusable: crun is not installed
Foreign     3 docker, 1 lxc
Leaked      0 objects
Pressure    calm
Starts      0 of 128 settling, none waits
Conditions  1 warning, see berth doctor
Role        operator
`,
  );
  t.deepEqual(JSON.parse((await berth('node status --json', { agent })).out), { node: NODE });
});

test('node status: errors by title, and only what is known', async (t) => {
  const error = { code: 'no_psi', severity: 'error', title: 'No pressure figures', why: 'Why.', fix: 'Fix.' } as const;
  const note = { ...error, severity: 'info', title: 'A note' } as const;
  const conditions = [...NODE.conditions, error, note, { ...error, title: 'No \x1b cgroup' }];
  const early: Results['node.describe'] = {
    ...{ ...NODE, session: { role: 'viewer', tenants: ['acme', 'globex'], allow: [] }, ready: false, labels: {} },
    host: { kernel: '6.12.9', arch: 'x64', cpus: 1, foreign: {} },
    drivers: [],
    leaked: 1,
    conditions,
  };
  t.is(
    (await berth('node status', { agent: fakeAgent({ 'node.describe': () => early }) })).out,
    `Node        host-7
State       not ready, cordoned
Agent       berth 0.1.0, up 1h1m
Host        kernel 6.12.9, x64, 1 cpu
Boot        b0b0
Workloads   12 running, 1 failed
Leaked      1 object
Pressure    calm
Starts      0 of 128 settling, none waits
Conditions  error: No pressure figures
            error: No \\x1b cgroup
            2 errors, 1 warning, 1 note, see berth doctor
Role        viewer of acme, globex
`,
  );
  const fine = fakeAgent({ 'node.describe': () => ({ ...NODE, conditions: [] }) });
  t.regex((await berth('node status', { agent: fine })).out, /^Conditions {2}none$/m);
});

test('node status: what waits to start, and why it takes longer', async (t) => {
  const lastDecrease = { signal: 'cpu', value: 0.72, limit: 0.6, boundBefore: 128, bound: 16, agoMs: 11_200 } as const;
  const starts = { ...NO_STARTS, settling: 16, bound: 16, queued: 120, oldestWaitMs: 3100, lastDecrease };
  const { out } = await berth('node status', { agent: fakeAgent({ 'node.describe': () => ({ ...NODE, starts }) }) });
  t.true(
    out.includes(
      `Starts      16 of 16 settling, 120 of at most 8000 wait, the oldest for 4s
            fewer at once (128 before), last 12s ago: tasks wait for a cpu 72 % of the time, the limit is 60 %
`,
    ),
    out,
  );
  const off = { ...NO_STARTS, enabled: false };
  const agent = fakeAgent({ 'node.describe': () => ({ ...NODE, starts: off }) });
  t.regex((await berth('node status', { agent })).out, /^Starts {6}all at once/m);
});

test('node capacity: what is expected to be used, and what that would allow', async (t) => {
  const rest = { kept: 0, reserved: 0, used: null };
  const rows = [
    { scope: 'host', dimension: 'cpu', capacity: 16, allocatable: 60, committed: 41, ...rest },
  ] as const satisfies readonly CapacityRow[];
  const basis = {
    figure: 'independent',
    percentile: 98,
    promised: 41,
    expected: 12.06,
    workloads: 82,
    known: 80,
  } as const;
  const prediction: PredictionView = {
    mode: 'advise',
    forecast: {
      cpu: { mean: 8.4, independent: 12.06, worst: 30 },
      memory: { mean: 2 ** 33, independent: 2 ** 34, worst: 2 ** 35 },
      ...{ workloads: 82, unknown: 2 },
    },
    advice: [
      {
        ...{ class: 'burstable', resource: 'cpu', ratio: 3.4, reason: '' },
        basis: { ...basis, share: 0.976, samples: 115_000, ageMs: 3 * 86_400_000 },
      },
      {
        ...{ class: 'besteffort', resource: 'memory', ratio: null, reason: 'learning' },
        basis: { ...basis, promised: 2 ** 30, expected: 2 ** 29, share: 0, samples: 0, ageMs: null },
      },
    ],
  };
  const answer = {
    rows,
    windows: [],
    ceilings: [],
    reservations: [],
    overhead: [],
    prediction,
    placement: EVERYBODY_SHARES,
  };
  const agent = fakeAgent({ 'node.capacity': () => answer });
  const { out } = await berth('node capacity', { agent });
  t.is(
    out.slice(out.indexOf('Expected')),
    `Expected use (density.prediction is advise; admission does not follow it)
  cpu: 8.4 cores on the whole, 12.06 cores in 98 of 100 moments, 30 cores with all at their peak; the host has 16 cores, may promise 60 cores
  memory: 8Gi on the whole, 16Gi in 98 of 100 moments, 32Gi with all at their peak
  of 82 workloads 2 were never sampled and count as they are promised

CLASS       RESOURCE   ADVISED  PROMISED  EXPECTED  WORKLOADS  KNOWN  SAMPLES  YOUNGEST
burstable   cpu           x3.4        41     12.06         82    98%   115000        3d
besteffort  memory    learning       1Gi     512Mi         82     0%        0         -
`,
  );
  t.deepEqual(JSON.parse((await berth('node capacity --json', { agent })).out).prediction, prediction);
});

test('node capacity: sizes as text, no limit, share', async (t) => {
  const rest = { kept: 0, reserved: 0, used: null };
  const rows = [
    {
      ...({ scope: 'host', dimension: 'memory' } as const),
      ...{ capacity: 2 ** 34, allocatable: 2 ** 33, committed: 2 ** 32 },
      ...{ kept: 2 ** 33, reserved: 2 ** 30, used: 2 ** 31 },
    },
    { scope: 'host', dimension: 'cpu', capacity: 4, allocatable: 14.004, committed: 15, ...rest },
    { scope: 'host', dimension: 'keys', capacity: 1000, allocatable: 950, committed: 3, ...rest },
    { scope: 'host', dimension: 'neighbours', capacity: 1024, allocatable: 972, committed: 800, ...rest },
    { scope: 'tenant/acme', dimension: 'workloads', capacity: 100, allocatable: null, committed: 3, ...rest },
  ] as const;
  const windows = [
    { name: 'night', active: true, from: NOW - 3_600_000, until: NOW + 3_600_000, changes: { cpu_overcommit: 8 } },
    { name: 'feast', active: false, from: NOW + 86_400_000, until: NOW + 90_000_000, changes: {} },
  ];
  const ceilings = [
    { name: 'keys', limit: 1000, used: 900 },
    { name: 'ptys', limit: 4096, used: 1 },
  ];
  const made = { id: 'web-1', tenant: 'acme', scheduler: 'central', expiresAt: NOW + 20_000 };
  const unmeasured = { size: null, configured: 0, measured: null, samples: 0, runs: 0 };
  const qemu = { driver: 'qemu', configured: 160 * 2 ** 20, surcharge: 2 ** 20 } as const;
  const overheads = [
    { driver: 'exec', ...unmeasured, counts: 'configured', counted: 0, surcharge: 0 },
    {
      ...{ ...qemu, size: '1 vcpu 256Mi', measured: 50.5 * 2 ** 20, samples: 120, runs: 9 },
      ...({ counts: 'measured', counted: 51 * 2 ** 20 } as const),
    },
    {
      ...{ ...qemu, size: '8 vcpus 64Gi', measured: 300 * 2 ** 20, samples: 1, runs: 1 },
      ...({ counts: 'configured', counted: 160 * 2 ** 20 } as const),
    },
  ] as const;
  const answer = {
    rows,
    windows,
    ceilings,
    reservations: [{ reservation: 'web-1.x.y', ...made }],
    overhead: overheads,
    prediction: null,
    placement: EVERYBODY_SHARES,
  };
  const agent = fakeAgent({ 'node.capacity': () => answer });
  t.is(
    (await berth('node capacity', { agent })).out,
    `SCOPE        DIMENSION   CAPACITY  KEPT  ALLOCATABLE  COMMITTED  RESERVED  FREE  FULL  USED
host         memory          16Gi   8Gi          8Gi        4Gi       1Gi   3Gi   63%   2Gi
host         cpu                4     -           14         15         -     0  107%     -
host         neighbours      1024     -          972        800         -   172   82%     -
tenant/acme  workloads        100     -     no limit          3         -     -     -     -

1 rows with plenty left are not shown; --all shows them

Windows
  night: open until 2026-11-21T13:00:00Z (1h left): cpu_overcommit 8
  feast: from 2026-11-22T12:00:00Z (in 1d) for 1h: changes nothing

Reservations
  web-1.x.y: tenant acme, by central, 20s left

Ceilings of the kernel
  keys: 900 of 1000

Overhead of drivers
  qemu 1 vcpu 256Mi: 51Mi counted, as measured; 160Mi configured, 50.5Mi measured (p98, 120 samples of 9 runs), surcharge 1Mi
  qemu 8 vcpus 64Gi: 160Mi counted, as configured; 160Mi configured, 300Mi measured (p98, 1 samples of 1 runs, MORE THAN CONFIGURED), surcharge 1Mi
`,
  );
  t.regex((await berth('node capacity --all', { agent })).out, /ptys: 1 of 4096/);
  t.deepEqual(JSON.parse((await berth('node capacity --json', { agent })).out), answer);
});

test('cleanup', async (t) => {
  const agent = fakeAgent({
    'node.cleanup': () => ({ removed: ['link bt1'] }),
  });
  t.is((await berth('cleanup', { agent })).out, 'removed link bt1\n');
  t.is(
    (await berth('cleanup', { agent: fakeAgent({ 'node.cleanup': () => ({ removed: [] }) }) })).out,
    'nothing to remove\n',
  );
});

test('doctor: from the agent, or without one; 1 with an error', async (t) => {
  const { conditions } = NODE;
  const asked = await berth('doctor', { agent: fakeAgent({ 'node.doctor': () => ({ conditions }) }) });
  t.is(asked.exit, 0);
  t.is(
    asked.out,
    'WARNING IPv4 forwarding is off (ip_forward_off)\n        Why.\n        fix: Fix.\n0 errors, 1 warning\n',
  );
  const severe = [{ ...conditions[0], code: 'no_cgroup', severity: 'error' } as never, ...conditions];
  const alone = await berth('doctor', { checkHost: async () => severe });
  t.is(alone.exit, 1);
  t.true(alone.out.startsWith('No agent answers (cannot connect to /run/berth/berth.sock: ECONNREFUSED);'));
  const json = JSON.parse((await berth('doctor --json', { checkHost: async () => severe })).out);
  t.is(json.source, 'host');
  t.is(json.conditions[0].severity, 'error');
  t.is((await berth('doctor --connect wss://other', { checkHost: async () => severe })).exit, 5);
});

/** Of cp: not two ids. */
const SIDES: Readonly<Record<string, string>> = { SRC: 'web-1:/etc/hosts', DST: '/tmp' };

test('without an agent every command that needs one exits with 5', async (t) => {
  const input = JSON.stringify(EXAMPLES.exec);
  const lines = COMMANDS.filter((c) => c.group !== 'Agent and tools' && c.path[0] !== 'doctor').map((c) => {
    const args = c.args
      .filter(({ optional }, at) => at === 0 || optional !== true)
      .map(({ name }) => SIDES[name] ?? 'web-1');
    return [...c.path, ...args, ...(c.options.some((o) => o.needed || o.name === 'file') ? ['-f', '-'] : [])];
  });
  t.true(lines.length > 15);
  for (const line of lines) {
    const { exit, out, err } = await berth(line, { input });
    t.is(exit, 5, line.join(' '));
    t.is(out, '');
    t.regex(err, /^berth: cannot connect to \/run\/berth\/berth.sock.*\n {2}hint: /);
    const json = await berth(['--json', ...line], { input });
    t.is(JSON.parse(json.out).error.code, 'cannot_connect', line.join(' '));
    t.is(json.err, '');
  }
});

test('every error leaves with its exit code', async (t) => {
  for (const code of Object.keys(ERRORS) as ErrorCode[]) {
    const agent = fakeAgent({
      'node.describe': () => {
        throw new BerthError(code, 'no');
      },
    });
    t.is((await berth('node status', { agent })).exit, ERRORS[code].exit, code);
  }
});

test('agent: tells the daemon where its configuration is', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'berth-test-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const file = join(directory, 'x.toml');
  writeFileSync(file, '[density]\nmax_workloads = 7\n');
  let got = '';
  const runAgent = async (sources: AgentSources) => {
    const { density, log } = (await loadConfig({ ...sources, env: {} })).config;
    got = `${density.max_workloads} ${log.level}`;
    return 6;
  };
  const line = ['agent', '--config', file, '--log.level', 'debug'];
  t.is((await berth(line, { runAgent })).exit, 6);
  t.is(got, '7 debug');
  const bad = await berth([...line, '--log.level', 'loud'], { runAgent });
  t.is(bad.exit, 2);
  t.true(bad.err.startsWith('berth: --log.level: log.level must be one of'));
});
