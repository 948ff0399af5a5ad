import { chmod, copyFile, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { ociDriver } from '../../../agent/drivers/oci/index.js';
import { makeNames } from '../../netns/lab.js';
import { NO_DNS, NO_SECRETS, specOf, temporary } from './fixture.js';
import { command, eventually, startHost } from './host.js';

const names = makeNames(8);
const driver = ociDriver({ runtime: 'crun', dns: NO_DNS, secrets: NO_SECRETS });
const oci = (section: Record<string, unknown>, more = {}) => specOf({ driver: 'oci', oci: section, ...more });

async function makeRootfs(t: ExecutionContext): Promise<string> {
  const rootfs = join(await temporary(t), 'rootfs');
  await mkdir(join(rootfs, 'bin'), { recursive: true });
  await copyFile('/bin/busybox', join(rootfs, 'bin', 'busybox'));
  await chmod(join(rootfs, 'bin', 'busybox'), 0o755);
  for (const name of ['sh', 'cat', 'ping', 'id', 'sleep']) await symlink('busybox', join(rootfs, 'bin', name));
  return rootfs;
}

test.serial('a root filesystem runs in its network and cgroup, shut in, and its exit code is kept', async (t) => {
  const host = await startHost(t);
  const network = names.sandbox(1);
  const rootfs = await makeRootfs(t);
  await command('mknod', '-m', '666', join(rootfs, 'zero'), 'c', '1', '5');
  const script = `
    echo hello; busybox hostname; busybox env; id
    ping -c1 -W2 169.254.1.1 && echo REACHED
    busybox ip -o -4 addr show eth0
    cat /etc/hosts
    busybox mknod /tmp-node b 8 0 && echo MADE
    busybox dd if=/zero of=/dev/null bs=1 count=1 && echo DEVICE
    busybox mount -t tmpfs none /dev/shm && echo MOUNTED
    busybox dd if=/dev/zero of=/dev/null bs=1 count=1 && echo ZERO
    echo more >> /etc/hosts && echo WRITTEN
    echo count $(busybox ls /proc | busybox grep -c '^[0-9]')
    busybox grep -E 'Cap(Eff|Bnd)|NoNew' /proc/self/status
    sleep 0.5; exit 7`;
  const spec = oci({ rootfs, command: ['/bin/sh', '-c', script], env: { COLOUR: 'red' } });
  const before = await readFile('/proc/self/mountinfo', 'utf8');
  const running = await host.run(driver, spec, network);
  t.true((await readFile(`/proc/${running.process.pid}/cgroup`, 'utf8')).includes(`0::${host.cgroup}\n`));
  t.is((await running.exit).exit?.code, 7);
  const output = await running.output();
  for (const line of ['hello', 'w', 'COLOUR=red', 'REACHED', 'ZERO', `BERTH_ADDRESS=${network.address}`])
    t.true(output.split('\n').includes(line), `${line}: ${output}`);
  t.regex(output, /^count [3-6]$/m);
  t.true(output.includes(`inet ${network.address}/32`));
  t.true(output.includes(`${network.address}\tw`));
  t.notRegex(output, /MADE|DEVICE|MOUNTED|WRITTEN/);
  t.regex(output, /uid=0(\(root\))? gid=0/);
  t.regex(output, /^NoNewPrivs:\s+1$/m);
  t.regex(output, /^CapEff:\s+00000000a00425fb$/m);

  // As after a crash: the container that ended is still in crun's books, and the same id must start again.
  const again = await host.run(driver, oci({ rootfs, command: ['/bin/sh', '-c', 'echo second'] }), network);
  t.is((await again.exit).exit?.code, 0);
  t.true((await again.output()).endsWith('second\n'));
  await host.remove(driver, spec, again, network);
  await driver.cleanup(spec, again.context);
  t.is(await readFile('/proc/self/mountinfo', 'utf8'), before);
});

test.serial('a user other than root, read only, serves port 80 and can be deleted while it runs', async (t) => {
  const host = await startHost(t);
  const network = names.sandbox(2);
  const rootfs = await makeRootfs(t);
  await writeFile(join(rootfs, 'index.html'), 'from the container');
  const serve = 'echo x > /y && echo WRITTEN; exec busybox httpd -f -p 80 -h /';
  const user = { uid: 1000, gid: 1000 };
  const spec = oci({ rootfs, command: ['/bin/sh', '-c', serve], user, readonly: true });
  const running = await host.run(driver, spec, network);
  const text = await eventually(async () => (await fetch(`http://${network.address}/`)).text());
  t.is(text, 'from the container');
  const status = await readFile(`/proc/${running.process.pid}/status`, 'utf8');
  t.regex(status, /^Uid:\s+1000\s+1000/m);
  t.regex(status, /^CapEff:\s+0+$/m);
  t.notRegex(await running.output(), /WRITTEN/);
  await host.remove(driver, spec, running, network);
  t.is((await running.exit).exit?.signal, 'SIGKILL');
});

test.serial('what cannot start says why and leaves nothing', async (t) => {
  const host = await startHost(t);
  const network = names.sandbox(3);
  const rootfs = await makeRootfs(t);
  const spec = oci({ rootfs, command: ['/bin/nothing'] });
  const error = await t.throwsAsync(host.run(driver, spec, network));
  t.regex(error?.message ?? '', /\/bin\/nothing.*No such file/);
  t.deepEqual(await host.supervisor.list(), []);
});

test.serial('a bundle joins the network of its sandbox, and the bundle stays as it was', async (t) => {
  const host = await startHost(t);
  const network = names.sandbox(4);
  const rootfs = await makeRootfs(t);
  const bundle = join(rootfs, '..');
  await command('crun', 'spec', '--bundle', bundle);
  const config = JSON.parse(await readFile(join(bundle, 'config.json'), 'utf8'));
  config.process.args = ['/bin/sh', '-c', 'busybox ip -o -4 addr show eth0; cat /data/file; exit 3'];
  config.mounts.push({ destination: '/data', type: 'bind', source: 'data', options: ['bind', 'ro'] });
  config.hooks = { poststop: [{ path: '/bin/sh', args: ['sh', '-c', `echo stopped > ${bundle}/hook`] }] };
  await mkdir(join(bundle, 'data'));
  await mkdir(join(rootfs, 'data'));
  await writeFile(join(bundle, 'data', 'file'), 'bound\n');
  await writeFile(join(bundle, 'config.json'), JSON.stringify(config));
  const spec = oci({ bundle });
  const running = await host.run(driver, spec, network);
  t.is((await running.exit).exit?.code, 3);
  t.true((await running.output()).includes(`inet ${network.address}/32`), await running.output());
  t.true((await running.output()).includes('bound\n'));
  await host.remove(driver, spec, running, network);
  t.is(await readFile(join(bundle, 'hook'), 'utf8'), 'stopped\n');
  t.deepEqual(JSON.parse(await readFile(join(bundle, 'config.json'), 'utf8')), config);
  t.deepEqual((await readdir(bundle)).sort(), ['config.json', 'data', 'hook', 'rootfs']);
});

test.serial('on the host network it sees the links of the host', async (t) => {
  const host = await startHost(t);
  const rootfs = await makeRootfs(t);
  const spec = oci({ rootfs, command: ['/bin/busybox', 'ls', '/sys/class/net'] }, { network: { mode: 'host' } });
  const running = await host.run(driver, spec, null);
  t.is((await running.exit).exit?.code, 0);
  t.deepEqual((await running.output()).trim().split(/\s+/).sort(), (await readdir('/sys/class/net')).sort());
  await host.remove(driver, spec, running, null);
});
