// Workloads of every driver on one host: their limits in the kernel and biting, their network, their changes, their end.
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import type { WorkloadView } from '../../agent/model/record.js';
import { busyboxLayer, writeLayout } from '../agent/images/layout.js';
import { NET_BIND_SERVICE, privileged } from '../agent/images/tar-writer.js';
import { PREPARE } from '../demo/workloads.js';
import { create, leftovers, reach, removeAll } from './berth.js';
import {
  berthCommands,
  counters,
  errorOf,
  explain,
  MINUTES,
  openScenario,
  type Scenario,
  sh,
  TREE,
} from './scenario.js';

const httpd = (directory: string) => ['/bin/busybox', 'httpd', '-f', '-p', '80', '-h', directory];
const shell = (script: string) => ['/bin/sh', '-c', script];

const web = {
  id: 'web',
  tenant: 'acme',
  driver: 'exec',
  resources: { cpu: { request: 0.1, limit: 0.5, weight: 50 }, memory: { limit: '32Mi', swap: 0 }, pids: 32 },
  exec: { command: httpd('/srv/berth-demo/www') },
};
const box = {
  id: 'box',
  tenant: 'acme',
  driver: 'oci',
  resources: { cpu: { limit: 1.5, weight: 200 }, memory: { limit: '64Mi' }, pids: 64 },
  oci: { rootfs: '/srv/berth-demo/rootfs', command: httpd('/www') },
};
const vm = {
  id: 'vm',
  tenant: 'globex',
  driver: 'qemu',
  resources: { pids: 100 },
  qemu: {
    kernel: '/usr/share/berth-lab/vmlinuz',
    initrd: '/usr/share/berth-lab/initrd.cpio.gz',
    memory: '128Mi',
    vsock: true,
  },
};
const room = { id: 'room', tenant: 'globex', driver: 'external', resources: { memory: { limit: '100M' }, pids: 10 } };
const tap = { id: 'tap', tenant: 'globex', driver: 'external', external: { tap: true, uid: 65534 } };
const exec = (id: string, command: readonly string[], resources: Record<string, unknown> = {}, more = {}) => ({
  id,
  tenant: 'acme',
  driver: 'exec',
  resources,
  exec: { command },
  ...more,
});

const [PROCESS, CONTAINER, GUEST] = ['hello from a process', 'hello from a container', 'hello from guest'];

let s: Scenario;
const views = new Map<string, WorkloadView>();
const address = (id: string): string => views.get(id)?.sandbox.address ?? `no address of ${id}`;
const get = (id: string): string => `curl -sf --max-time 30 http://${address(id)}/`;

test.before(async (t) => {
  t.timeout(10 * MINUTES);
  // Without slots the names in the kernel are those of the workloads.
  const network = '[network]\nslots = 0\nhost_access = true\n\n';
  s = await openScenario('berth-workloads', `${network}[metrics]\ninterval = "1s"\n\n[lifecycle]\nstop_grace = "3s"\n`);
  await s.host.ssh(PREPARE);
});

test.afterEach.always((t) => explain(t, s));

test.after.always(async (t) => {
  t.timeout(MINUTES);
  await s?.close();
});

/** pid and start time of what should run on, as the kernel has them. */
async function identities(): Promise<string> {
  const { workloads } = await s.node.call('workload.list', { state: 'running' });
  const pids = workloads.flatMap(({ process }) => (process === null ? [] : [process.pid]));
  return sh(s.host, pids.map((pid) => `cut -d' ' -f1,22 /proc/${pid}/stat`).join('; '));
}

async function changed(id: string, states: readonly string[], change: () => Promise<unknown>): Promise<WorkloadView> {
  const after = s.node.events.at(-1)?.cursor ?? 0;
  await change();
  const isIt = (state: unknown) => states.includes(String(state));
  await s.node.waitForEvent(
    ({ type, workload, data }) => type === 'workload.state' && workload === id && isIt(data.to),
    { after, timeoutMs: 5 * MINUTES },
  );
  return s.node.call('workload.get', { id });
}

