// `berth cp` on the whole agent: a container without tar, a sandbox, a plain process; links, owners, modes, and what is refused.
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { OwnAgent } from '../own-agent.js';
import { type OwnHost, openHost } from '../own-host.js';
import { type Client, connect } from '../told-client.js';

const CGROUP = `berth-copy-${process.pid}`;
const SECRET = 'of the host alone';

let host: OwnHost;
let agent: OwnAgent;
let client: Client;
/** A directory of this machine. */
let here: string;

function create(spec: Readonly<Record<string, unknown>>): void {
  const { status, stderr } = agent.berth(['workload', 'create', '-f', '-'], { network: { mode: 'none' }, ...spec });
  if (status !== 0) throw new Error(stderr);
}

const copy = (source: string, target: string) => {
  const { status, stderr } = agent.berth(['cp', source, target]);
  return { status, stderr };
};
const inside = (id: string, line: string): string => {
  const { status, stdout, stderr } = agent.berth(['workload', 'exec', id, '--', '/bin/sh', '-c', line]);
  if (status !== 0) throw new Error(`${line}: ${stderr}`);
  return stdout;
};
const DONE = { status: 0, stderr: '' };

test.before(async () => {
  host = await openHost();
  chmodSync(host.directory, 0o755);
  here = join(host.directory, 'here');
  mkdirSync(here);
  const rootfs = join(host.directory, 'rootfs');
  for (const name of ['bin', 'srv', 'tmp']) mkdirSync(join(rootfs, name), { recursive: true });
  chmodSync(join(rootfs, 'tmp'), 0o1777);
  copyFileSync('/bin/busybox', join(rootfs, 'bin', 'busybox'));
  for (const name of ['sh', 'cat', 'sleep', 'stat', 'ls', 'mkfifo', 'find', 'ln', 'mkdir', 'chmod', 'seq', 'grep'])
    symlinkSync('busybox', join(rootfs, 'bin', name));
  agent = new OwnAgent({
    ...{ directory: host.directory, prefix: host.prefix, start: host.start, cgroup: CGROUP },
    env: { BERTH_NETWORK_POOL: '10.218.1.0/28', BERTH_NETWORK_SLOTS: '0', BERTH_WEB_LISTEN: '' },
  });
  await agent.start();
  const command = ['/bin/sleep', '1000000'];
  create({ id: 'con', driver: 'oci', oci: { rootfs, command, user: '1234:5678' } });
  create({ id: 'box', driver: 'exec', exec: { command } });
  create({ id: 'plain', driver: 'exec', exec: { command, isolation: 'none', user: 'nobody' }, network: {} });
  client = await connect(agent.socket);
});

test.after.always(async () => {
  await client?.close();
  await agent?.end();
  host?.end();
});

test.serial('a tree comes out and goes in as it is, with modes, times, links and long names', (t) => {
  const long = 'n'.repeat(180);
  inside(
    'con',
    `mkdir -p /tmp/a/b; seq 1 30000 >/tmp/a/b/${long}; ln -s b/${long} /tmp/a/link; chmod 750 /tmp/a/b; chmod 604 /tmp/a/b/${long}`,
  );
  t.deepEqual(copy('con:/tmp/a', here), DONE);
  const out = join(here, 'a');
  t.is(readFileSync(join(out, 'link'), 'utf8').split('\n').length, 30_001);
  t.is(readlinkSync(join(out, 'link')), `b/${long}`);
  t.deepEqual([statSync(join(out, 'b')).mode & 0o7777, statSync(join(out, 'b', long)).mode & 0o7777], [0o750, 0o604]);
  t.is(
    String(Math.floor(statSync(join(out, 'b', long)).mtimeMs / 1000)),
    inside('con', `stat -c %Y /tmp/a/b/${long}`).trim(),
  );
  // Under another name, and what is in it, into one that is there.
  t.deepEqual(copy(out, 'con:/tmp/again'), DONE);
  t.deepEqual(copy(`${out}/.`, 'con:tmp/again'), DONE);
  t.is(
    inside('con', 'cd /tmp/a; find . | while read f; do stat -c "%n %a %s" $f; done'),
    inside('con', 'cd /tmp/again; find . | while read f; do stat -c "%n %a %s" $f; done'),
  );
  t.is(inside('con', `stat -c %u:%g /tmp/again/b/${long}`), '1234:5678\n');
});

test.serial('one file: into a directory, under a new name, over an old one, without its set-user-id bit', (t) => {
  const file = join(here, 'one');
  writeFileSync(file, 'first');
  chmodSync(file, 0o4755);
  for (const id of ['con', 'box', 'plain']) {
    const place = id === 'plain' ? mine(`of-${id}`) : '/tmp';
    t.deepEqual(copy(file, `${id}:${place}`), DONE, id);
    t.deepEqual(copy(file, `${id}:${place}/two`), DONE, id);
    t.is(inside(id, `cat ${place}/one ${place}/two; stat -c %a ${place}/two`), 'firstfirst755\n', id);
    writeFileSync(file, 'other');
    t.deepEqual(copy(file, `${id}:${place}/two`), DONE, id);
    t.deepEqual(copy(`${id}:${place}/two`, join(here, `back-${id}`)), DONE, id);
    t.is(readFileSync(join(here, `back-${id}`), 'utf8'), 'other');
    writeFileSync(file, 'first');
    chmodSync(file, 0o4755);
  }
});

