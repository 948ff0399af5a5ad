// What root of the host can do from inside: leave its cgroup, refuse to end, change what the next one would find. When berth
// says `deleted` nothing of it lives, and nobody gets its namespace.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { findHierarchy } from '../../cgroups/hierarchy.js';
import { OwnAgent } from '../agent/own-agent.js';
import { type OwnHost, openHost } from '../agent/own-host.js';
import { type Client, connect } from '../agent/told-client.js';

const CGROUP = `berth-test-gone-${process.pid}`;
/** Where to: any cgroup that is not the workload's. It cannot go there itself: the test, which is root of the host, moves it. */
const ELSEWHERE = join(findHierarchy()?.mount ?? '', 'cgroup.procs');
let host: OwnHost;
let agent: OwnAgent;
let client: Client;
/** Of whom `workload.escaped` was told. */
const escaped: (string | undefined)[] = [];

test.before(async () => {
  host = await openHost();
  const { directory, prefix, start } = host;
  const env = {
    BERTH_NETWORK_POOL: '10.213.0.0/24',
    BERTH_NETWORK_TABLE: 'berth_gone',
    BERTH_NETWORK_LINK_PREFIX: 'bg',
    BERTH_NETWORK_SLOTS: '4',
    // However busy the machine is, namespaces are made ahead.
    BERTH_GOVERNOR_ENABLED: 'false',
    BERTH_WEB_LISTEN: '127.0.0.1:19474',
    BERTH_LIFECYCLE_STOP_GRACE: '200ms',
  };
  agent = new OwnAgent({ directory, prefix, start, cgroup: CGROUP, env });
  await agent.start();
  client = await connect(agent.socket);
  client.onEvent(({ type, workload }) => type === 'workload.escaped' && escaped.push(workload));
  await client.call('events.subscribe', {});
});

test.after.always(async () => {
  await client.close();
  await agent.end();
  host.end();
});

/** A program of root in a network of its own; resolves when it has written a line, with that line. */
async function run(
  id: string,
  script: string,
  exec: object = {},
): Promise<{ readonly line: string; readonly netns: string }> {
  await ready();
  const plain = { isolation: 'none' as const, command: ['/usr/bin/perl', '-e', script] };
  const spec = { id, tenant: id, driver: 'exec' as const, exec: { ...plain, ...exec } };
  await client.call('workload.create', { spec });
  const moved = new Set<string>();
  for (;;) {
    const lines = await linesOf(id, moved);
    const [line] = lines;
    if (line !== undefined) return { line, netns: (await client.call('workload.get', { id })).sandbox.netns ?? '' };
    await sleep(20);
  }
}

/** What it has written; what asks to be moved is moved, once. */
async function linesOf(id: string, moved: Set<string>): Promise<string[]> {
  const { text } = await client.call('workload.logs', { id });
  const lines = text.split('\n').slice(0, -1);
  for (const line of lines) {
    const [, pid] = /^leave (\d+)$/.exec(line) ?? [];
    if (pid === undefined || moved.has(pid)) continue;
    moved.add(pid);
    writeFileSync(ELSEWHERE, pid);
  }
  return lines.filter((line) => !line.startsWith('leave '));
}

/** Until the next start finds a ready namespace. */
async function ready(): Promise<void> {
  const counted = /^berth_network_slots_ready\{kind="veth"\} [1-9]/m;
  while (!counted.test(host.run('curl -s http://127.0.0.1:19474/metrics'))) await sleep(50);
}

async function remove(id: string): Promise<void> {
  await client.call('workload.delete', { id });
  while ((await client.call('workload.list', {})).workloads.some((each) => each.id === id)) await sleep(10);
}

const LEAVE = `sub cgroup { open(my $f, "<", "/proc/self/cgroup") or die; local $/; <$f> }
  sub leave { my $was = cgroup(); print "leave $$\\n"; select undef, undef, undef, 0.01 while cgroup() eq $was }`;
const DEAF = '$SIG{$_} = "IGNORE" for qw(TERM HUP INT QUIT); close STDIN; $| = 1;';

/** Each writes the numbers of all its processes, in a line. */
const ESCAPES: Readonly<Record<string, string>> = {
  'the program itself': `${LEAVE} ${DEAF} leave(); print "$$\\n"; sleep 1 while 1`,
  'a child, in a session of its own, when the program has ended': `use POSIX; ${LEAVE} ${DEAF} pipe(my $r, my $w);
    my $p = fork; if (!$p) { POSIX::setsid(); leave(); print getppid(), " $$\\n"; syswrite($w, "x"); close STDOUT; close STDERR; sleep 1 while 1 }
    sysread($r, my $x, 1); sleep 1; exit 0`,
  'one that is always on its way into a new process': `${LEAVE} ${DEAF} my $p = fork;
    if (!$p) { leave(); print getppid(), " $$\\n"; while (1) { my $c = fork; exit 0 if $c; select undef, undef, undef, 0.01 } }
    sleep 1 while 1`,
};