async function remove(...ids: readonly string[]): Promise<void> {
  const after = s.node.events.at(-1)?.cursor ?? 0;
  await Promise.all(ids.map((id) => s.node.call('workload.delete', { id, now: true })));
  for (const id of ids)
    await s.node.waitForEvent(({ type, workload }) => type === 'workload.deleted' && workload === id, {
      after,
      timeoutMs: 5 * MINUTES,
    });
}

test.serial('every driver starts, with the limits asked for', async (t) => {
  t.timeout(10 * MINUTES);
  const all = [web, box, vm, room, tap];
  await Promise.all(all.map((spec) => create(s.node, spec)));
  for (const { id } of all) {
    const view = await reach(s.node, id);
    t.is(view.state, 'running', `${id}: ${view.error?.message ?? view.end?.detail}`);
    views.set(id, view);
  }
  const limits = async (path: string, ...files: readonly string[]) =>
    (await sh(s.host, `cd ${TREE}/${path}; cat ${files.join(' ')}`)).split('\n');
  const files = ['cpu.max', 'cpu.weight', 'memory.max', 'memory.swap.max', 'memory.oom.group', 'pids.max'];
  t.deepEqual(await limits('acme/web', ...files), ['50000 100000', '50', String(32 << 20), '0', '1', '32']);
  t.deepEqual(await limits('acme/box', ...files.slice(0, 3)), ['150000 100000', '200', String(64 << 20)]);
  t.deepEqual(await limits('globex/vm', 'memory.max', 'pids.max'), [String(288 << 20), '100']);
  t.deepEqual(await limits('globex/room', 'memory.max', 'pids.max'), ['99999744', '10']);

  // Each process is in its cgroup and namespace, and the sandboxed one has a uid of its own.
  const pid = (id: string) => views.get(id)?.process?.pid;
  const inside = await sh(
    s.host,
    `cat /proc/${pid('web')}/cgroup /proc/${pid('box')}/cgroup /proc/${pid('vm')}/cgroup
stat -c %u /proc/${pid('web')}; ip netns identify ${pid('web')}; ip netns identify ${pid('box')}; ip netns identify ${pid('vm')}`,
  );
  const group = (path: string) => `0::/berth.slice/berth-workloads.service/${path}`;
  const uid = inside.split('\n')[3];
  t.deepEqual(inside.split('\n'), [
    ...[group('acme/web'), group('acme/box'), group('globex/vm')],
    ...[uid, 'berth-web', 'berth-box', 'berth-vm'],
  ]);
  t.true(Number(uid) >= 2_013_265_920 && Number(uid) <= 2_014_314_495, `one of drivers.exec.uids: ${uid}`);
});

test.serial('host and workload reach each other', async (t) => {
  t.timeout(8 * MINUTES);
  const answer = { what: 'the guest to answer over its tap', timeoutMs: 5 * MINUTES, everyMs: 2000 };
  t.is((await s.host.waitFor(get('vm'), answer)).stdout, `${GUEST}\n`);
  const text = await sh(
    s.host,
    `set -e
${get('web')}; ${get('box')}
busybox httpd -f -p 8088 -h /srv/berth-demo/www > /dev/null 2>&1 & server=$!
until ip netns exec berth-room curl -sf --max-time 30 http://169.254.1.1:8088/; do kill -0 $server; done
kill $server
ip netns exec berth-room ping -c 1 -W 20 169.254.1.1 > /dev/null && echo pinged
ip netns exec berth-tap ip -br link show tap0; ip netns exec berth-room ip -br addr show eth0`,
  );
  const [first, second, third, fourth, ...links] = text.split('\n');
  t.deepEqual([first, second, third, fourth], [PROCESS, CONTAINER, PROCESS, 'pinged']);
  t.regex(links[0] ?? '', /^tap0 /);
  t.regex(links[1] ?? '', new RegExp(`^eth0\\S* +UP +${address('room').replaceAll('.', '\\.')}/32`));
});