/** A directory of the host that belongs to nobody. */
function mine(name: string): string {
  const path = join(host.directory, name);
  mkdirSync(path, { recursive: true, mode: 0o777 });
  chmodSync(path, 0o777);
  return path;
}

test.serial('links of the workload lead where they lead for it, and its user is the one who reads and writes', (t) => {
  const secret = join(host.directory, 'secret');
  writeFileSync(secret, SECRET, { mode: 0o600 });
  inside(
    'con',
    `ln -s ${secret} /tmp/out; ln -s / /tmp/root; ln -s ${host.directory} /tmp/up; ln -s /proc/1/root /tmp/magic`,
  );
  for (const path of ['/tmp/up/secret', `/tmp/root/${secret}`, `/tmp/magic/${secret}`, `/tmp/../../../..${secret}`]) {
    const { status, stderr } = copy(`con:${path}`, join(here, 'stolen'));
    t.not(status, 0, path);
    t.regex(stderr, /No such file or directory|Permission denied/, path);
  }
  // The link itself, as docker.
  t.deepEqual(copy('con:/tmp/out', join(here, 'stolen')), DONE);
  t.true(lstatSync(join(here, 'stolen')).isSymbolicLink());
  writeFileSync(join(here, 'gift'), 'x');
  t.not(copy(join(here, 'gift'), 'con:/tmp/up/gift').status, 0);
  t.not(copy(join(here, 'gift'), 'con:/srv/gift').status, 0, 'the user of the workload may not write there');
  t.false(existsSync(join(host.directory, 'gift')));
  const { status, stderr } = copy(`plain:${secret}`, join(here, 'plainly'));
  t.is(status, 1);
  t.regex(stderr, /Permission denied/);
});

test.serial('what is no file, directory or link is refused, and left out of a directory', (t) => {
  inside('con', 'mkdir /tmp/odd; mkfifo /tmp/odd/fifo; echo x >/tmp/odd/file');
  const single = copy('con:/tmp/odd/fifo', here);
  t.is(single.status, 1);
  t.regex(single.stderr, /it is no file, directory or symbolic link/);
  const tree = copy('con:/tmp/odd', here);
  t.is(tree.status, 0);
  t.regex(tree.stderr, /\/tmp\/odd\/fifo: left out/);
  t.true(existsSync(join(here, 'odd', 'file')));
  // A name is one line of what is said, and moves no cursor.
  inside('con', `mkdir /tmp/named; mkfifo "$(printf '/tmp/named/a\\nberth: forged\\033[2J')"`);
  t.is(
    copy('con:/tmp/named', here).stderr,
    'berth: /tmp/named/a\\x0aberth: forged\\x1b[2J: left out: it is no file, directory or symbolic link\n',
  );
  const cases: readonly (readonly [string, string, RegExp])[] = [
    ['a device', 'tar -cf - -C /dev null', /it is a device or a FIFO/],
    ['out of its place', 'printf x >../up; tar -cPf - ../up', /leaves its directory/],
    ['cut short', 'tar -cf - . | head -c 700', /ends in the middle/],
    ['no archive', 'head -c 2000 /bin/busybox', /damaged/],
    ['nothing', 'true', /nothing was sent/],
  ];
  for (const [what, line, said] of cases) {
    const input = spawnSync('/bin/sh', ['-c', line], { cwd: here, maxBuffer: 64 << 20 }).stdout;
    const found = agent.berth(['cp', '-', 'con:/tmp'], input);
    t.is(found.status, 1, what);
    t.regex(found.stderr, said, what);
  }
  t.is(inside('con', 'ls / /tmp | grep -cx up'), '1\n', 'the link of the test before');
});

test.serial('a reader that takes nothing holds up the copy and not the agent; its end ends the copy', async (t) => {
  inside('con', 'seq 1 4000000 >/tmp/big');
  const stream = await client.open('workload.copy', { id: 'con', direction: 'from', path: '/tmp/big' });
  t.is((await client.call('workload.get', { id: 'con' })).state, 'running');
  stream.close();
  for await (const _ of stream.output);
  await stream.ended;
  const { events } = { events: agent.berth(['events', '--type', 'workload.copy']).stdout };
  t.regex(events, /\/tmp\/big/);
});

test.serial('one that does not run, or is not there, is refused by name', (t) => {
  t.is(copy('nobody:/x', here).status, 4);
  t.is(agent.berth(['workload', 'stop', 'box']).status, 0);
  const { status, stderr } = copy('box:/tmp', here);
  t.is(status, 1);
  t.regex(stderr, /workload "box" is/);
});
