import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { engineOf, findNamed } from '../../../../agent/discovery/engines/names.js';
import { temporaryDirectory } from '../../../runner/temporary.js';
import { Watched } from './stand.js';

const hex = 'ab'.repeat(32);
const signal = new AbortController().signal;

test('the name of a cgroup tells the engine and the id', (t) => {
  t.deepEqual(engineOf(`docker-${hex}.scope`), { engine: 'docker', id: hex });
  t.deepEqual(engineOf(hex, 'docker'), { engine: 'docker', id: hex });
  t.is(engineOf(hex, 'elsewhere'), undefined);
  t.deepEqual(engineOf(`cri-containerd-${hex}.scope`), { engine: 'containerd', id: hex });
  t.deepEqual(engineOf(`crio-${hex}`), { engine: 'crio', id: hex });
  t.deepEqual(engineOf(`libpod-${hex}.scope`), { engine: 'podman', id: hex });
  t.is(engineOf(`libpod-conmon-${hex}.scope`), undefined);
  t.deepEqual(engineOf('lxc.payload.web'), { engine: 'lxc', id: 'web' });
  t.deepEqual(engineOf('machine-qemu\\x2d1\\x2dmy\\x2dvm.scope'), { engine: 'libvirt', id: 'my-vm' });
  t.deepEqual(engineOf('machine-qemu\\x2d1\\x2db\\xc3\\xbcro.scope'), { engine: 'libvirt', id: 'b\u00fcro' });
  t.deepEqual(engineOf('systemd-nspawn@deb.service'), { engine: 'nspawn', id: 'deb' });
  t.is(engineOf('docker.service'), undefined);
  t.is(engineOf('system.slice'), undefined);
});

test('all are found but what is inside of one, and what is ours', async (t) => {
  const mount = temporaryDirectory('names');
  for (const path of [
    `system.slice/docker-${hex}.scope/lxc.payload.inside`,
    `kubepods.slice/kubepods-burstable.slice/kubepods-pod1.slice/cri-containerd-${hex}.scope`,
    'lxc.payload.a',
    'berth.slice/berth-workloads.service/acme/lxc.payload.mine',
  ])
    mkdirSync(join(mount, path), { recursive: true });
  const own = join(mount, 'berth.slice/berth-workloads.service');
  const { found, dropped } = await findNamed(mount, own, 10, signal);
  t.deepEqual(found.map(({ engine }) => engine).sort(), ['containerd', 'docker', 'lxc']);
  t.is(dropped.size, 0);
  const few = await findNamed(mount, own, 1, signal);
  t.is(few.found.length, 1);
  t.is(
    [...few.dropped.values()].reduce((sum, count) => sum + count),
    2,
  );
});

test('a cgroup without processes is no workload', async (t) => {
  const mount = temporaryDirectory('empty');
  for (const [name, populated] of [
    ['left', 0],
    ['web', 1],
  ] as const) {
    mkdirSync(join(mount, `lxc.payload.${name}`));
    writeFileSync(join(mount, `lxc.payload.${name}`, 'cgroup.events'), `populated ${populated}\nfrozen 0\n`);
  }
  const { found } = await findNamed(mount, '', 10, signal);
  t.deepEqual(
    found.map(({ id }) => id),
    ['web'],
  );
});

test('an id that a terminal would act on, or that is not what its bytes say, is counted and not kept', async (t) => {
  const mount = temporaryDirectory('odd');
  for (const name of [
    'lxc.payload.a\u001b[2Jb',
    'machine-qemu\\x2d1\\x2d\\x1b[2J.scope',
    'machine-qemu\\x2d2\\x2da\\xff.scope',
  ])
    mkdirSync(join(mount, name));
  const { found, dropped } = await findNamed(mount, '', 10, signal);
  t.deepEqual(found, []);
  t.deepEqual([...dropped].sort(), [
    ['libvirt', 2],
    ['lxc', 1],
  ]);
});

test('what is not kept of an engine without a socket is in its view', async (t) => {
  const mount = temporaryDirectory('view');
  mkdirSync(join(mount, 'lxc.payload.a\u001b[2Jb'));
  const watched = new Watched({ engine: 'lxc', socket: '', mount, root: join(mount, 'berth') });
  t.teardown(() => watched.engines.close());
  await watched.look();
  t.like(watched.view, { workloads: 0, dropped: 1 });
});

test('an engine without a socket is known by its cgroups, with the limits that hold there', async (t) => {
  const mount = temporaryDirectory('limits');
  const directory = join(mount, `system.slice/docker-${hex}.scope`);
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, 'memory.max'), '1048576\n');
  writeFileSync(join(directory, 'cpu.max'), '150000 100000\n');
  writeFileSync(join(directory, 'pids.max'), 'max\n');
  const watched = new Watched({ engine: 'docker', socket: join(mount, 'none'), mount, root: join(mount, 'berth') });
  t.teardown(() => watched.engines.close());
  await watched.look();
  t.like(watched.view, { state: 'names', workloads: 1 });
  t.like(watched.named(hex.slice(0, 12)), {
    cgroup: `system.slice/docker-${hex}.scope`,
    limits: { cpu: 1.5, memory: 1 << 20, pids: null },
  });
});