test.serial('the host reaches the guest by its vsock id, which nobody else can have', async (t) => {
  t.timeout(3 * MINUTES);
  const id = views.get('vm')?.sandbox.vsockId;
  t.is(id, 65_536);
  // Nobody listens there: that the guest says so (ECONNRESET, and not ENODEV or ETIMEDOUT) is the answer asked for.
  const python = `import _socket, fcntl
one = _socket.socket(40, _socket.SOCK_STREAM)
one.settimeout(60)
try: one.connect((${id}, 1234))
except OSError as error: print(error.errno)
other = open("/dev/vhost-vsock", "rb+", 0)
fcntl.ioctl(other, 0xAF01)
try: fcntl.ioctl(other, 0x4008AF60, (${id}).to_bytes(8, "little"))
except OSError as error: print(error.errno)`;
  t.deepEqual((await sh(s.host, `python3 -c '${python}'`)).split('\n'), ['104', '98'], 'ECONNRESET, EADDRINUSE');
  t.regex(await sh(s.host, 'berth workload show vm'), /^Vsock id +65536$/m);
});

test.serial('an external sandbox is joined by a process that another runtime starts', async (t) => {
  t.timeout(5 * MINUTES);
  const { sandbox } = await s.node.call('workload.get', { id: 'room' });
  const text = await sh(
    s.host,
    `sh -c 'echo $$ > ${sandbox.cgroupPath}/cgroup.procs; exec nsenter --net=${sandbox.netnsPath} sleep 1000000' > /dev/null 2>&1 &
until grep -q . ${sandbox.cgroupPath}/cgroup.procs; do sleep 0.2; done; cat ${sandbox.cgroupPath}/pids.current`,
  );
  t.is(text, '1');
});

test.serial('where the host forwards, workloads reach each other and, by NAT, what is behind it', async (t) => {
  t.timeout(5 * MINUTES);
  // `internet` has no route back to the pool: only a masqueraded source gets an answer.
  const text = await sh(
    s.host,
    `set -e
sysctl -qw net.ipv4.ip_forward=1
ip netns exec berth-web ${get('box')}
ip netns exec berth-box ${get('web')}
ip netns exec berth-room ${get('vm')}
ip netns add internet; ip link add inet0 type veth peer name eth0 netns internet
ip addr add 192.0.2.1/24 dev inet0; ip link set inet0 up
ip -n internet addr add 192.0.2.2/24 dev eth0; ip -n internet link set eth0 up; ip -n internet link set lo up
ip netns exec internet busybox httpd -p 192.0.2.2:80 -h /srv/berth-demo/www
for ns in berth-web berth-box berth-room; do ip netns exec $ns curl -sf --max-time 30 http://192.0.2.2/; done
ip netns pids internet | xargs -r kill; ip netns del internet`,
  );
  t.deepEqual(text.split('\n'), [CONTAINER, PROCESS, GUEST, PROCESS, PROCESS, PROCESS]);
});

test.serial('limits bite: processor, memory, processes; the others are not touched', async (t) => {
  t.timeout(10 * MINUTES);
  const alive = await identities();
  const busy = exec('busy', shell('while :; do :; done'), { cpu: { limit: 0.1 } });
  const hog = exec('hog', shell('x=0123456789abcdef; while :; do x=$x$x; done'), { memory: { limit: '24Mi' } });
  const bomb = 'import os, time\nwhile True:\n  try: os.fork()\n  except OSError: time.sleep(1)';
  const forks = exec('forks', ['/usr/bin/python3', '-c', bomb], { pids: 16, cpu: { limit: 0.2 } });
  await Promise.all([busy, hog, forks].map((spec) => create(s.node, spec)));

  const killed = await reach(s.node, 'hog', ['failed', 'exited']);
  t.is(killed.state, 'failed');
  t.is(killed.end?.cause, 'limit', killed.end?.detail);
  t.regex(killed.end?.detail ?? '', /24Mi.*oom_kill/);

  await s.host.waitFor(`awk '$1 == "nr_throttled" { exit $2 < 10 }' ${TREE}/acme/busy/cpu.stat`, {
    what: 'the processor hog to be throttled ten times',
  });
  await s.host.waitFor(`awk '$1 == "max" { exit $2 < 1 }' ${TREE}/acme/forks/pids.events`, {
    what: 'a fork to be refused',
  });
  const held = await counters(s.host, 'acme/busy/cpu.stat');
  t.true((held.nr_throttled ?? 0) >= 10);
  t.true(Number(await sh(s.host, `cat ${TREE}/acme/forks/pids.current`)) <= 16);

  t.is(await sh(s.host, `cat ${TREE}/*/*/memory.events | awk '$1 == "oom_kill" { n += $2 } END { print n }'`), '0');
  await remove('busy', 'forks', 'hog');
  t.is(await identities(), alive);
});

