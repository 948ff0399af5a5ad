import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { SysError } from '../../linux/errors.js';
import { closeDescriptor } from '../../linux/fd.js';
import { endedPidfds, openPidfd, parseProcessStat, readProcessStat, signalPidfd } from '../../linux/pidfd.js';
import { spawnProcess } from '../../linux/spawn.js';
import { unixAddress } from '../../linux/unix-datagram.js';
import { peekExitedChild, reapChild, signalName } from '../../linux/wait.js';

// One test, in order: waiting takes any child of this process.
test('spawnProcess starts, refuses and is waited for', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'berth-spawn-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const out = openSync(join(directory, 'out'), 'a');
  const fds = [openSync('/dev/null', 'r'), out, out];
  const options = { env: { A: 'b' }, fds, cwd: '/usr' };
  const start = (script: string) => spawnProcess({ ...options, path: '/bin/sh', argv: ['sh', '-c', script] });
  const wait = () => {
    let ended = peekExitedChild();
    while (ended === undefined) ended = peekExitedChild();
    return ended;
  };

  const pid = start('echo $A; pwd; exit 3');
  t.deepEqual(wait(), { pid, code: 3, signal: null });
  t.is(readProcessStat(pid)?.state, 'Z', 'peeking leaves the zombie');
  reapChild(pid);
  t.is(readProcessStat(pid), undefined);
  t.is(readFileSync(join(directory, 'out'), 'utf8'), 'b\n/usr\n');

  t.throws(() => spawnProcess({ ...options, path: '/no/such', argv: ['x'] }), {
    instanceOf: SysError,
    message: /ENOENT/,
  });
  t.throws(() => spawnProcess({ ...options, path: '/bin/sh', argv: ['sh'], cwd: '/no' }), { message: /ENOENT/ });

  const sleeper = start('sleep 60');
  const pidfd = openPidfd(sleeper) ?? -1;
  t.deepEqual(endedPidfds([pidfd]), []);
  t.true(signalPidfd(pidfd, 9));
  t.deepEqual(wait(), { pid: sleeper, code: null, signal: 'SIGKILL' });
  t.deepEqual(endedPidfds([pidfd]), [pidfd]);
  reapChild(sleeper);
  t.false(signalPidfd(pidfd, 9));
  t.is(openPidfd(sleeper), undefined);
  t.is(peekExitedChild(), undefined);
  closeDescriptor(pidfd);
  for (const fd of new Set(fds)) closeSync(fd);
});

test('parseProcessStat survives names with blanks and parentheses', (t) => {
  const tail = Array.from({ length: 40 }, (_, index) => index).join(' ');
  t.deepEqual(parseProcessStat(`12 (a) b (c)) S 1 12 12 ${tail}`), {
    state: 'S',
    ppid: 1,
    group: 12,
    session: 12,
    startTime: 15,
  });
  t.is(parseProcessStat(''), undefined);
  const own = execFileSync('cat', ['/proc/self/stat'], { encoding: 'utf8' });
  t.is(parseProcessStat(own)?.ppid, process.pid);
});

test('signal names', (t) => {
  t.deepEqual([6, 9, 15, 29, 40].map(signalName), ['SIGABRT', 'SIGKILL', 'SIGTERM', 'SIGIO', 'SIG40']);
});

test('unix addresses: paths are terminated, abstract names are not', (t) => {
  t.deepEqual(unixAddress('/a'), Buffer.from([1, 0, 47, 97, 0]));
  t.deepEqual(unixAddress('@a'), Buffer.from([1, 0, 0, 97]));
  t.throws(() => unixAddress('a'), { instanceOf: RangeError });
  t.throws(() => unixAddress(`/${'a'.repeat(107)}`), { instanceOf: RangeError });
  t.notThrows(() => unixAddress(`/${'a'.repeat(106)}`));
});
