// What may happen to the agent, its supervisor, its package and the host itself, and what must not happen to workloads then.
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import type { WorkloadView } from '../../agent/model/record.js';
import { PREPARE } from '../demo/workloads.js';
import { calm, create, packageFile, reach } from './berth.js';
import { ALLOW_PLAIN, explain, MINUTES, openScenario, type Scenario, sh, TREE } from './scenario.js';

const run = promisify(execFile);
const shell = (script: string) => ['/bin/sh', '-c', script];
const exec = (id: string, command: readonly string[], more: Record<string, unknown> = {}) => ({
  id,
  tenant: 'acme',
  driver: 'exec',
  resources: { memory: { limit: '32Mi' } },
  exec: { isolation: 'none', command },
  ...more,
});
/** Ends with a code of its own when the test says so. */
const until = (file: string, code: number) => shell(`while [ ! -e ${file} ]; do sleep 0.3; done; exit ${code}`);

/** Burns some processor time, and leaves a word when it is asked to end. */
const worker = exec(
  'worker',
  shell(
    'trap "echo bye >> /var/tmp/bye; exit 0" TERM; while :; do i=$((i+1)); [ $i -lt 100000 ] || { sleep 1; i=0; }; done',
  ),
);
const box = {
  id: 'box',
  tenant: 'globex',
  driver: 'oci',
  priority: 500,
  oci: { rootfs: '/srv/berth-demo/rootfs', command: ['/bin/busybox', 'httpd', '-f', '-p', '80', '-h', '/www'] },
};
const room = { id: 'room', tenant: 'globex', driver: 'external' };
const idle = exec('idle', ['/bin/sleep', '1000000']);

let s: Scenario;

test.before(async (t) => {
  t.timeout(10 * MINUTES);
  s = await openScenario('berth-recovery', `${ALLOW_PLAIN}[lifecycle]\nstop_grace = "3s"\n`);
  await s.host.ssh(PREPARE);
  for (const spec of [worker, box, room, idle]) await create(s.node, spec);
  for (const { id } of [worker, box, room, idle]) await reach(s.node, id, ['running']);
  await s.node.call('workload.stop', { id: 'idle' });
  await reach(s.node, 'idle', ['exited']);
});

test.afterEach.always((t) => explain(t, s));

test.after.always(async (t) => {
  t.timeout(MINUTES);
  await s?.close();
});

interface Life {
  /** `id pid start-time` of each process, as the kernel has them. */
  readonly processes: string;
  readonly usageUsec: number;
  readonly states: readonly string[];
}

async function lives(): Promise<Life> {
  const { workloads } = await s.node.call('workload.list', {});
  const running = workloads.filter(({ process }) => process !== null);
  const lines = running.map(({ id, process }) => `echo ${id} $(cut -d' ' -f1,22 /proc/${process?.pid}/stat)`);
  const text = await sh(s.host, `awk '/usage_usec/ { print $2 }' ${TREE}/acme/worker/cpu.stat; ${lines.join('; ')}`);
  const [usage, ...processes] = text.split('\n');
  for (const { id, process } of running)
    if (!processes.includes(`${id} ${process?.pid} ${process?.startTime}`))
      throw new Error(`the agent takes ${id} for ${process?.pid} ${process?.startTime}, the kernel has\n${text}`);
  return {
    processes: processes.join('\n'),
    usageUsec: Number(usage),
    states: workloads.map(({ id, state }) => `${id} ${state}`),
  };
}

/** Does something after which a new agent must come, and waits for its first word. */
async function newAgent(change: () => Promise<unknown>): Promise<Readonly<Record<string, unknown>>> {
  const after = cursor();
  await change();
  const wait = { after, timeoutMs: 5 * MINUTES };
  const { data } = await s.node.waitForEvent(({ type }) => type === 'agent.started', wait);
  await s.host.waitFor('systemctl is-active berth', { what: 'berth.service to be active', timeoutMs: 5 * MINUTES });
  return data;
}

const mainPid = (unit: string) => sh(s.host, `systemctl show -P MainPID ${unit}`);