test.serial('exit codes and output are kept, of containers too', async (t) => {
  t.timeout(8 * MINUTES);
  const oci = { rootfs: '/srv/berth-demo/rootfs', command: ['/bin/sh', '-c', 'echo to out; echo to err >&2; exit 7'] };
  const sevens = { id: 'seven', tenant: 'acme', driver: 'oci', oci };
  const fine = exec('fine', shell('echo done'));
  const retried = exec('retried', shell('echo try; exit 3'), {}, { restart: { policy: 'on-failure', maxRetries: 1 } });
  await Promise.all([sevens, fine, retried].map((spec) => create(s.node, spec)));
  const [seven, done, tried] = await Promise.all(
    ['seven', 'fine', 'retried'].map((id) => reach(s.node, id, ['exited', 'failed'])),
  );
  t.is(seven?.state, 'failed');
  t.like(seven?.end, { cause: 'exit', code: 7, signal: null });
  t.is(done?.state, 'exited');
  t.like(done?.end, { cause: 'exit', code: 0 });
  t.like(tried?.end, { cause: 'exit', code: 3 });
  t.is(tried?.restarts, 1);

  const logs = ['seven', 'fine', 'retried'].map((id) => ({ args: ['workload', 'logs', id] }));
  const answers = await berthCommands(s.host, [...logs, { args: ['workload', 'wait', 'seven'] }]);
  t.deepEqual(
    answers.slice(0, 3).map(({ document }) => document.text),
    ['to out\nto err\n', 'done\n', 'try\ntry\n'],
  );
  t.is(answers[3]?.exit, 1);
  const journal = await sh(s.host, 'journalctl --sync; journalctl -q -u berth BERTH_WORKLOAD=seven -o cat');
  t.regex(journal, /^workload\.created {2}workload=seven tenant=acme driver=oci .*by=/m);
  t.regex(journal, /^workload\.ended {2}workload=seven tenant=acme .*code=7 cause=exit/m);
  await remove('seven', 'fine', 'retried');
});

test.serial('an image with programs of more privilege is unpacked as it is, and its workloads have it', async (t) => {
  t.timeout(8 * MINUTES);
  const directory = await mkdtemp(join(tmpdir(), 'berth-image-'));
  t.teardown(() => rm(directory, { recursive: true }));
  await writeLayout(directory, { layers: [await busyboxLayer(), { entries: privileged() }] });
  const { stdout } = await promisify(execFile)('tar', ['-C', directory, '-c', '.'], {
    encoding: 'buffer',
    maxBuffer: 64 << 20,
  });
  await s.host.write('/srv/image.tar', stdout);
  await sh(s.host, 'mkdir -p /srv/image && tar -C /srv/image -xf /srv/image.tar');
  const command = shell('busybox stat -c "%n %a %u %g" /opt/set*');
  await create(s.node, {
    id: 'image',
    tenant: 'acme',
    driver: 'oci',
    image: 'oci:/srv/image:latest',
    oci: { command },
  });
  const { end } = await reach(s.node, 'image', ['exited', 'failed']);
  t.like(end, { cause: 'exit', code: 0 }, end?.detail);
  const found = await sh(
    s.host,
    `cat /var/lib/berth/logs/image.log
python3 -c 'import os, glob; print(*(os.getxattr(f, "security.capability").hex() for f in glob.glob("/var/lib/berth/images/layers/*/opt/capable")))'
find /sys/fs/cgroup -path '*/berth.helpers/*' -type d; ls -A /run/berth/helpers`,
  );
  t.is(found, `/opt/setgid 2755 0 1235\n/opt/setuid 4755 0 0\n${NET_BIND_SERVICE.toString('hex')}`);
  await remove('image');
});

