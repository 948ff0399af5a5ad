// Workloads from images, by a whole agent.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import type { WorkloadView } from '../../../agent/model/record.js';
import { getXattr } from '../../../linux/xattr.js';
import { OwnAgent } from '../own-agent.js';
import { type OwnHost, openHost } from '../own-host.js';
import { type Client, connect } from '../told-client.js';
import { busyboxLayer, writeLayout } from './layout.js';
import { dir, file, privileged } from './tar-writer.js';

let host: OwnHost;
let directory: string;
let agent: OwnAgent;
let client: Client;
let image: string;
let digest: string;

test.before(async () => {
  host = await openHost();
  ({ directory } = host);
  const layout = join(directory, 'app');
  const passwd = 'root:x:0:0::/root:/bin/sh\napp:x:1234:1235::/home/app:/bin/sh\n';
  const groups = 'root:x:0:\napp:x:1235:\nextra:x:77:app\n';
  ({ digest } = await writeLayout(layout, {
    layers: [
      await busyboxLayer([file('etc/passwd', passwd), file('etc/group', groups), file('etc/gone', 'below')]),
      { entries: [file('etc/.wh.gone', ''), dir('home', {}), dir('home/app', { uid: 1234, gid: 1235 })] },
      { entries: privileged() },
    ],
    config: {
      ...{ Env: ['COLOUR=red', 'SIZE=big'], Entrypoint: ['/bin/sh', '-c'], Cmd: ['exit 9'], User: 'app' },
      ...{ WorkingDir: '/home/app', StopSignal: 'SIGUSR1' },
    },
  }));
  image = `oci:${layout}:latest`;
  agent = new OwnAgent({
    ...{ directory, prefix: host.prefix, start: host.start },
    cgroup: `berth-test-images-${process.pid}`,
    env: {
      BERTH_NETWORK_POOL: '10.236.0.0/24',
      BERTH_NETWORK_TABLE: 'berth_testimg',
      BERTH_NETWORK_LINK_PREFIX: 'bim',
      BERTH_NETWORK_SLOTS: '0',
      BERTH_WEB_LISTEN: '',
      BERTH_IMAGES_MIN_FREE: '0',
      BERTH_LIFECYCLE_STOP_GRACE: '5s',
    },
  });
  await agent.start();
  client = await connect(agent.socket);
});

test.after.always(async () => {
  await client?.close();
  await agent.end();
  host.end();
});

type Section = Readonly<Record<string, unknown>>;

const specOf = (id: string, oci: Section, more: Section = {}) => ({
  ...{ id, driver: 'oci', image, oci, network: { mode: 'none' }, ...more },
});