/** The package of this checkout under a higher version, as an upgrade would bring it. */
async function nextPackage(): Promise<{ path: string; remove: () => Promise<void> }> {
  const directory = await mkdtemp(join(tmpdir(), 'berth-deb-'));
  const tree = join(directory, 'tree');
  await run('dpkg-deb', ['--raw-extract', await packageFile(), tree]);
  const control = await readFile(join(tree, 'DEBIAN/control'), 'utf8');
  await writeFile(join(tree, 'DEBIAN/control'), control.replace(/^Version: .*$/m, 'Version: 999.0.0'));
  const path = join(directory, 'berth_999.0.0.deb');
  await run('dpkg-deb', ['--root-owner-group', '-Zgzip', '--build', tree, path]);
  return { path, remove: () => rm(directory, { recursive: true, force: true }) };
}

const cursor = (): number => s.node.events.at(-1)?.cursor ?? 0;

async function remove(...ids: readonly string[]): Promise<void> {
  const after = cursor();
  await Promise.all(ids.map((id) => s.node.call('workload.delete', { id, now: true })));
  const wait = { after, timeoutMs: 3 * MINUTES };
  for (const id of ids)
    await s.node.waitForEvent(({ type, workload }) => type === 'workload.deleted' && workload === id, wait);
}

/** `id pid start-time` of some of them. */
async function processesOf(ids: readonly string[]): Promise<string> {
  const { workloads } = await s.node.call('workload.list', {});
  const named = workloads.filter(({ id }) => ids.includes(id));
  return sh(
    s.host,
    named.map(({ id, process: p }) => `echo ${id} $(cut -d' ' -f1,22 /proc/${p?.pid}/stat)`).join('; '),
  );
}

test.serial(
  'the clock is set, a cpu goes and comes, a disk has another name, forwarding is off: all is followed',
  async (t) => {
    t.timeout(12 * MINUTES);
    const vip = { class: 'guaranteed', resources: { cpu: { limit: 1 }, memory: { limit: '32Mi' } } };
    const io = [{ device: '/dev/disk-x', readBps: '1Mi' }];
    await sh(
      s.host,
      `modprobe loop
for n in 5 6; do truncate -s 16M /var/tmp/disk$n; losetup /dev/loop$n /var/tmp/disk$n; done
ln -s loop5 /dev/disk-x`,
    );
    await create(s.node, exec('vip', ['/bin/sleep', '1000000'], vip));
    await create(s.node, exec('disk', ['/bin/sleep', '1000000'], { resources: { io } }));
    for (const id of ['vip', 'disk']) await reach(s.node, id, ['running']);
    const ids = ['worker', 'box', 'vip', 'disk'];
    const before = await processesOf(ids);
    const start = cursor();
    /** Gives the cursor right after the change. */
    const follows = async (change: string, loop: number, cpus: string): Promise<number> => {
      const asked = cursor();
      await sh(s.host, `${change}; ln -sfn loop${loop} /dev/disk-x; sysctl -qw net.ipv4.ip_forward=0`);
      const after = cursor();
      const seen = { after: asked, timeoutMs: 4 * MINUTES };
      const { data } = await s.node.waitForEvent(({ type }) => type === 'host.resized', seen);
      t.is(data.cpus, cpus === '0 0' ? '0' : '0-1');
      await s.node.waitForEvent(
        ({ type, data }) => type === 'network.repaired' && JSON.stringify(data).includes('net.ipv4.ip_forward = 1'),
        seen,
      );
      const line = `7:${loop} rbps=1048576 wbps=max riops=max wiops=max`;
      await s.host.waitFor(
        `[ "$(cat ${TREE}/acme/disk/io.max)" = "${line}" ] && cd ${TREE}/acme && [ "$(cat vip/cpuset.cpus.effective worker/cpuset.cpus.effective | xargs)" = "${cpus}" ]`,
        { what: `${line} and ${cpus}`, timeoutMs: 4 * MINUTES, everyMs: 1000 },
      );
      t.is(await sh(s.host, 'cat /proc/sys/net/ipv4/ip_forward'), '1');
      t.is(await processesOf(ids), before);
      const conditions = await calm(s.node);
      t.is(
        conditions.some(({ code }) => code === 'cpus_offline'),
        cpus === '0 0',
      );
      return after;
    };
    // Its next try is due in a second or two when the clock goes back, and does not wait for the clock.
    await create(s.node, exec('retry', shell('exit 7'), { restart: { policy: 'always' } }));
    const after = await follows('date -s "-3 hours"; echo 0 > /sys/devices/system/cpu/cpu1/online', 6, '0 0');
    const again = { after, timeoutMs: 4 * MINUTES };
    await s.node.waitForEvent(({ type, workload }) => type === 'workload.ended' && workload === 'retry', again);
    await remove('retry');
    await follows('date -s "+2 days"; echo 1 > /sys/devices/system/cpu/cpu1/online', 5, '1 0');
    await sh(s.host, 'date -s "-45 hours"');
    const others = s.node.events.filter(
      ({ cursor, workload, type }) => cursor > start && workload !== 'retry' && !type.startsWith('condition.'),
    );
    t.true(others.length < 30, others.map(({ type, workload }) => `${type} ${workload}`).join('\n'));
    t.deepEqual(
      others.filter(({ type }) => type === 'workload.ended' || type === 'workload.state'),
      [],
    );
    await remove('vip', 'disk');
    await sh(s.host, 'rm /dev/disk-x; losetup -d /dev/loop5 /dev/loop6');
  },
);

