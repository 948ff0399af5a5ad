import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { engineOf, findForeign } from '../../../agent/discovery/foreign.js';
import { temporaryDirectory } from '../../runner/temporary.js';

const hex = 'ab'.repeat(32);

test('cgroup names tell the engine', (t) => {
  t.is(engineOf(`docker-${hex}.scope`), 'docker');
  t.is(engineOf(`cri-containerd-${hex}.scope`), 'containerd');
  t.is(engineOf(`crio-${hex}`), 'cri-o');
  t.is(engineOf(`libpod-${hex}.scope`), 'podman');
  t.is(engineOf('lxc.payload.web'), 'lxc');
  t.is(engineOf('machine-qemu\\x2d1\\x2dvm.scope'), 'libvirt');
  t.is(engineOf('docker.service'), undefined);
  t.is(engineOf('system.slice'), undefined);
});

test('counts by engine, without what is inside them and without our own', async (t) => {
  const mount = temporaryDirectory('foreign');
  for (const path of [
    `system.slice/docker-${hex}.scope/init.scope`,
    `kubepods.slice/kubepods-burstable.slice/kubepods-pod1.slice/cri-containerd-${hex}.scope`,
    'lxc.payload.a',
    'lxc.payload.b',
    'berth.slice/berth-workloads.service/acme/lxc.payload.mine',
  ])
    mkdirSync(join(mount, path), { recursive: true });
  const own = join(mount, 'berth.slice/berth-workloads.service');
  t.deepEqual(await findForeign(mount, own), { docker: 1, containerd: 1, lxc: 2 });
});
