// In the package the room is a part of one file and its thread another beside it.
import { execFileSync } from 'node:child_process';
import { symlinkSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { bundle, ENTRIES } from '../../../systemd/deb/bundle.js';
import { scratch } from '../fixture.js';

const root = fileURLToPath(new URL('../../../../', import.meta.url));

test('a bundle finds its thread', async (t) => {
  const directory = scratch(t);
  symlinkSync(join(root, 'node_modules'), join(directory, 'node_modules'));
  const cgroup = scratch(t, 'bare');
  const stub = join(directory, 'stub.ts');
  writeFileSync(
    stub,
    `import { openSignals } from '${join(root, 'cgroups/signals/index.ts')}';
import { writeFileSync } from 'node:fs';
const signals = openSignals({ onError: (error) => { throw error; } });
signals.watch('${cgroup}', ({ kind, file }) => { console.log(kind, file); signals.close(); });
writeFileSync('${join(cgroup, 'pids.max')}', '7');`,
  );
  const entries = { main: { source: relative(root, stub) }, 'epoll-thread': ENTRIES['epoll-thread'] ?? { source: '' } };
  await bundle(root, directory, '0.0.0', entries);
  t.is(execFileSync(process.execPath, [join(directory, 'main.js')], { encoding: 'utf8' }), 'written pids.max\n');
});