/** Records as a later version may have left them: with a field more in the record and in its spec. */
const LATER = `
const { createHash } = require('node:crypto');
const fs = require('node:fs');
for (const id of ['worker', 'box', 'room']) {
  const path = '/var/lib/berth/workloads/' + id + '.json';
  const { version, record } = JSON.parse(fs.readFileSync(path, 'utf8'));
  record.later = record.spec.later = { value: id };
  const checksum = createHash('sha256').update(JSON.stringify(record)).digest('hex');
  fs.writeFileSync(path, JSON.stringify({ version, checksum, record }) + '\\n');
}`;

test.serial('kill -9, restart, upgrade and downgrade of the agent touch no workload', async (t) => {
  t.timeout(15 * MINUTES);
  const before = await lives();
  const supervisor = await mainPid('berth-workloads');
  const next = await nextPackage();
  t.teardown(next.remove);
  const ways: readonly (readonly [name: string, change: () => Promise<unknown>])[] = [
    ['kill -9', async () => s.host.ssh(`kill -9 ${await mainPid('berth')}`)],
    ['systemctl restart', () => s.host.ssh('systemctl restart berth')],
    ['upgrade', () => s.host.install(next.path)],
    [
      'downgrade',
      async () => {
        await sh(s.host, `systemctl stop berth\nnode <<'SCRIPT'${LATER}\nSCRIPT`);
        await s.host.install(await packageFile());
        await sh(s.host, 'systemctl start berth');
      },
    ],
  ];
  let last = before;
  for (const [name, change] of ways) {
    const pid = await mainPid('berth');
    t.like(await newAgent(change), { adopted: 3, ended: 0, damaged: 0 }, name);
    const now = await lives();
    t.not(await mainPid('berth'), pid, `${name}: a new agent`);
    t.is(now.processes, before.processes, name);
    t.deepEqual(now.states, before.states, name);
    t.true(now.usageUsec >= last.usageUsec, `${name}: ${now.usageUsec} < ${last.usageUsec}`);
    last = now;
  }
  t.is(await mainPid('berth-workloads'), supervisor, 'the supervisor is never restarted with the agent');
  t.not(await sh(s.host, 'dpkg-query -W berth | cut -f2'), '999.0.0');
  // The worker's record is written anew.
  await s.node.call('workload.update', { id: 'worker', spec: { ...worker, labels: { after: 'downgrade' } } });
  const kept = await sh(
    s.host,
    'cd /var/lib/berth/workloads; grep -o \'"later":{"value":"[a-z]*"}\' worker.json box.json',
  );
  t.is(kept.split('\n').length, 4, kept);
});

test.serial('an end while the agent is away is found, with its exit code and output', async (t) => {
  t.timeout(8 * MINUTES);
  await create(s.node, exec('brief', until('/var/tmp/brief', 9)));
  const { process } = await reach(s.node, 'brief', ['running']);
  const started = await newAgent(() =>
    sh(
      s.host,
      `systemctl stop berth; touch /var/tmp/brief; while [ -e /proc/${process?.pid} ]; do sleep 0.2; done; systemctl start berth`,
    ),
  );
  t.like(started, { adopted: 3, ended: 1 });
  const view = await reach(s.node, 'brief', ['failed', 'exited']);
  t.is(view.state, 'failed');
  t.like(view.end, { cause: 'exit', code: 9, signal: null });
  await remove('brief');
});

