import { spawnSync } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { runCommand } from '../../../agent/drivers/crun.js';
import { adaptBundle, readBundle } from '../../../agent/drivers/oci/config.js';
import { ociDriver } from '../../../agent/drivers/oci/index.js';
import { conformance } from './conformance.js';
import { contextFor, HOST, NO_DNS, NO_SECRETS, ROUTED, specOf, temporary } from './fixture.js';

const oci = (section: Record<string, unknown>) => specOf({ driver: 'oci', oci: section });
const driver = () => ociDriver({ runtime: 'crun', dns: NO_DNS, secrets: NO_SECRETS });
const command = ['/bin/true'];

async function makeBundle(bundle: string, change: Record<string, unknown> = {}): Promise<void> {
  await mkdir(join(bundle, 'rootfs'), { recursive: true });
  const config = {
    ociVersion: '1.0.2',
    process: { terminal: true, args: ['sh'], cwd: '/', user: { uid: 5, gid: 5 } },
    root: { path: 'rootfs', readonly: true },
    mounts: [
      { destination: '/data', type: 'bind', source: 'data', options: ['rbind'] },
      { destination: '/proc', type: 'proc', source: 'proc' },
    ],
    hooks: { poststop: [{ path: '/bin/true' }] },
    linux: { namespaces: [{ type: 'pid' }, { type: 'network', path: '/elsewhere' }], seccomp: { defaultAction: 'X' } },
    ...change,
  };
  await writeFile(join(bundle, 'config.json'), JSON.stringify(config));
}

conformance({
  driver,
  assets: async (directory) => {
    await mkdir(join(directory, 'rootfs'));
    await mkdir(join(directory, 'empty'));
    await makeBundle(join(directory, 'bundle'));
    await makeBundle(join(directory, 'rootless'), { root: { path: 'gone' } });
    await makeBundle(join(directory, 'odd'), { process: { args: [] } });
    const resources = { memory: { limit: 1 << 26 }, pids: { limit: 64 }, cpu: { quota: 50_000 } };
    await makeBundle(join(directory, 'limited'), { linux: { namespaces: [], resources } });
    await makeBundle(join(directory, 'garbled'));
    await writeFile(join(directory, 'garbled', 'config.json'), '{"ociVersion"');
    await makeBundle(join(directory, 'twice'));
    await writeFile(join(directory, 'twice', 'config.json'), '{"process": {"cwd": "/a",\n "cwd": "/b"}}');
  },
  spec: (assets) => oci({ rootfs: join(assets, 'rootfs'), command }),
  missing: [
    {
      what: 'the runtime',
      spec: (assets) => oci({ rootfs: join(assets, 'rootfs'), command }),
      code: 'binary_missing',
      names: '"crun"',
      without: ['crun'],
    },
    {
      what: 'the root filesystem',
      spec: (assets) => oci({ rootfs: join(assets, 'nothing'), command }),
      code: 'image_missing',
      names: 'oci.rootfs',
    },
    {
      what: 'the config.json',
      spec: (assets) => oci({ bundle: join(assets, 'empty') }),
      code: 'image_missing',
      names: 'empty/config.json',
    },
    {
      what: 'a config.json that is not JSON',
      spec: (assets) => oci({ bundle: join(assets, 'garbled') }),
      code: 'invalid_spec',
      names: 'config.json:1:14: not valid JSON: it ends too early',
    },
    {
      what: 'a key that a config.json has twice',
      spec: (assets) => oci({ bundle: join(assets, 'twice') }),
      code: 'invalid_spec',
      names: 'config.json:2:2: duplicate key "cwd"',
    },
    {
      what: 'the wrong field of a config.json',
      spec: (assets) => oci({ bundle: join(assets, 'odd') }),
      code: 'invalid_spec',
      names: 'process.args',
    },
    ...['memory.limit', 'pids.limit', 'cpu.quota'].map((limit) => ({
      what: `a place in the spec for ${limit} of a bundle`,
      spec: (assets: string) => oci({ bundle: join(assets, 'limited') }),
      code: 'invalid_spec' as const,
      names: `linux.resources.${limit}: write resources.`,
    })),
    {
      what: 'the root of a bundle',
      spec: (assets) => oci({ bundle: join(assets, 'rootless') }),
      code: 'image_missing',
      names: 'rootless/gone',
    },
    ...[{ command }, { env: { A: 'b' } }, { user: { uid: 1, gid: 1 } }, { readonly: true }].map((extra) => ({
      what: `${Object.keys(extra)[0]} beside a bundle`,
      spec: (assets: string) => oci({ bundle: join(assets, 'bundle'), ...extra }),
      code: 'invalid_spec' as const,
      names: `oci.${Object.keys(extra)[0]}`,
    })),
  ],
});

test('a hook takes all of its standard input, which crun before 1.17 insists on', async (t) => {
  const directory = await temporary(t);
  await mkdir(join(directory, 'rootfs'));
  const spec = oci({ rootfs: join(directory, 'rootfs'), command });
  // Does nothing, and reads nothing.
  const which = (name: string) => (name === 'mount' ? '/bin/true' : `/usr/bin/${name}`);
  const context = await contextFor(t, { sandbox: HOST, which });
  await driver().prepare(spec, context);
  const { hooks } = JSON.parse(await readFile(join(context.directory, 'config.json'), 'utf8'));
  const all: { path: string; args: string[]; env: string[] }[] = Object.values(hooks).flat() as never;
  t.true(all.length > 0);
  for (const { path, args, env } of all) {
    const [argv0 = '', ...rest] = args;
    const variables = Object.fromEntries(env.map((line) => line.split('=', 2)));
    // More than a pipe holds: the write ends when all is read, or with EPIPE.
    const ended = spawnSync(path, rest, { argv0, env: variables, input: `{"id": "w"}\n`.repeat(20_000) });
    t.is(ended.error, undefined);
    t.is(ended.status, 0);
  }
});

