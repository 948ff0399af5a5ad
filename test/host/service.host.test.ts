// The package on a systemd host: installed and ready, and then every kind of bad input, none of which may change
// anything. The pool of this host has two addresses, so that it can run out.
import test from 'ava';
import type { WorkloadView } from '../../agent/model/record.js';
import { EXPOSURE } from '../../systemd/exposure.js';
import { differences } from '../systemd/exposure.js';
import { create, reach, removeAll } from './berth.js';
import { exposureOf, openToOthers, purgeBeside } from './package.js';
import {
  berthCommand,
  berthCommands,
  errorOf,
  explain,
  MINUTES,
  objects,
  openScenario,
  type Scenario,
  sh,
} from './scenario.js';

const CONFIG = `[network]
slots = 0
pool = "10.133.0.0/30"

[tenant.small]
workloads = 1
memory = "64Mi"
`;

const exec = (id: string, more: Record<string, unknown> = {}) => ({
  id,
  driver: 'exec',
  exec: { command: ['/bin/sleep', '1000000'] },
  ...more,
});
const NOT_THERE = '/usr/lib/berth-test/not-there';

let s: Scenario;
let before: { readonly objects: string; readonly workloads: readonly WorkloadView[]; readonly committed: string };

test.before(async (t) => {
  t.timeout(10 * MINUTES);
  s = await openScenario('berth-service', CONFIG);
});

test.afterEach.always((t) => explain(t, s));

test.after.always(async (t) => {
  t.timeout(MINUTES);
  await s?.close();
});

async function look(): Promise<typeof before> {
  const [now, { workloads }, { rows }] = await Promise.all([
    objects(s.host),
    s.node.call('workload.list', {}),
    s.node.call('node.capacity', {}),
  ]);
  return {
    objects: now,
    workloads,
    committed: JSON.stringify(rows.map((row) => [row.scope, row.dimension, row.committed])),
  };
}

test.serial('active under systemd, watched, and without an error of the doctor', async (t) => {
  t.timeout(5 * MINUTES);
  const [units = '', controllers = ''] = (
    await sh(
      s.host,
      `systemctl is-active berth berth-workloads | xargs
cat /sys/fs/cgroup/berth.slice/berth-workloads.service/cgroup.subtree_control`,
    )
  ).split('\n');
  t.is(units, 'active active');
  for (const name of ['cpu', 'memory', 'pids'])
    t.true(controllers.split(' ').includes(name), `${name}: ${controllers}`);

  const unit = await sh(s.host, 'systemctl show berth -p Type,WatchdogUSec,NotifyAccess,StatusText,NRestarts');
  t.regex(unit, /^Type=notify$/m);
  t.regex(unit, /^WatchdogUSec=1min$/m);
  t.regex(unit, /^NRestarts=0$/m);
  t.regex(unit, /^StatusText=.*workloads/m);

  const [doctor, status, version] = await berthCommands(s.host, [
    { args: ['doctor'] },
    { args: ['node', 'status'] },
    { args: ['version'] },
  ]);
  t.is(doctor?.exit, 0);
  t.is(doctor?.document.source, 'agent');
  const grave = doctor?.document.conditions.filter(({ severity }: { severity: string }) => severity === 'error');
  t.deepEqual(grave, []);
  t.is(status?.exit, 0);
  const { node } = status?.document ?? {};
  t.true(node.ready);
  t.deepEqual(
    node.drivers.filter(({ usable }: { usable: boolean }) => !usable),
    // No package of Debian: who wants it brings it.
    [{ name: 'firecracker', usable: false, reason: 'firecracker is not installed' }],
  );
  t.is(node.version, version?.document.version);
});

test.serial('the units are as exposed as stated, and no more, by the systemd of this host', async (t) => {
  t.timeout(2 * MINUTES);
  for (const [unit, { worst }] of Object.entries(EXPOSURE)) {
    const { score, json } = await exposureOf(s.host, unit);
    t.true(score <= worst, `${unit}: ${score}`);
    t.deepEqual(differences(unit, json), []);
  }
});

test.serial('a workload to keep, made on the command line', async (t) => {
  t.timeout(5 * MINUTES);
  const { exit, document } = await berthCommand(
    s.host,
    ['workload', 'create', '-f', '-'],
    JSON.stringify(exec('keeper')),
  );
  t.is(exit, 0, JSON.stringify(document));
  t.is(document.results[0].outcome, 'running');
  before = await look();
  t.deepEqual(
    before.workloads.map(({ id, state }) => `${id} ${state}`),
    ['keeper running'],
  );
});

