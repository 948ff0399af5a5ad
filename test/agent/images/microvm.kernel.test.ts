// The same workload as a container and as a microVM of QEMU, by a whole agent.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import type { WorkloadView } from '../../../agent/model/record.js';
import { guestKernelTree, tcgGuestArguments } from '../../lab/guest.js';
import { OwnAgent } from '../own-agent.js';
import { type OwnHost, openHost } from '../own-host.js';
import { type Client, connect } from '../told-client.js';
import { busyboxLayer, writeLayout } from './layout.js';
import { dir, file } from './tar-writer.js';

let host: OwnHost;
let agent: OwnAgent;
let client: Client;
let image: string;
let append: string;

test.before(async () => {
  const kernel = await guestKernelTree();
  append = `console=ttyS0 ${await tcgGuestArguments()}`;
  host = await openHost();
  const layout = join(host.directory, 'app');
  const passwd = 'root:x:0:0::/root:/bin/sh\napp:x:1234:1235::/home/app:/bin/sh\n';
  await writeLayout(layout, {
    layers: [
      await busyboxLayer([file('etc/passwd', passwd), file('etc/gone', 'below')]),
      { entries: [file('etc/.wh.gone', ''), dir('home', {}), dir('home/app', { uid: 1234, gid: 1235 })] },
    ],
    config: {
      ...{ Env: ['COLOUR=red'], Entrypoint: ['/bin/sh', '-c'], Cmd: ['exit 9'], User: 'app', WorkingDir: '/home/app' },
    },
  });
  image = `oci:${layout}:latest`;
  agent = new OwnAgent({
    ...{ directory: host.directory, prefix: host.prefix, start: host.start },
    cgroup: `berth-test-vmimage-${process.pid}`,
    env: {
      BERTH_NETWORK_POOL: '10.237.0.0/24',
      BERTH_NETWORK_TABLE: 'berth_testvmi',
      BERTH_NETWORK_LINK_PREFIX: 'bvi',
      BERTH_NETWORK_SLOTS: '0',
      BERTH_WEB_LISTEN: '',
      BERTH_IMAGES_MIN_FREE: '0',
      BERTH_DRIVERS_QEMU_ACCEL: 'tcg',
      BERTH_DRIVERS_QEMU_KERNEL: kernel,
    },
  });
  await agent.start();
  client = await connect(agent.socket);
});

test.after.always(async () => {
  await client?.close();
  await agent?.end();
  host?.end();
});

async function until(id: string, is: (view: WorkloadView) => boolean): Promise<WorkloadView> {
  for (;;) {
    const view = await client.call('workload.get', { id });
    if (is(view)) return view;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const ended = (id: string) => until(id, ({ state }) => state === 'exited' || state === 'failed');

async function outputOf(id: string): Promise<string> {
  return (await readFile(join(host.directory, 'state', 'logs', `${id}.log`), 'utf8')).replaceAll('\r', '');
}

test.serial('a container and a microVM of one spec say and end the same', async (t) => {
  t.timeout(400_000);
  const words = ['id -u', 'pwd', 'echo $COLOUR $MORE', 'ls /etc/gone 2>/dev/null', 'exit 7'].join('; ');
  const same = { image, oci: { command: [words] }, env: { MORE: 'words' }, network: { mode: 'none' } };
  const both = [
    { ...same, id: 'container', driver: 'oci' },
    { ...same, id: 'machine', driver: 'qemu', qemu: { append } },
  ];
  for (const spec of both) await client.call('workload.create', { spec });
  for (const { id } of both) {
    const view = await ended(id);
    t.like(view.end, { code: 7, signal: null, cause: 'exit' }, JSON.stringify([view.error, await outputOf(id)]));
    t.true((await outputOf(id)).includes('1234\n/home/app\nred words\n'), id);
  }
  const disks = await readdir(join(host.directory, 'state', 'images', 'disks'));
  t.is(disks.length, 2, 'the file system and what says that it is whole');
  const { images } = await client.call('image.list', {});
  t.deepEqual(
    images[0]?.usedBy.map(({ workload }) => workload),
    ['container', 'machine'],
  );
});

test.serial('a microVM that fails is started again, and a stop reaches its program', async (t) => {
  t.timeout(400_000);
  const wait = 'trap "echo ended politely; exit 0" TERM; echo up; while :; do sleep 0.2; done';
  const restart = { policy: 'on-failure', maxRetries: 1 };
  const spec = { id: 'again', driver: 'qemu', image, restart, network: { mode: 'none' }, qemu: { append } };
  await client.call('workload.create', { spec });
  const view = await until('again', ({ restarts }) => restarts === 1);
  t.is(view.end?.code, 9);
  await client.call('workload.delete', { id: 'again' });
  await client.call('workload.create', { spec: { ...spec, id: 'polite', oci: { command: [wait] } } });
  await until('polite', () => true);
  while (!/^up/m.test(await outputOf('polite').catch(() => '')))
    await new Promise((resolve) => setTimeout(resolve, 50));
  await client.call('workload.stop', { id: 'polite' });
  const end = (await ended('polite')).end;
  t.like(end, { code: 0, cause: 'stopped' });
  t.regex(await outputOf('polite'), /^ended politely$/m);
});