test('a bundle runs as it is, but for network, terminal and relative paths', async (t) => {
  const bundle = join(await temporary(t), 'bundle');
  await makeBundle(bundle);
  const before = await readFile(join(bundle, 'config.json'), 'utf8');
  const context = await contextFor(t);
  await driver().prepare(oci({ bundle }), context);
  const expected = JSON.parse(before);
  expected.process.terminal = false;
  expected.root.path = join(bundle, 'rootfs');
  expected.mounts[0].source = join(bundle, 'data');
  expected.linux.namespaces[1] = { type: 'network', path: '/run/netns/berth-w' };
  t.deepEqual(JSON.parse(await readFile(join(context.directory, 'config.json'), 'utf8')), expected);
  t.is(await readFile(join(bundle, 'config.json'), 'utf8'), before);
  const onHost = adaptBundle(await readBundle(bundle), bundle, null);
  t.deepEqual(onHost.linux?.namespaces, [{ type: 'pid' }]);
});

test('the default configuration is shut like that of Docker', async (t) => {
  const rootfs = await temporary(t);
  const context = await contextFor(t);
  const user = { uid: 1000, gid: 1000 };
  await driver().prepare(oci({ rootfs, command: ['/bin/x', 'a b'], user, readonly: true }), context);
  const config = JSON.parse(await readFile(join(context.directory, 'config.json'), 'utf8'));
  t.deepEqual(config.process.args, ['/bin/x', 'a b']);
  t.deepEqual(config.process.user, user);
  t.true(config.process.noNewPrivileges);
  t.deepEqual(config.process.capabilities.effective, []);
  t.false(config.process.capabilities.bounding.includes('CAP_MKNOD'));
  t.false(config.process.capabilities.bounding.includes('CAP_SYS_ADMIN'));
  t.deepEqual(config.root, { path: rootfs, readonly: true });
  t.is(config.hostname, 'w');
  t.true(config.linux.maskedPaths.includes('/proc/kcore'));
  t.deepEqual(
    config.linux.namespaces.map((entry: { type: string }) => entry.type),
    ['pid', 'ipc', 'uts', 'mount', 'cgroup', 'network'],
  );
  t.true(config.process.env.includes('BERTH_ADDRESS=10.9.8.7'));
  t.regex(await readFile(join(context.directory, 'hosts'), 'utf8'), /^10\.9\.8\.7\tw$/m);
});

test('on the host network there is no network namespace and no sysctl', async (t) => {
  const rootfs = await temporary(t);
  const context = await contextFor(t, { sandbox: HOST });
  await driver().prepare(oci({ rootfs, command }), context);
  const { linux } = JSON.parse(await readFile(join(context.directory, 'config.json'), 'utf8'));
  t.false(linux.namespaces.some((entry: { type: string }) => entry.type === 'network'));
  t.false('sysctl' in linux);
});

test('on a hybrid host crun is shown cgroup v2 alone', async (t) => {
  const options = { runtime: '/usr/bin/crun', unshare: '/usr/bin/unshare', directory: '/d', id: 'w' };
  const hybrid = await temporary(t);
  const wrapped = await runCommand(options, hybrid);
  t.is(wrapped[0], '/usr/bin/unshare');
  const at = wrapped.indexOf('berth-oci');
  t.deepEqual(wrapped.slice(at + 1, at + 4), [hybrid, '--', '/usr/bin/crun']);
  t.deepEqual(wrapped.slice(-6), ['--detach', '--pid-file', '/d/pid', '--bundle', '/d', 'w']);
});

test('a container gets names of its own, and a bundle can have them', async (t) => {
  const context = await contextFor(t, { sandbox: { ...ROUTED, address6: 'fd00::7' } });
  const network = { dns: { servers: ['9.9.9.9'], search: ['lan'], options: ['ndots:2'] } };
  const rootfs = await temporary(t);
  await driver().prepare(specOf({ driver: 'oci', oci: { rootfs, command }, network }), context);
  const read = (name: string) => readFile(join(context.directory, name), 'utf8');
  t.is(await read('resolv.conf'), 'nameserver 9.9.9.9\nsearch lan\noptions ndots:2\n');
  t.regex(await read('hosts'), /^10\.9\.8\.7\tw\nfd00::7\tw$/m);
  const { mounts } = JSON.parse(await read('config.json'));
  const files = mounts.filter(({ type }: { type: string }) => type === 'bind');
  t.deepEqual(
    files.map(({ destination, source }: Record<string, string>) => [destination, source]),
    [
      ['/etc/resolv.conf', join(context.directory, 'resolv.conf')],
      ['/etc/hosts', join(context.directory, 'hosts')],
      ['/etc/hostname', join(context.directory, 'hostname')],
    ],
  );
  const bundle = join(await temporary(t), 'bundle');
  await makeBundle(bundle);
  await driver().prepare(oci({ bundle }), context);
  t.is(await read('hostname'), 'w\n');
});