test.serial(
  'another user reads nothing of the agent and of the supervisor, and reaches no socket of them',
  async (t) => {
    t.timeout(2 * MINUTES);
    const { sockets, open, reached } = await openToOthers(s.host);
    t.true(
      sockets.includes('/run/berth/berth.sock') && sockets.includes('/run/berth/supervisor.sock'),
      sockets.join(' '),
    );
    t.deepEqual(open, []);
    t.deepEqual([...new Set(reached)], ['EACCES']);
  },
);

// One specification for each kind of field, with the field that the error must name.
const invalid: readonly (readonly [field: string, spec: Record<string, unknown>])[] = [
  ['id', exec('Bad_Id')],
  ['id', { driver: 'exec', exec: { command: ['/bin/true'] } }],
  ['tenant', exec('x', { tenant: '-a' })],
  ['driver', exec('x', { driver: 5 })],
  ['class', exec('x', { class: 'gold' })],
  ['priority', exec('x', { priority: -1 })],
  ['resources.cpu.limit', exec('x', { resources: { cpu: { limit: 0 } } })],
  ['resources.cpu.request', exec('x', { resources: { cpu: { request: 2, limit: 1 } } })],
  ['resources.cpu.weight', exec('x', { resources: { cpu: { weight: 0 } } })],
  ['resources.memory.limit', exec('x', { resources: { memory: { limit: 'lots' } } })],
  ['resources.memory.request', exec('x', { resources: { memory: { request: '2Mi', limit: '1Mi' } } })],
  ['resources.pids', exec('x', { resources: { pids: 0 } })],
  ['resources', exec('x', { resources: { gpu: 1 } })],
  ['network.mode', exec('x', { network: { mode: 'bridged' } })],
  ['network.bridge', exec('x', { network: { mode: 'bridge' } })],
  ['network.bandwidth', exec('x', { network: { bandwidth: { egress: '1bit' } } })],
  ['network.egress', exec('x', { network: { egress: { deny: ['10.0.0.1/8'] } } })],
  ['network.ports', exec('x', { network: { ports: [{ host: 0, guest: 80 }] } })],
  ['exec', { id: 'x', driver: 'exec' }],
  ['exec.command', exec('x', { exec: { command: [] } })],
  ['exec.env.1A', exec('x', { exec: { command: ['/bin/true'], env: { '1A': '' } } })],
  ['exec.user', exec('x', { exec: { command: ['/bin/true'], user: 'No Body' } })],
  ['exec.cwd', exec('x', { exec: { command: ['/bin/true'], cwd: 'here' } })],
  ['oci', { id: 'x', driver: 'oci', oci: { command: ['/bin/true'] } }],
  ['oci.command', { id: 'x', driver: 'oci', oci: { rootfs: '/' } }],
  ['qemu', { id: 'x', driver: 'qemu', qemu: { kernel: '/boot/vmlinuz' } }],
  ['qemu.vcpus', { id: 'x', driver: 'qemu', qemu: { kernel: '/vmlinuz', initrd: '/initrd', vcpus: 0 } }],
  ['external.tap', { id: 'x', driver: 'external', external: { tap: 'yes' } }],
  ['external', exec('x', { external: {} })],
  ['restart.policy', exec('x', { restart: { policy: 'sometimes' } })],
  ['labels.a b', exec('x', { labels: { 'a b': '' } })],
  ['frobnicate', exec('x', { frobnicate: true })],
];

test.serial('invalid specifications: each names its field, none gets in', async (t) => {
  t.timeout(5 * MINUTES);
  const specs = JSON.stringify(invalid.map(([, spec]) => spec));
  const { exit, document } = await berthCommand(s.host, ['workload', 'create', '-f', '-'], specs);
  t.is(exit, 2);
  for (const [n, [field, spec]] of invalid.entries()) {
    const { error } = document.results[n];
    t.is(error?.code, 'invalid_spec', JSON.stringify(spec));
    const named = error.data.fields.map((each: { field: string }) => each.field);
    t.true(
      named.some((name: string) => name.startsWith(field)),
      `${field} is not in ${named}`,
    );
  }
  t.deepEqual(await look(), before);
});

