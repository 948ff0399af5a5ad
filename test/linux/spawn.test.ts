import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { unixAddress } from '../../linux/unix-datagram.js';
import { signalName } from '../../linux/wait.js';

test('spawnProcess starts and refuses, peeking leaves the zombie, pidfds tell the end', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'berth-spawn-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const child = fileURLToPath(new URL('./spawn-child.js', import.meta.url));
  const said = execFileSync(process.execPath, [child, join(directory, 'out')], { encoding: 'utf8' });
  t.deepEqual(JSON.parse(said), {
    first: { code: 3, signal: null, isSame: true },
    second: { code: null, signal: 'SIGKILL', isSame: true },
    stateAfterPeek: 'Z',
    isGone: true,
    endedBefore: 0,
    wasSent: true,
    endedAfter: 1,
    isSentLate: false,
    pidfdOfNobody: null,
    lastChild: null,
    output: 'b\n/usr\n',
    refusals: ['ENOENT', 'ENOENT', 'EACCES'],
  });
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
