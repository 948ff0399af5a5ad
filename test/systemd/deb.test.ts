import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { buildPackage } from '../../systemd/deb/build.js';
import { ENTRIES, type Entry } from '../../systemd/deb/bundle.js';
import { maintainerScripts } from '../../systemd/deb/scripts.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));

const { dependencies, devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Readonly<
  Record<'dependencies' | 'devDependencies', Readonly<Record<string, string>>>
>;

function directory(t: ExecutionContext): string {
  const path = mkdtempSync(join(tmpdir(), 'berth-deb-'));
  t.teardown(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

function has(program: string): boolean {
  try {
    execFileSync('sh', ['-c', `command -v ${program}`]);
    return true;
  } catch {
    return false;
  }
}

// The agent stands for itself in other tests; here a few lines that need what a bundle could lack.
const STUB = `import { parse } from 'smol-toml'; import pino from 'pino'; import koffi from 'koffi';
console.log(typeof parse, typeof pino, typeof koffi.load, process.argv[2]);`;

const build = has('dpkg-deb') ? test : test.skip;

build('the package has what it should, works where it lands, and is the same every time', async (t) => {
  const out = directory(t);
  const sources = directory(t);
  const stub = join(sources, 'stub.js');
  writeFileSync(stub, STUB);
  mkdirSync(join(out, 'man/man8'), { recursive: true });
  writeFileSync(join(out, 'man/man8/berth.8'), '.TH berth 8\n');
  // Only for the bundler: what is unpacked below lies elsewhere and has to do with what the package brings.
  symlinkSync(join(root, 'node_modules'), join(sources, 'node_modules'));
  const source = relative(root, stub);
  const entries = { berth: { source }, supervisor: ENTRIES.supervisor as Entry, cached: { source, cached: true } };
  const options = { root, out, entries, date: 1_700_000_000 };
  const file = await buildPackage(options);
  const first = readFileSync(file);
  await buildPackage(options);
  t.true(first.equals(readFileSync(file)), 'reproducible');

  const contents = execFileSync('dpkg-deb', ['-c', file], { encoding: 'utf8' });
  for (const path of [
    '-rwxr-xr-x root/root .* ./usr/bin/berth',
    '-rw-r--r-- root/root .* ./usr/lib/berth/supervisor.js',
    '-rw-r--r-- root/root .* ./usr/lib/systemd/system/berth-workloads.service',
    '-rw-r--r-- root/root .* ./etc/needrestart/conf.d/berth.conf',
    '-rw-r--r-- root/root .* ./usr/share/berth/dashboards/berth-host.json',
    '-rw-r--r-- root/root .* ./usr/share/berth/prometheus/rules/berth.yaml',
    '-rw-r--r-- root/root .* ./usr/share/berth/schemas/workload.schema.json',
    '-rw-r--r-- root/root .* ./usr/share/doc/berth/engines/docker.md',
    '-rw-r--r-- root/root .* ./usr/share/doc/berth/examples/web.yaml',
    '-rw-r--r-- root/root .* ./usr/share/doc/berth/protocol.md',
    '-rw-r--r-- root/root .* ./usr/share/doc/berth/runbooks.md',
    '-rw-r--r-- root/root .* ./usr/share/man/man8/berth.8.gz',
    '-rw-r--r-- root/root .* ./usr/share/doc/berth/sbom.cdx.json',
    '-rw-r--r-- root/root .* ./usr/lib/berth/node_modules/@koromix/koffi-linux-.*/koffi.node',
  ]) {
    t.regex(contents, new RegExp(path));
  }
  t.notRegex(contents, /musl|\.cc$|vendor\//m);
  const info = execFileSync('dpkg-deb', ['-I', file], { encoding: 'utf8' });
  t.regex(info, /Depends: nodejs \(>= 20\.19\)/);
  t.regex(execFileSync('dpkg-deb', ['-I', file, 'conffiles'], { encoding: 'utf8' }), /^\/etc\/berth\/berth\.toml$/m);

  const landed = join(out, 'landed');
  execFileSync('dpkg-deb', ['-x', file, landed]);
  const bom = JSON.parse(readFileSync(join(landed, 'usr/share/doc/berth/sbom.cdx.json'), 'utf8'));
  const listed = bom.components.map((one: { name: string; version: string }) => `${one.name}@${one.version}`);
  t.is(bom.metadata.component.name, 'berth');
  for (const [name, version] of Object.entries(dependencies)) t.true(listed.includes(`${name}@${version}`), name);
  for (const name of Object.keys(devDependencies)) t.notRegex(listed.join(' '), new RegExp(`(^| )${name}@`), name);

  for (const name of ['berth.js', 'cached.js']) {
    const program = join(landed, 'usr/lib/berth', name);
    const said = execFileSync(process.execPath, [program, 'hello'], { encoding: 'utf8' });
    t.is(said, 'function function function hello\n', name);
  }
  const usage = t.throws(
    () =>
      execFileSync(process.execPath, [join(landed, 'usr/lib/berth/supervisor.js'), '--nonsense'], { stdio: 'pipe' }),
    { message: /usage: supervisor/ },
  );
  t.truthy(usage, 'the supervisor starts as far as its arguments');
});

test('an architecture that is not known is named', async (t) => {
  await t.throwsAsync(buildPackage({ root, out: directory(t), architecture: 'vax' }), {
    message: 'no package for vax: it is one of amd64, arm64',
  });
});

test('a missing source is named', async (t) => {
  const entries = { berth: { source: 'agent/not-there.ts' } };
  await t.throwsAsync(buildPackage({ root, out: directory(t), entries }), {
    message: /agent\/not-there\.ts does not exist/,
  });
});

test('only a purge touches the supervisor, and the agent is restarted only on upgrade', (t) => {
  for (const [name, text] of Object.entries(maintainerScripts)) {
    if (name !== 'postrm') t.notRegex(text, /berth-workloads/, name);
    t.notRegex(text, /systemctl (restart|try-restart) .*berth-workloads/, name);
    t.notThrows(() => execFileSync('sh', ['-n'], { input: text }), name);
  }
  t.regex(maintainerScripts.postinst ?? '', /-n "\$2".*try-restart berth\.service/s);
  t.regex(maintainerScripts.postrm ?? '', /"\$1" = purge.*living.*else.*systemctl stop/s);
});

/** Runs the text of postrm with `purge` on a host of plain files; its output. */
function purge(host: string, commands: string): string {
  const text = (maintainerScripts.postrm ?? '').replace(/\/(sys\/fs|proc\/sys|etc|var\/lib|run)\b/g, `${host}/$1`);
  const quiet = 'systemctl() { echo "systemctl $*"; }; nft() { echo "nft $*"; }';
  return execFileSync('sh', ['-s', 'purge'], { input: `${quiet}\n${commands}\n${text}`, encoding: 'utf8' });
}

function hostOf(t: ExecutionContext, files: Readonly<Record<string, string>>) {
  const host = directory(t);
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(host, name)), { recursive: true });
    writeFileSync(join(host, name), text);
  }
  const read = (name: string): string => readFileSync(join(host, name), 'utf8').trim();
  return { host, read, has: (name: string): boolean => existsSync(join(host, name)) };
}

const CHANGED = {
  'run/systemd/system/this': '',
  'proc/sys/net/ipv4/ip_forward': '1\n',
  'proc/sys/net/ipv6/conf/eth0.7/accept_ra': '2\n',
  'proc/sys/net/ipv6/conf/all/forwarding': '0\n',
  'proc/sys/kernel/pid_max': '4194304\n',
  'proc/sys/net/core/somaxconn': '9999\n',
  'run/berth/forwarding.before':
    'net/ipv4/ip_forward 0 1\nnet/ipv6/conf/eth0.7/accept_ra 1 2\nnet/ipv6/conf/all/forwarding 0 1\n',
  'etc/sysctl.d/60-berth.conf': 'kernel.pid_max = 4194304\nnet.core.somaxconn = 8192\n',
  'var/lib/berth/sysctl.rollback.json':
    '{"version":1,"file":null,"values":{"kernel.pid_max":32768,"net.core.somaxconn":4096}}\n',
};

test('a purge puts sysctls back as they were, but none that somebody else has changed since', (t) => {
  const { host, read, has } = hostOf(t, CHANGED);
  const said = purge(host, '');
  t.is(read('proc/sys/net/ipv4/ip_forward'), '0');
  t.is(read('proc/sys/net/ipv6/conf/eth0.7/accept_ra'), '1');
  t.is(read('proc/sys/kernel/pid_max'), '32768');
  t.is(read('proc/sys/net/core/somaxconn'), '9999', 'somebody else set it');
  for (const path of ['etc/sysctl.d/60-berth.conf', 'var/lib/berth', 'run/berth']) t.false(has(path), path);
  t.regex(said, /systemctl stop berth\.service berth-workloads\.service.*nft delete table inet berth\n/s);
});

test('a purge gives a sysctl file of before back as it was, quotes and all', (t) => {
  const file = '# the "big" one\nkernel.pid_max = 32768\n';
  const rollback = JSON.stringify({ version: 1, file, values: { 'kernel.pid_max': 32768 } });
  const { host, read } = hostOf(t, { ...CHANGED, 'var/lib/berth/sysctl.rollback.json': `${rollback}\n` });
  purge(host, '');
  t.is(read('etc/sysctl.d/60-berth.conf'), file.trim());
});

test('a purge leaves forwarding on where other rules need it', (t) => {
  const { host, read } = hostOf(t, CHANGED);
  t.regex(purge(host, 'nft() { echo "type filter hook forward"; }'), /forwarding stays on/);
  t.is(read('proc/sys/net/ipv4/ip_forward'), '1');
});

test('a purge beside living workloads opens no firewall, ends nothing and says what to do', (t) => {
  const events = 'sys/fs/cgroup/berth.slice/berth-workloads.service/acme/web-1/cgroup.events';
  const { host, read, has } = hostOf(t, { ...CHANGED, [events]: 'populated 1\nfrozen 0\n' });
  const said = purge(host, '');
  t.regex(said, /workloads still run: web-1/);
  t.notRegex(said, /nft delete|systemctl stop/);
  t.is(read('proc/sys/net/ipv4/ip_forward'), '1');
  t.true(has('var/lib/berth') && has('run/berth'));
  writeFileSync(join(host, events), 'populated 0\nfrozen 0\n');
  t.regex(purge(host, ''), /nft delete table inet berth/);
});

test('a purge beside a process in the namespace of a workload opens no firewall, whoever started it', (t) => {
  const { host, has } = hostOf(t, CHANGED);
  mkdirSync(join(host, 'run/netns'));
  const namespace = join(host, 'run/netns/berth-joined');
  symlinkSync('/proc/self/ns/net', namespace);
  const said = purge(host, '');
  t.regex(said, /workloads still run: joined/);
  t.notRegex(said, /nft delete|systemctl stop/);
  t.true(has('var/lib/berth') && has('run/berth'));
  // A namespace that nobody is in any more.
  rmSync(namespace);
  writeFileSync(namespace, '');
  t.regex(purge(host, ''), /nft delete table inet berth/);
});

const analyze = has('systemd-analyze') ? test : test.skip;

analyze('the units are valid', (t) => {
  const fake = directory(t);
  const units = join(fake, 'usr/lib/systemd/system');
  mkdirSync(units, { recursive: true });
  for (const unit of ['berth.service', 'berth-workloads.service', 'berth.slice']) {
    const text = readFileSync(join(root, 'systemd/units', unit), 'utf8');
    writeFileSync(
      join(units, unit),
      text.replaceAll('/usr/bin/berth', '/bin/true').replaceAll('/usr/bin/node', '/bin/true'),
    );
  }
  const env = { ...process.env, SYSTEMD_UNIT_PATH: `${units}:` };
  const args = [
    '-c',
    `systemd-analyze verify --man=no ${units}/berth.service ${units}/berth-workloads.service 2>&1 || true`,
  ];
  const said = execFileSync('sh', args, { env, encoding: 'utf8' });
  const ours = said.split('\n').filter((line) => line.includes('berth'));
  // Keys of systemd >= 254 that older ones skip.
  const expected = /Unknown key(?: name)? '(DelegateSubgroup|RestartSteps|RestartMaxDelaySec)'/;
  t.deepEqual(
    ours.filter((line) => !expected.test(line)),
    [],
  );
});