test.serial('what this host has not: drivers, programs, images, commands, workloads, an agent', async (t) => {
  t.timeout(8 * MINUTES);
  const stdin = (spec: unknown) => ({ args: ['workload', 'create', '-f', '-'], stdin: JSON.stringify(spec) });
  const qemu = (kernel: string, initrd: string) => ({ id: 'x', driver: 'qemu', qemu: { kernel, initrd } });
  const expected = [
    [{ ...stdin(exec('x', { driver: 'docker' })) }, 2, 'unknown_driver'],
    [{ ...stdin(exec('x', { exec: { command: [NOT_THERE] } })) }, 1, 'binary_missing'],
    [{ ...stdin(qemu('/usr/share/berth-lab/vmlinuz', NOT_THERE)) }, 1, 'image_missing'],
    [{ ...stdin({ id: 'x', driver: 'oci', oci: { rootfs: NOT_THERE, command: ['/x'] } }) }, 1, 'image_missing'],
    [{ ...stdin(exec('keeper', { priority: 1 })) }, 1, 'conflict'],
    [{ ...stdin(exec('x', { resources: { memory: { limit: '1Ti' } } })) }, 3, 'admission_refused'],
    [{ args: ['workload', 'create', '-f', '-'], stdin: '{"id":' }, 2, 'invalid_spec'],
    [{ args: ['workload', 'create', '-f', NOT_THERE] }, 2, 'usage'],
    [{ args: ['workload', 'frobnicate'] }, 2, 'unknown_command'],
    [{ args: ['frobnicate'] }, 2, 'unknown_command'],
    [{ args: ['workload', 'show', 'nobody'] }, 4, 'not_found'],
    [{ args: ['workload', 'stop', 'nobody'] }, 4, 'not_found'],
    [{ args: ['node', 'status', '--connect', NOT_THERE] }, 5, 'cannot_connect'],
  ] as const;
  const answers = await berthCommands(
    s.host,
    expected.map(([line]) => line),
  );
  for (const [n, [line, exit, code]] of expected.entries()) {
    const answer = answers[n];
    const error = answer?.document?.error ?? answer?.document?.results?.[0]?.error;
    const about = JSON.stringify(line);
    t.is(error?.code, code, `${about}: ${answer?.stderr}`);
    t.is(answer?.exit, exit, about);
    t.true(error?.message.length > 0 && error?.hint.length > 0, about);
  }
  t.deepEqual(await look(), before);
});

test.serial('the same specification again is a success', async (t) => {
  t.timeout(2 * MINUTES);
  const again = await create(s.node, exec('keeper'));
  t.is(again.process?.pid, before.workloads[0]?.process?.pid);
  t.deepEqual(await look(), before);
});

test.serial('refusals by quota, by the host and by a cordon, with their figures', async (t) => {
  t.timeout(5 * MINUTES);
  const big = exec('x', { tenant: 'small', resources: { memory: { request: '65Mi' } } });
  const quota = await errorOf(create(s.node, big));
  t.is(quota.code, 'admission_refused');
  t.like(quota.data, {
    dimension: 'memory',
    scope: 'tenant/small',
    limit: '64Mi',
    used: '0',
    requested: '65Mi',
    shortBy: '1Mi',
  });
  const cpu = await errorOf(create(s.node, exec('x', { resources: { cpu: { request: 100 } } })));
  t.like(cpu.data, { dimension: 'cpu', scope: 'host', requested: 100 });

  const [fits] = await berthCommands(s.host, [{ args: ['fits', '-f', '-'], stdin: JSON.stringify(big) }]);
  t.is(fits?.exit, 3);
  t.is(fits?.document.answers[0].refusals[0].scope, 'tenant/small');

  await s.node.call('node.cordon', {});
  const cordoned = await errorOf(create(s.node, exec('x')));
  t.is(cordoned.code, 'cordoned');
  await s.node.call('node.uncordon', {});
  t.deepEqual(await look(), before);
});

test.serial('the address pool runs out, and gives again what is free again', async (t) => {
  t.timeout(5 * MINUTES);
  await create(s.node, exec('second'));
  await reach(s.node, 'second', ['running']);
  const full = await errorOf(create(s.node, exec('third')));
  t.is(full.code, 'address_pool_exhausted');
  const after = s.node.events.at(-1)?.cursor ?? 0;
  await s.node.call('workload.delete', { id: 'second', now: true });
  const gone = { after, timeoutMs: 3 * MINUTES };
  await s.node.waitForEvent(({ type, workload }) => type === 'workload.deleted' && workload === 'second', gone);
  t.deepEqual(await look(), before);

  await create(s.node, exec('third'));
  const third = await reach(s.node, 'third', ['running']);
  t.truthy(third.sandbox.address);
  const then = s.node.events.at(-1)?.cursor ?? 0;
  await s.node.call('workload.delete', { id: 'third', now: true });
  const also = { after: then, timeoutMs: 3 * MINUTES };
  await s.node.waitForEvent(({ type, workload }) => type === 'workload.deleted' && workload === 'third', also);
  t.deepEqual(await look(), before);
});