test.serial('kill -9 of the supervisor: workloads live on, ends are seen, and new ones start', async (t) => {
  t.timeout(8 * MINUTES);
  await create(s.node, exec('brief2', until('/var/tmp/brief2', 5)));
  await reach(s.node, 'brief2', ['running']);
  const before = await lives();
  const agent = await mainPid('berth');
  const pid = await mainPid('berth-workloads');
  await sh(s.host, `kill -9 ${pid}`);
  await s.host.waitFor(
    `test "$(systemctl show -P MainPID berth-workloads)" != ${pid} && systemctl is-active berth-workloads`,
    { what: 'systemd to start the supervisor again', timeoutMs: 5 * MINUTES },
  );
  const now = await lives();
  t.is(now.processes, before.processes);
  t.deepEqual(now.states, before.states);
  t.is(await mainPid('berth'), agent, 'the agent connects again by itself');

  await create(s.node, exec('new', ['/bin/sleep', '1000000']));
  const made = await reach(s.node, 'new');
  t.is(made.state, 'running', made.error?.message);

  // Its parent is gone and with it the exit code; that it ended is seen all the same.
  await sh(s.host, 'touch /var/tmp/brief2');
  const ended = await reach(s.node, 'brief2', ['failed', 'exited']);
  t.truthy(ended.end);
  await remove('new', 'brief2');
});

/** Everything that should run does, under valid addresses, and the rest stays as it was. */
async function checkAfterBoot(is: (actual: unknown, expected: unknown, about?: string) => unknown): Promise<void> {
  const views = new Map<string, WorkloadView>();
  for (const id of ['worker', 'box', 'room']) views.set(id, await reach(s.node, id));
  for (const [id, { state, error }] of views) is(state, 'running', `${id}: ${error?.message}`);
  is((await s.node.call('workload.get', { id: 'idle' })).state, 'exited');
  const addresses = [...views.values()].map(({ sandbox }) => sandbox.address);
  is(new Set(addresses).size, 3, `three addresses: ${addresses}`);
  for (const address of addresses) is(/^10\.133\.\d+\.\d+$/.test(String(address)), true, String(address));
  const page = await s.host.waitFor(`curl -sf --max-time 20 http://${views.get('box')?.sandbox.address}/`);
  is(page.stdout, 'hello from a container\n');
  await lives();
}

test.serial('after a reboot everything that should run runs again, and what was stopped stays stopped', async (t) => {
  t.timeout(12 * MINUTES);
  const before = await lives();
  const boot = await s.host.bootId();
  t.is(await sh(s.host, 'ls /var/tmp | grep -x bye; true'), '', 'so far nobody has asked the worker to end');
  const started = await newAgent(() => s.host.reboot());
  t.like(started, { adopted: 0, damaged: 0 });
  // Asked by the agent, while there was a disk to write to; and `box`, whose first process ignores SIGTERM, was killed.
  t.is(await sh(s.host, 'cat /var/tmp/bye'), 'bye');
  await checkAfterBoot(t.is);
  const now = await lives();
  t.deepEqual(now.states, before.states);
  t.not(now.processes, before.processes);
  t.not((await s.node.call('node.describe', {})).bootId, boot);
});

test.serial('a power cut right after an answer loses nothing that was answered', async (t) => {
  t.timeout(12 * MINUTES);
  const started = await newAgent(async () => {
    await s.node.call('workload.update', { id: 'worker', spec: { ...worker, labels: { power: 'cut' } } });
    await create(s.node, exec('last', ['/bin/sleep', '1000000']));
    await s.host.crash();
  });
  t.like(started, { damaged: 0 });
  const last = await reach(s.node, 'last');
  t.is(last.state, 'running', last.error?.message);
  t.deepEqual((await s.node.call('workload.get', { id: 'worker' })).spec.labels, { power: 'cut' });
  await checkAfterBoot(t.is);
  await calm(s.node);
  t.is((await s.node.call('node.describe', {})).leaked, 0);
});
