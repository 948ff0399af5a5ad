// The kernel's own host, as far as this one has controllers: what memory.* says is in test/host.
import { existsSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { newCgroup, newSignals } from '../../cgroups/signals/fixture.js';
import { FakeHost } from './fake-host.js';
import { conformance, strangeLines } from './host-conformance.js';

conformance('the kernel', (t) => ({
  proc: '/proc',
  signals: newSignals(t),
  cgroup: () => newCgroup(t),
  remove: (dir) => rmdirSync(dir),
}));

test.serial('what the host of files writes has the lines of this kernel', (t) => {
  const host = new FakeHost(t);
  host.workload('one');
  const real = newCgroup(t);
  const pairs = [
    ...['memory', 'cpu', 'io'].map((name) => [join(host.root, 'proc/pressure', name), `/proc/pressure/${name}`]),
    ...['memory', 'cpu', 'io'].map((name) => [
      join(host.dirOf('acme/one'), `${name}.pressure`),
      join(real, `${name}.pressure`),
    ]),
    [join(host.root, 'proc/meminfo'), '/proc/meminfo'],
  ] as [string, string][];
  t.true(pairs.every(([, kernel]) => existsSync(kernel)));
  t.deepEqual(
    pairs.flatMap(([fake, kernel]) => strangeLines(fake, kernel)),
    [],
  );
});