test.serial('limits change while it runs; a limit below the usage is refused', async (t) => {
  t.timeout(8 * MINUTES);
  const script = 'b = b"x" * (40 << 20); print("full", flush=True); import time; time.sleep(1e6)';
  const spec = (resources: Record<string, unknown>) => exec('elastic', ['/usr/bin/python3', '-c', script], resources);
  const update = (resources: Record<string, unknown>) =>
    s.node.call('workload.update', { id: 'elastic', spec: spec(resources) });
  const files = () => sh(s.host, `cd ${TREE}/acme/elastic; cat cpu.max cpu.weight memory.max pids.max | xargs`);
  await create(s.node, spec({ memory: { limit: '64Mi' }, pids: 20 }));
  const { process } = await reach(s.node, 'elastic', ['running']);
  await s.host.waitFor('grep -q full /var/lib/berth/logs/elastic.log', { what: 'it to use its memory' });

  await update({ cpu: { limit: 0.5, weight: 10 }, memory: { limit: '128Mi' }, pids: 40 });
  t.is(await files(), `50000 100000 10 ${128 << 20} 40`);
  await update({ cpu: { limit: 0.25 }, memory: { limit: '60Mi' } });
  t.is(await files(), `25000 100000 25 ${60 << 20} max`);

  const refused = await errorOf(update({ cpu: { limit: 2 }, memory: { limit: '16Mi' } }));
  t.is(refused.code, 'shrink_refused');
  t.is(await files(), `25000 100000 25 ${60 << 20} max`);
  const fixed = await errorOf(
    s.node.call('workload.update', { id: 'elastic', spec: { ...spec({}), network: { mode: 'none' } } }),
  );
  t.is(fixed.code, 'immutable_field');
  t.like((await s.node.call('workload.get', { id: 'elastic' })).process, { ...process });
  await remove('elastic');
});

test.serial('frozen and thawed, stopped, started and restarted', async (t) => {
  t.timeout(8 * MINUTES);
  const events = `${TREE}/acme/web/cgroup.events`;
  const { process } = await s.node.call('workload.get', { id: 'web' });
  const frozen = await changed('web', ['frozen'], () => s.node.call('workload.freeze', { id: 'web' }));
  t.is(frozen.state, 'frozen');
  t.regex(await sh(s.host, `cat ${events}`), /^frozen 1$/m);
  const thawed = await changed('web', ['running'], () => s.node.call('workload.thaw', { id: 'web' }));
  t.is(thawed.process?.pid, process?.pid);
  t.regex(
    await sh(s.host, `cat ${events}; curl -sf --max-time 30 http://${address('web')}/`),
    /^frozen 0$[\s\S]*hello/m,
  );

  for (const id of ['web', 'box']) {
    const stopped = await changed(id, ['exited', 'failed'], () => s.node.call('workload.stop', { id }));
    t.is(stopped.state, 'exited', stopped.end?.detail);
    t.is(stopped.end?.cause, 'stopped');
    t.is(stopped.sandbox.address, null);
    t.is(await sh(s.host, `ls -d ${TREE}/acme/${id} /run/netns/berth-${id} 2>/dev/null; true`), '');
    await changed(id, ['running'], () => s.node.call('workload.start', { id }));
    const again = await changed(id, ['running'], () => s.node.call('workload.restart', { id }));
    const text = await s.host.waitFor(`curl -sf --max-time 20 http://${again.sandbox.address}/`);
    t.regex(text.stdout, /^hello from a /);
  }
});

test.serial('deletion of all leaves nothing', async (t) => {
  t.timeout(8 * MINUTES);
  t.is(await removeAll(s.node), 5);
  t.is(await leftovers(s.target), '');
  const text = await sh(
    s.host,
    `nft list table inet berth | grep -c -E '"bt[a-z2-7]+"|10\\.133\\.0\\.[0-9]+[^./0-9]'
curl -s http://127.0.0.1:9464/metrics | grep ^berth_leaked_objects
ls /run/berth/workloads /run/berth/held; pgrep -x 'busybox|crun|qemu-system-x86' || true`,
  );
  const [elements, ...lines] = text.split('\n');
  t.is(elements, '0');
  t.true(lines.length > 0);
  for (const line of lines.filter((each) => each.startsWith('berth_leaked'))) t.regex(line, / 0*0$/);
  t.deepEqual(
    lines.filter((line) => !/^berth_leaked|^\/run\/berth|^$/.test(line)),
    [],
  );
});