/** No process of the host has this netns, whatever its number. */
function membersOf(inode: number): string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && statSync(`/proc/${pid}/ns/net`).ino === inode;
    } catch {
      return false;
    }
  });
}

for (const [at, [what, script]] of Object.entries(ESCAPES).entries())
  test.serial(`deleted is said when nothing of it lives: ${what}`, async (t) => {
    const id = `away-${at}`;
    const { line, netns } = await run(id, script);
    const pids = line.split(' ');
    const inode = Number(host.run(`stat -Lc %i /run/netns/${netns}`));
    t.notDeepEqual(membersOf(inode), []);
    const elsewhere = readFileSync(ELSEWHERE, 'latin1').split('\n');
    t.true(at === 2 || elsewhere.includes(pids.at(-1) ?? ''), 'it has left');
    await remove(id);
    t.deepEqual(membersOf(inode), []);
    for (const pid of pids) t.false(existsSync(`/proc/${pid}`), pid);
    t.false(host.run('ls /run/netns').split('\n').includes(netns), 'nobody gets its namespace');
    while (at > 0 && !escaped.includes(id)) await sleep(20);
  });

test.serial('what left a run that has ended is gone before the restart policy begins the next', async (t) => {
  const id = 'again';
  const script = ESCAPES['a child, in a session of its own, when the program has ended'] ?? '';
  await ready();
  const restart = { policy: 'on-failure' as const, maxRetries: 1 };
  const command = ['/usr/bin/perl', '-e', script.replace('exit 0', 'exit 1')];
  await client.call('workload.create', {
    spec: { id, tenant: id, driver: 'exec', exec: { isolation: 'none', command }, restart },
  });
  let lines: string[] = [];
  const moved = new Set<string>();
  while (lines.length < 2) {
    await sleep(20);
    lines = await linesOf(id, moved);
  }
  const [first = ''] = lines.map((line) => line.split(' ').at(-1));
  t.false(existsSync(`/proc/${first}`), 'the second run does not meet the first');
  while (!escaped.includes(id)) await sleep(20);
  await remove(id);
});

test.serial('who came from outside is left alone', async (t) => {
  const { netns } = await run('visited', `${DEAF} print "up\\n"; sleep 1 while 1`);
  const visitor = host.start(['nsenter', `--net=/run/netns/${netns}`, 'sleep', '1000']);
  const inode = Number(host.run(`stat -Lc %i /run/netns/${netns}`));
  while (membersOf(inode).length < 2) await sleep(20);
  await remove('visited');
  t.is(visitor.exitCode, null);
  t.is(membersOf(inode).length, 1);
  const gone = once(visitor, 'exit');
  visitor.kill();
  await gone;
});

/** Every sysctl of a network namespace that can be read, but for counts. */
async function sysctls(netns: string): Promise<string[]> {
  const child = spawn(
    host.prefix[0] ?? '',
    [
      ...host.prefix.slice(1),
      'nsenter',
      `--net=/run/netns/${netns}`,
      'sh',
      '-c',
      'cd /proc/sys/net && grep -rs . . | sort',
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  await once(child, 'close');
  return text.split('\n').filter((line) => !line.includes('nf_conntrack_count'));
}

test.serial('what root changed in its namespace nobody finds, and what was used again is as new', async (t) => {
  const up = `${DEAF} print "up\\n"; sleep 1 while 1`;
  const fresh = await run('fresh', up, { user: 'nobody' });
  const expected = await sysctls(fresh.netns);
  t.true(expected.length > 100);
  const write = (name: string, value: string) =>
    `open(my $f, ">", "/proc/sys/net/${name}") or die "$!"; syswrite($f, "${value}\\n") or die "$!"; close $f;`;
  const changed = await run(
    'changer',
    `{ ${write('ipv4/ip_local_port_range', '1024 1055')} } { ${write('ipv4/conf/all/arp_ignore', '2')} } ${up}`,
  );
  t.is((await sysctls(changed.netns)).filter((line) => !expected.includes(line)).length, 2);
  await remove('changer');
  t.false(host.run('ls /run/netns').split('\n').includes(changed.netns));
  const used = new Set<string>();
  const users: object[] = [{ user: 'nobody' }, { isolation: 'sandbox' }, { isolation: 'sandbox', user: 'root' }];
  for (const [at, exec] of users.entries()) {
    const { netns } = await run(`user-${at}`, up, exec);
    used.add(netns);
    await remove(`user-${at}`);
    t.true(
      host.run('ls /run/netns').split('\n').includes(netns),
      `${JSON.stringify(exec)} does not cost its namespace`,
    );
  }
  let again = 0;
  for (let at = 0; at < 8; at += 1) {
    const { netns } = await run(`next-${at}`, up, { user: 'nobody' });
    again += used.has(netns) ? 1 : 0;
    const found = await sysctls(netns);
    t.deepEqual([found.filter((line) => !expected.includes(line)), found.length], [[], expected.length]);
  }
  t.true(again >= 1, 'one of them has a namespace that was used before');
});