async function until(id: string, is: (view: WorkloadView) => boolean): Promise<WorkloadView> {
  for (;;) {
    const view = await client.call('workload.get', { id });
    if (is(view)) return view;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const ended = (id: string) => until(id, ({ state }) => state === 'exited' || state === 'failed');
const running = (id: string) => until(id, ({ state }) => state === 'running');

async function outputOf(id: string): Promise<string> {
  return readFile(join(directory, 'state', 'logs', `${id}.log`), 'utf8');
}

async function remove(t: ExecutionContext, id: string): Promise<void> {
  await client.call('workload.delete', { id });
  await t.throwsAsync(async () => {
    for (;;) {
      await client.call('workload.get', { id });
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  });
  t.false((await readdir(join(directory, 'state', 'images', 'written'))).includes(id));
}

const mounts = () => host.run('cat /proc/self/mountinfo');

test.serial('what an image says of its process holds, and the spec wins', async (t) => {
  const before = mounts();
  await client.call('workload.create', { spec: specOf('plain', {}) });
  const { end, image: kept } = await ended('plain');
  t.is(end?.code, 9);
  t.deepEqual(kept, { name: image, digest });
  const script =
    'id -u; id -g; id -G; pwd; echo $COLOUR $SIZE $HOME; ls /etc; touch here && echo WRITTEN; touch /x || echo DENIED';
  await client.call('workload.create', { spec: specOf('said', { command: [script], env: { SIZE: 'small' } }) });
  t.is((await ended('said')).end?.code, 0, await outputOf('said'));
  const output = await outputOf('said');
  t.is(
    output.replaceAll(/^touch:.*\n/gm, ''),
    '1234\n1235\n1235 77\n/home/app\nred small /home/app\ngroup\nhostname\nhosts\npasswd\nresolv.conf\nWRITTEN\nDENIED\n',
  );
  const asked = { entrypoint: ['/bin/sh', '-c', 'id; pwd'], user: { uid: 5, gid: 6 }, cwd: '/opt' };
  await client.call('workload.create', { spec: specOf('other', asked) });
  t.is((await ended('other')).end?.code, 0);
  t.regex(await outputOf('other'), /^uid=5 gid=6.*\n\/opt\n$/);
  t.is(mounts(), before, 'the root is mounted for the container alone');
  const stat = ['busybox stat -c "%n %a %u %g" /opt/set*'];
  await client.call('workload.create', { spec: specOf('modes', { command: stat }) });
  await ended('modes');
  t.is(await outputOf('modes'), '/opt/setgid 2755 0 1235\n/opt/setuid 4755 0 0\n');
  const layers = join(directory, 'state', 'images', 'layers');
  const capable = (await readdir(layers)).map((name) => join(layers, name, 'opt', 'capable')).filter(existsSync);
  t.deepEqual(
    capable.map((path) => getXattr(path, 'security.capability') !== undefined),
    [true],
  );
  for (const id of ['plain', 'said', 'other', 'modes']) await remove(t, id);
});

test.serial('what a workload writes lives as long as it does, on disk; in memory as long as a run', async (t) => {
  const count = ['echo x >> n; echo lines $(cat n | busybox wc -l)'];
  for (const [id, writable] of [
    ['disk', undefined],
    ['memory', { in: 'memory', size: '1Mi' }],
  ] as const) {
    await client.call('workload.create', { spec: specOf(id, { command: count, ...(writable && { writable }) }) });
    await ended(id);
    await client.call('workload.start', { id });
    const again = (view: WorkloadView) => view.state === 'exited' && view.end !== null;
    await until(id, (view) => again(view) && view.since > 0);
  }
  const lines = async (id: string) => {
    for (;;) {
      const found = [...(await outputOf(id)).matchAll(/lines (\d)/g)].map(([, n]) => n);
      if (found.length === 2) return found;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  t.deepEqual(await lines('disk'), ['1', '2']);
  t.deepEqual(await lines('memory'), ['1', '1']);
  const full = ['busybox dd if=/dev/zero of=big bs=1M count=4 || echo FULL'];
  await client.call('workload.create', {
    spec: specOf('full', { command: full, writable: { in: 'memory', size: '1Mi' } }),
  });
  await ended('full');
  t.regex(await outputOf('full'), /FULL/);
  for (const id of ['disk', 'memory', 'full']) await remove(t, id);
});

test.serial('the signal of the image ends it, and a killed agent finds it again', async (t) => {
  const script = 'trap "echo SIGNAL; exit 3" USR1; echo READY; while :; do sleep 0.1; done';
  await client.call('workload.create', { spec: specOf('long', { command: [script] }) });
  const { process: first } = await running('long');
  await agent.kill('SIGKILL');
  await agent.start();
  client = await connect(agent.socket);
  t.deepEqual((await running('long')).process, first);
  while (!(await outputOf('long')).includes('READY')) await new Promise((resolve) => setTimeout(resolve, 20));
  await client.call('workload.stop', { id: 'long' });
  t.is((await ended('long')).end?.code, 3);
  t.regex(await outputOf('long'), /SIGNAL/);
  await remove(t, 'long');
});

test.serial('an image that is not here, or cannot be had, is told before or by the workload', async (t) => {
  const spec = { ...specOf('none', {}), image: `oci:${directory}/nothing:latest` };
  await t.throwsAsync(client.call('workload.create', { spec: { ...spec, pull: 'never' } }), {
    code: 'image_unknown',
  } as object);
  await client.call('workload.create', { spec });
  t.is((await ended('none')).error?.code, 'image_pull_failed');
  await remove(t, 'none');
});

test.serial('an image is pulled ahead, listed with its users, and deleted when nobody has it', async (t) => {
  const layers = (): Promise<string[]> => readdir(join(directory, 'state', 'images', 'layers'));
  const before = await layers();
  const layout = join(directory, 'ahead');
  const made = await writeLayout(layout, {
    layers: [await busyboxLayer()],
    config: { Entrypoint: ['/bin/sleep'], Cmd: ['1000'] },
  });
  const name = `oci:${layout}:latest`;
  const pulled = await client.call('image.pull', { image: name });
  t.like(pulled, { digest: made.digest, names: [name], usedBy: [] });
  t.true(pulled.fetched > 0 && pulled.unpacked > pulled.fetched);
  const { pulledAt } = await client.call('image.pull', { image: name, pull: 'missing' });
  t.is(pulledAt, pulled.pulledAt);
  const spec = { id: 'ahead', driver: 'oci', image: name, network: { mode: 'none' } };
  await client.call('workload.create', { spec: { ...spec, pull: 'never' } });
  await running('ahead');
  const listed = async () => (await client.call('image.list')).images.find((one) => one.digest === made.digest);
  t.deepEqual((await listed())?.usedBy, [{ workload: 'ahead', tenant: 'default' }]);
  for (const asked of [name, made.digest]) {
    const error = await t.throwsAsync(client.call('image.delete', { image: asked }));
    t.like(error, { code: 'image_in_use', data: { users: [{ workload: 'ahead', tenant: 'default' }] } });
  }
  t.false(
    (await client.call('image.prune', { unusedFor: 0, dryRun: true })).images.some((one) => one.digest === made.digest),
  );
  const scoped = await connect(agent.socket);
  await scoped.call('session.hello', { scheduler: 'other', epoch: 1, scopes: ['other'] });
  t.deepEqual((await scoped.call('image.list')).images, []);
  t.deepEqual((await scoped.call('image.pull', { image: name, pull: 'missing' })).usedBy, []);
  await t.throwsAsync(scoped.call('image.delete', { image: name }), { code: 'not_permitted' } as object);
  await scoped.close();
  await remove(t, 'ahead');
  const { freed } = await client.call('image.delete', { image: name });
  t.is(freed, pulled.fetched + pulled.unpacked);
  t.is(await listed(), undefined);
  t.deepEqual(await layers(), before);
});

const MAIN = fileURLToPath(new URL('../../../agent/main.js', import.meta.url));

/** The command as a person types it; `onText` is told all that it has written so far. */
async function berth(args: readonly string[], onText?: (out: string, kill: (signal: NodeJS.Signals) => void) => void) {
  const child = spawn(process.execPath, [MAIN, ...args], {
    env: { ...process.env, BERTH_CONNECT: agent.socket },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [out, err] = ['', ''];
  child.stdout.on('data', (bytes: Buffer) => {
    out += bytes.toString();
    onText?.(out, (signal) => child.kill(signal));
  });
  child.stderr.on('data', (bytes: Buffer) => {
    err += bytes.toString();
  });
  const [code] = await once(child, 'close');
  return { code, out, err };
}

const ids = async (): Promise<string[]> => (await client.call('workload.list')).workloads.map(({ id }) => id);

test.serial(
  'berth run: the output and the exit code of an image or of a program of the host, and nothing is left',
  async (t) => {
    const before = await ids();
    const none = ['run', '--rm', '--network', 'none'];
    t.deepEqual(await berth([...none, '-e', 'SIZE=small', image, 'echo $COLOUR $SIZE; exit 4']), {
      ...{ code: 4, out: 'red small\n', err: '' },
    });
    t.deepEqual(await berth([...none, '--priority', '7', '--', '/bin/sh', '-c', 'echo out; echo err >&2; exit 9']), {
      ...{ code: 9, out: 'out\nerr\n', err: '' },
    });
    const missing = await berth([...none, '--pull', 'never', 'docker://127.0.0.1:9/none']);
    t.is(missing.code, 4);
    t.regex(missing.err, /this node has no image docker:\/\/127.0.0.1:9\/none:latest/);
    t.deepEqual(await ids(), before);
  },
);

test.serial('berth run: Ctrl-C stops the workload, and its last words and exit code come', async (t) => {
  const before = await ids();
  const script = 'trap "echo BYE; exit 3" USR1; echo READY; while :; do sleep 0.1; done';
  let sent = false;
  const end = await berth(['run', '--rm', '--network', 'none', image, script], (out, kill) => {
    if (out.includes('READY') && !sent) kill('SIGINT');
    sent ||= out.includes('READY');
  });
  t.deepEqual(end, { code: 3, out: 'READY\nBYE\n', err: '' });
  t.deepEqual(await ids(), before);
});

test.serial('berth run --detach: the id when it runs, and a name that is taken', async (t) => {
  const detached = ['run', '-d', '--name', 'left', '--network', 'none', '--', '/bin/sleep', '1000'];
  t.deepEqual(await berth(detached), { code: 0, out: 'left\n', err: '' });
  t.is((await client.call('workload.get', { id: 'left' })).state, 'running');
  const again = await berth(detached);
  t.is(again.code, 1);
  t.regex(again.err, /there is a workload "left" already/);
  await remove(t, 'left');
});
