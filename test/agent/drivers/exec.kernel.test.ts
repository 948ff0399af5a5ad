import { readFile } from 'node:fs/promises';
import test from 'ava';
import { makeNames } from '../../netns/lab.js';
import { specOf, testExec } from './fixture.js';
import { eventually, startHost } from './host.js';

const names = makeNames(7);
const exec = (section: Record<string, unknown>) => specOf({ driver: 'exec', exec: { isolation: 'none', ...section } });
const driver = testExec();

test.serial('runs in its network and cgroup as nobody, with nothing but what the spec says', async (t) => {
  const host = await startHost(t);
  const network = names.sandbox(1);
  const script = 'env; id; ip -o -4 addr show eth0; cat /proc/self/cgroup; grep -E "Cap|NoNew" /proc/self/status; pwd';
  const spec = exec({ command: ['sh', '-c', script], user: 'nobody', env: { COLOUR: 'red' }, cwd: '/usr' });
  const running = await host.run(driver, spec, network);
  t.is((await running.exit).exit?.code, 0);
  const output = await running.output();
  const env = output.split('\n').filter((line) => /^[A-Z_]+=/.test(line));
  t.deepEqual(
    env.map((line) => line.replace(/=.*/, '')).sort(),
    // PWD is the shell's.
    ['BERTH_ADDRESS', 'BERTH_TENANT', 'BERTH_WORKLOAD_ID', 'COLOUR', 'HOME', 'PATH', 'PWD'],
  );
  t.regex(output, /^uid=65534\(nobody\) gid=65534\(nogroup\) groups=65534\(nogroup\)$/m);
  t.true(output.includes(`inet ${network.address}/32`));
  t.true(output.includes(`0::${host.cgroup}\n`), output);
  t.regex(output, /^CapEff:\s+0*400$/m);
  t.regex(output, /^CapBnd:\s+0*400$/m);
  t.regex(output, /^NoNewPrivs:\s+1$/m);
  t.regex(output, /^\/usr$/m);
  await host.remove(driver, spec, running, network);
});

test.serial('nobody serves port 80 of its own address, and is the process the supervisor started', async (t) => {
  const host = await startHost(t);
  const network = names.sandbox(2);
  const spec = exec({ command: ['busybox', 'httpd', '-f', '-p', '80', '-h', '/etc'], user: 'nobody' });
  const running = await host.run(driver, spec, network);
  const { pid } = running.process;
  const text = await eventually(async () => (await fetch(`http://${network.address}/hostname`)).text());
  t.is(text, await readFile('/etc/hostname', 'utf8'));
  t.is(await readFile(`/proc/${pid}/comm`, 'utf8'), 'busybox\n');
  process.kill(pid, 'SIGTERM');
  t.is((await running.exit).exit?.signal, 'SIGTERM');
  await host.remove(driver, spec, running, network);
});

test.serial('root loses what it does not need, and the exit code is kept', async (t) => {
  const host = await startHost(t);
  const script = [
    'grep CapBnd /proc/self/status',
    'busybox mknod /tmp/berth-test-node b 8 0 && echo MADE',
    'busybox mount -t tmpfs none /mnt && echo MOUNTED',
    'busybox ip link set lo down && echo DOWN',
    'setpriv --reuid 65534 --clear-groups id -u',
    'exit 7',
  ].join('\n');
  const spec = exec({ command: ['/bin/sh', '-c', script] });
  const running = await host.run(driver, spec, null);
  t.is((await running.exit).exit?.code, 7);
  const output = await running.output();
  t.regex(output, /^CapBnd:\s+00000000a00425fb$/m);
  t.notRegex(output, /MADE|MOUNTED|DOWN/);
  t.regex(output, /^65534$/m);
  await host.remove(driver, spec, running, null);
});