test.serial('a second agent, and one without root, end at once and change nothing', async (t) => {
  t.timeout(12 * MINUTES);
  const pid = await sh(s.host, 'systemctl show -P MainPID berth');
  const nobody = 'setpriv --reuid=65534 --regid=65534 --clear-groups';
  const [second, elsewhere, unprivileged] = await Promise.all(
    ['', '', nobody].map((prefix, n) =>
      s.host.ssh(
        `${prefix} timeout 600 berth agent ${n === 1 ? '--web.listen "" --control.socket /run/berth/other.sock' : ''} 2>&1`,
        {
          check: false,
        },
      ),
    ),
  );
  t.is(second?.code, 1, second?.stdout);
  t.regex(second?.stdout ?? '', /"code":"socket_in_use"/);
  t.is(elsewhere?.code, 1, elsewhere?.stdout);
  t.regex(elsewhere?.stdout ?? '', /"code":"socket_in_use"/);
  t.is(unprivileged?.code, 6, unprivileged?.stdout);
  t.regex(unprivileged?.stdout ?? '', /"code":"not_root"/);
  t.is(await sh(s.host, 'systemctl show -P MainPID berth'), pid);
  t.deepEqual(await look(), before);
});

test.serial('torn and foreign journal files are set aside, and nothing else is touched', async (t) => {
  t.timeout(5 * MINUTES);
  const after = s.node.events.at(-1)?.cursor ?? 0;
  await sh(
    s.host,
    `cd /var/lib/berth/workloads; head -c 200 keeper.json > torn.json; head -c 64 /dev/urandom > noise.json; : > empty.json
cp keeper.json other.json; systemctl restart berth`,
  );
  const started = await s.node.waitForEvent(({ type }) => type === 'agent.started', { after, timeoutMs: 3 * MINUTES });
  t.like(started.data, { adopted: 1, damaged: 4 });
  const damaged = s.node.events.filter(({ type, cursor }) => type === 'journal.damaged' && cursor > after);
  t.deepEqual(damaged.map(({ workload }) => workload).sort(), ['empty', 'noise', 'other', 'torn']);
  t.is(await sh(s.host, 'ls /var/lib/berth/damaged | wc -l'), '4');
  t.deepEqual(await look(), before);
});

test.serial('a wrong configuration is told with file and line, and keeps nothing else from running', async (t) => {
  t.timeout(5 * MINUTES);
  const pid = before.workloads[0]?.process?.pid;
  const text = await sh(
    s.host,
    `echo '[density]
max_workloads = "many"' > /etc/berth/berth.d/99-wrong.toml
berth config check 2>&1; echo "exit $?"
kill -0 ${pid} && echo alive
rm /etc/berth/berth.d/99-wrong.toml; berth config check`,
  );
  t.regex(text, /99-wrong\.toml:2/);
  t.regex(text, /^exit 2$/m);
  t.regex(text, /^alive$/m);
  t.regex(text, /the configuration is valid/);
});

test.serial('purged beside a workload and a process of another runtime, it opens no firewall', async (t) => {
  t.timeout(5 * MINUTES);
  const after = s.node.events.at(-1)?.cursor ?? 0;
  await removeAll(s.node);
  await create(s.node, { id: 'joined', driver: 'external', external: {} });
  await reach(s.node, 'joined', ['running']);
  const said = await purgeBeside(s.host, 'joined');
  t.regex(said, /workloads still run: joined/);
  t.regex(said, /rules as before\n1\njoined\.json\nactive$/);
  await s.node.waitForEvent(({ type }) => type === 'agent.started', { after, timeoutMs: 3 * MINUTES });
});

test.serial('purged with no workload left, it leaves no process, no files and no sysctl behind', async (t) => {
  t.timeout(5 * MINUTES);
  await removeAll(s.node);
  const ceilings =
    'cat /proc/sys/kernel/pid_max /proc/sys/fs/inotify/max_user_* /proc/sys/net/ipv4/neigh/default/gc_thresh*';
  const was = await sh(s.host, ceilings);
  await sh(s.host, 'berth doctor --fix > /dev/null');
  t.is(
    await sh(s.host, 'cat /proc/sys/net/ipv4/ip_forward /run/berth/forwarding.before'),
    '1\nnet/ipv4/ip_forward 0 1',
  );
  await sh(s.host, 'dpkg --purge berth 2>&1');
  t.is(await sh(s.host, "pgrep -af '[/]usr/lib/berth/' || true"), '');
  t.is(await sh(s.host, 'cat /proc/sys/net/ipv4/ip_forward'), '0');
  t.is(await sh(s.host, ceilings), was);
  const left =
    'ls -d /run/berth /var/lib/berth /etc/sysctl.d/60-berth.conf /run/netns/berth-* 2>/dev/null; nft list tables';
  t.is(await sh(s.host, `${left} | grep berth || true`), '');
});
