import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { FakeHost } from './fake-host.js';
import { conformance, strangeLines } from './host-conformance.js';

const LEAF = fileURLToPath(new URL('../../../../test/cgroups/fixtures/leaf', import.meta.url));

conformance('the host of files', (t) => {
  const host = new FakeHost(t);
  return {
    proc: join(host.root, 'proc'),
    signals: host.signals(),
    cgroup: () => {
      host.workload('one');
      return host.dirOf('acme/one');
    },
    remove: () => host.gone('one'),
  };
});

test('every file of the cgroups of files is written as the kernel writes it', (t) => {
  const host = new FakeHost(t);
  host.workload('one', {}, { max: 2 ** 28, high: 'max' });
  const dir = host.dirOf('acme/one');
  // A list of names; and one that was not recorded from a host, whose lines are all of one kind.
  const files = readdirSync(dir).filter((file) => file !== 'cgroup.controllers' && file !== 'memory.stat');
  t.true(files.includes('memory.events') && files.includes('io.pressure'));
  t.deepEqual(
    files.flatMap((file) => strangeLines(join(dir, file), join(LEAF, file)).map((line) => `${file}: ${line}`)),
    [],
  );
});
