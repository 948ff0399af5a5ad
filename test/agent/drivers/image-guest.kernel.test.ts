// Guests of images under TCG: Debian's cloud kernel, the initrd that berth makes, and the root filesystem of an image.
import { execFileSync } from 'node:child_process';
import { chmod, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { qemuDriver } from '../../../agent/drivers/qemu/index.js';
import type { ImageRoot } from '../../../agent/model/image.js';
import { guestKernelTree, tcgGuestArguments } from '../../lab/guest.js';
import { makeNames } from '../../netns/lab.js';
import { NO_DNS, specOf, temporary } from './fixture.js';
import { eventually, type Running, startHost, type TestHost } from './host.js';

const names = makeNames(22);
const BOOT_MS = 120_000;
const HOSTILE = `it's "so"\n$(reboot) \`reboot\` \\`;

type Section = Readonly<Record<string, unknown>>;

/** As images make it (test/agent/images/disks.kernel.test.ts), of a root filesystem with busybox. */
async function imageOf(t: ExecutionContext): Promise<ImageRoot> {
  const directory = await temporary(t);
  const root = join(directory, 'layers', 'one');
  for (const name of ['bin', 'etc', 'home/app']) await mkdir(join(root, name), { recursive: true });
  await writeFile(join(root, 'bin', 'busybox'), await readFile('/bin/busybox'), { mode: 0o755 });
  for (const name of ['sh', 'cat', 'id', 'env', 'pwd', 'ls', 'sleep', 'httpd', 'hostname', 'stat', 'df', 'touch'])
    await symlink('busybox', join(root, 'bin', name));
  await writeFile(join(root, 'etc', 'passwd'), 'root:x:0:0::/root:/bin/sh\napp:x:1234:1235::/home/app:/bin/sh\n');
  await writeFile(join(root, 'etc', 'group'), 'root:x:0:\napp:x:1235:\nextra:x:77:app\n');
  await mkdir(join(root, 'tmp'));
  await chmod(join(root, 'tmp'), 0o1777);
  const disk = join(directory, 'disk');
  execFileSync('mksquashfs', [root, disk, '-quiet', '-no-progress', '-comp', 'lz4'], { stdio: 'ignore' });
  return {
    ...{ digest: 'sha256:x', directory: join(directory, 'layers'), layers: ['one'], writable: '../w', disk },
    config: {
      ...{ env: ['COLOUR=red'], entrypoint: [], command: [], user: 'app', workingDirectory: '/job/dir' },
      ...{ stopSignal: 'SIGINT', exposedPorts: [] },
    },
    stopSignal: 'SIGINT',
  };
}

async function driverOf(host: TestHost) {
  const kernel = await guestKernelTree();
  return qemuDriver({ accel: 'tcg', overheadBytes: 0, dns: NO_DNS, runtime: host.runtime, kernel });
}

async function specFor(command: readonly string[], more: Section = {}, oci: Section = {}) {
  const append = `console=ttyS0 ${await tcgGuestArguments()}`;
  return specOf({
    ...{ driver: 'qemu', image: 'docker://example.org/app:v1', qemu: { append, memory: 128 * 2 ** 20 } },
    ...{ oci: { entrypoint: ['sh', '-c'], command, ...oci }, network: { mode: 'none' }, ...more },
  });
}

const said = (running: Running, what: RegExp) =>
  eventually(async () => (what.test(await running.output()) ? true : undefined), BOOT_MS);

/** To its end: the output, and what the driver makes of it. */
async function runToEnd(
  t: ExecutionContext,
  host: TestHost,
  spec: Awaited<ReturnType<typeof specFor>>,
  image?: ImageRoot,
) {
  const driver = await driverOf(host);
  const running = await host.run(driver, spec, null, { image: image ?? (await imageOf(t)) });
  const { exit } = await running.exit;
  const output = await running.output();
  await host.remove(driver, spec, running, null);
  const end = driver.vm?.explainEnd(spec, output, { code: exit?.code ?? null, signal: null });
  return { output, vmm: exit?.code, code: driver.vm?.exitCode?.(spec, output), end };
}

test.serial('the program has its user, groups, environment, directory and names, whatever is in them', async (t) => {
  t.timeout(300_000);
  const host = await startHost(t);
  const script = [
    'id; env; pwd; echo "<$1>"; cat /etc/passwd; hostname; cat /etc/hosts; ls /dev/.berth',
    'touch /job/x 2>/dev/null || echo "not mine"; touch /tmp/x && stat -c %a /dev/null; df -k / | cat',
    'printf "no newline"; exit 7',
  ].join('\n');
  const spec = await specFor([script, 'sh', HOSTILE], {
    ...{ env: { HOSTILE, PATH: '/bin' }, groups: [88], hostname: 'guest-7' },
  });
  const { output, vmm, code, end } = await runToEnd(t, host, spec);
  t.log(output);
  t.is(vmm, 0);
  t.is(code, 7);
  t.is(end, undefined);
  const text = output.replaceAll('\r', '');
  t.regex(text, /^uid=1234\(app\) gid=1235\(app\) groups=77\(extra\),88,1235\(app\)$/m);
  t.true(text.includes(`HOSTILE=${HOSTILE}\n`), 'a value with quotes and a newline');
  t.true(text.includes(`<${HOSTILE}>\n`), 'an argument with quotes and a newline');
  t.regex(text, /^HOME=\/home\/app$/m);
  t.regex(text, /^BERTH_WORKLOAD_ID=w$/m);
  t.regex(text, /^\/job\/dir$/m);
  t.regex(text, /^app:x:1234:1235::\/home\/app:\/bin\/sh$/m, 'its own /etc/passwd');
  t.notRegex(text, /^berth:x:/m);
  t.regex(text, /^guest-7$/m);
  t.regex(text, /^not mine$/m);
  t.regex(text, /^666$/m);
  t.regex(text, /^no newline$/m);
});

test.serial('it answers on its network, and its signal ends it', async (t) => {
  t.timeout(300_000);
  const host = await startHost(t);
  const driver = await driverOf(host);
  const network = names.sandbox(1);
  const serve = 'echo hello from $BERTH_ADDRESS >/tmp/index.html; httpd -p 80 -h /tmp';
  const wait = 'trap "echo ended by INT; exit 9" INT; echo up; while :; do sleep 0.2; done';
  const spec = await specFor([`${serve}; ${wait}`], { network: {} }, { user: '0' });
  const running = await host.run(driver, spec, network, { image: await imageOf(t) });
  await said(running, /^up/m);
  const answer = await eventually(async () => (await fetch(`http://${network.address}/`)).text(), BOOT_MS);
  t.regex(answer, new RegExp(`hello from ${network.address}`));
  t.true(await driver.stop?.(spec, running.context));
  t.is((await running.exit).exit?.code, 0);
  t.regex(await running.output(), /^ended by INT/m);
  t.is(driver.vm?.exitCode?.(spec, await running.output()), 9);
  t.false((await driver.stop?.(spec, running.context)) ?? true);
  await host.remove(driver, spec, running, network);
});

test.serial('what a guest does to itself is its end, and is told apart', async (t) => {
  t.timeout(600_000);
  const host = await startHost(t);
  const down = await runToEnd(t, host, await specFor(['echo b >/proc/sysrq-trigger; sleep 60'], {}, { user: '0' }));
  t.is(down.code, undefined);
  t.like(down.end, { by: 'guest', detail: 'the guest went down before the program of its image had ended' });
  const missing = await runToEnd(t, host, await specFor([], {}, { entrypoint: ['/no/such'], command: ['x'] }));
  t.is(missing.code, 127);
  t.regex(missing.output, /can't execute '\/no\/such'/);
  const image = await imageOf(t);
  await writeFile(image.disk ?? '', Buffer.alloc(1 << 20, 'hsqs'));
  const broken = await runToEnd(t, host, await specFor(['true']), image);
  t.like(broken.end, { by: 'guest', detail: 'the guest did not start: its kernel cannot mount squashfs' });
});
