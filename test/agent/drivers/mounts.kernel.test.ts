// What a spec says of mounts, names, limits, privileges and the end of a container, as the kernel tells it inside.
import { execFileSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { ociDriver } from '../../../agent/drivers/oci/index.js';
import { terminate } from '../../../agent/workload/processes.js';
import { NO_DNS, NO_SECRETS, specOf, temporary, testExec } from './fixture.js';
import { eventually, startHost } from './host.js';

/** A tree of data on the host, as an operator allows it. */
async function tree(t: ExecutionContext): Promise<string> {
  const root = await mkdtemp('/srv/berth-data-');
  t.teardown(() => rm(root, { recursive: true, force: true }));
  await chmod(root, 0o755);
  await mkdir(join(root, 'data', 'deep'), { recursive: true });
  await writeFile(join(root, 'data', 'file'), 'from the host\n');
  await chmod(join(root, 'data'), 0o777);
  return root;
}

async function busyboxRoot(t: ExecutionContext): Promise<string> {
  const rootfs = join(await temporary(t), 'rootfs');
  await mkdir(join(rootfs, 'bin'), { recursive: true });
  execFileSync('cp', ['/bin/busybox', join(rootfs, 'bin', 'busybox')]);
  for (const name of ['sh', 'cat', 'grep', 'sleep', 'touch', 'head', 'ls', 'hostname', 'ps', 'stat'])
    await symlink('busybox', join(rootfs, 'bin', name));
  return rootfs;
}

/** Mounts of the host that show something of the tree. */
async function hostMounts(root: string): Promise<string[]> {
  return (await readFile('/proc/self/mountinfo', 'utf8')).split('\n').filter((line) => line.includes(root));
}

interface Way {
  readonly driver: (shared: string) => ReturnType<typeof testExec>;
  readonly section: (t: ExecutionContext, script: string) => Promise<Record<string, unknown>>;
  /** CapEff of a root that gave CHOWN away and was given NET_ADMIN; of the user that exec gives, NET_ADMIN alone. */
  readonly capabilities: string;
}

const WAYS: Readonly<Record<'exec' | 'oci', Way>> = {
  exec: {
    driver: (shared) => testExec({ shared }),
    section: async (_t, script) => ({ driver: 'exec', exec: { command: ['sh', '-c', script] } }),
    capabilities: '0000000000001000',
  },
  oci: {
    driver: () => ociDriver({ runtime: 'crun', dns: NO_DNS, secrets: NO_SECRETS }),
    section: async (t, script) => ({
      driver: 'oci',
      oci: { rootfs: await busyboxRoot(t), command: ['/bin/sh', '-c', script] },
    }),
    capabilities: '00000000a00435fa',
  },
};

for (const [name, way] of Object.entries(WAYS)) {
  test.serial(`${name}: mounts, names, limits and privileges are what the spec says`, async (t) => {
    const root = await tree(t);
    const host = await startHost(t, [root]);
    const driver = way.driver(host.runtime);
    const script = `cat /data/file; echo inside > /data/new; touch /ro/no; cat /etc/one; hostname; cat /etc/hostname
      head -c 100000 /dev/zero > /scratch/much; grep -E ' /(data|ro|scratch|one)|/etc/one ' /proc/self/mountinfo
      cat /proc/self/limits; grep Cap /proc/self/status; cat /proc/1/comm; sleep 0.2`;
    const spec = specOf({
      ...(await way.section(t, script)),
      mounts: [
        { type: 'bind', source: join(root, 'data'), target: '/data' },
        { type: 'bind', source: join(root, 'data'), target: '/ro', readOnly: true, noexec: true },
        { type: 'bind', source: join(root, 'data', 'file'), target: name === 'exec' ? '/one' : '/etc/one' },
        { type: 'tmpfs', target: '/scratch', size: 65_536, mode: '1777' },
      ],
      hostname: 'box.example',
      rlimits: { nofile: { soft: 100, hard: 200 }, fsize: { soft: 1_000_000, hard: 'unlimited' } },
      capabilities: { drop: ['CHOWN'], add: ['NET_ADMIN'] },
      init: true,
    });
    const before = await hostMounts(root);
    const running = await host.run(driver, spec, null);
    await running.exit;
    const output = await running.output();
    t.regex(output, /^from the host$/m, output);
    t.is(await readFile(join(root, 'data', 'new'), 'utf8'), 'inside\n');
    t.regex(output, /\/ro\/no.*Read-only file system/);
    t.regex(output, /No space left on device|I\/O error/);
    t.regex(output, /^box\.example$/m);
    const flags = (place: string) => new RegExp(` ${place} (\\S+) `).exec(output)?.[1]?.split(',') ?? [];
    t.deepEqual(flags('/data').slice(0, 3), ['rw', 'nosuid', 'nodev'], output);
    t.deepEqual(flags('/ro').slice(0, 4), ['ro', 'nosuid', 'nodev', 'noexec'], output);
    t.deepEqual(flags('/scratch').slice(0, 3), ['rw', 'nosuid', 'nodev'], output);
    t.regex(output, / \/(etc\/)?one rw,nosuid,nodev/);
    t.regex(output, /^Max open files +100 +200 /m);
    t.regex(output, /^Max file size +1000000 +unlimited /m);
    t.regex(output, /^Max core file size +0 +0 /m);
    t.regex(output, new RegExp(`^CapEff:\\s+${way.capabilities}$`, 'm'), output);
    t.regex(output, /^(init|catatonit|tini-static)$/m);
    await host.remove(driver, spec, running, null);
    // Places for mounts were made and taken away without the data.
    t.is(await readFile(join(root, 'data', 'file'), 'utf8'), 'from the host\n');
    t.deepEqual(await hostMounts(root), before);
  });
}

test.serial('a source that leads out of its tree is refused', async (t) => {
  const root = await tree(t);
  const host = await startHost(t, [root]);
  const driver = testExec({ shared: host.runtime });
  await symlink('/etc', join(root, 'out'));
  await symlink('data', join(root, 'within'));
  execFileSync('mkfifo', [join(root, 'fifo')]);
  const refusal = async (source: string): Promise<string> => {
    const mounts = [{ type: 'bind', source, target: '/data' }];
    const spec = specOf({ driver: 'exec', exec: { command: ['true'] }, mounts });
    return host.run(driver, spec, null).then(() => 'started', String);
  };
  t.regex(await refusal(join(root, 'out')), /mounts\.0\.source: .*symbolic link/);
  t.regex(await refusal(join(root, 'out', 'passwd')), /symbolic link/);
  t.regex(await refusal(join(root, 'within', 'file')), /symbolic link/);
  t.regex(await refusal(join(root, 'fifo')), /must be a directory or a regular file/);
  t.regex(await refusal(join(root, 'none')), /is not there/);
  t.regex(await refusal(`${root}-other`), /in no tree/);
  t.regex(await refusal('/etc'), /in no tree/);
});

test.serial('a link that is put in the place of the source between check and mount is not mounted', async (t) => {
  const root = await tree(t);
  const host = await startHost(t, [root]);
  const driver = testExec({ shared: host.runtime });
  const source = join(root, 'data');
  const mounts = [{ type: 'bind', source, target: '/data' }];
  const spec = specOf({ driver: 'exec', exec: { command: ['sh', '-c', 'ls /data; sleep 600'] }, mounts });
  await rename(source, join(root, 'kept'));
  await mkdir(source);
  const exchanging = {
    ...driver,
    // The last moment before the runtime.
    prepare: async (...args: Parameters<typeof driver.prepare>) => {
      const launch = await driver.prepare(...args);
      await rm(source, { recursive: true });
      await symlink('/etc', source);
      return launch;
    },
  };
  const error = await t.throwsAsync(host.run(exchanging, spec, null));
  t.regex(error?.message ?? '', /was exchanged while it was mounted/);
  t.deepEqual(await host.supervisor.list(), []);
});

test.serial('it is asked to end by the signal of its spec', async (t) => {
  const host = await startHost(t);
  const driver = testExec({ shared: host.runtime });
  const script = 'trap "exit 4" INT; trap "exit 5" TERM; echo ready; while :; do sleep 0.05; done';
  const spec = specOf({ driver: 'exec', exec: { command: ['sh', '-c', script] }, stop: { signal: 'SIGINT' } });
  const running = await host.run(driver, spec, null);
  await eventually(async () => ((await running.output()).includes('ready') ? true : undefined));
  terminate(running.process, spec.stop.signal);
  t.is((await running.exit).exit?.code, 4);
  await host.remove(driver, spec, running, null);
});

test.serial('a program that crashes without a sandbox leaves no core dump', async (t) => {
  const host = await startHost(t);
  const driver = testExec({ shared: host.runtime });
  const spec = specOf({ driver: 'exec', exec: { command: ['cat', '/proc/self/limits'], isolation: 'none' } });
  const running = await host.run(driver, spec, null);
  await running.exit;
  t.regex(await running.output(), /^Max core file size +0 +0 /m);
  await host.remove(driver, spec, running, null);
});
