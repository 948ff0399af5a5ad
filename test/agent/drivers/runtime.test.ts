// A runtime that does everything wrong when it is to delete a container.
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { deleteContainer, stateDirectory } from '../../../agent/drivers/crun.js';
import { temporary } from './fixture.js';

const FAULTS: Readonly<Record<string, { readonly script: string; readonly says: RegExp | undefined }>> = {
  hangs: { script: 'exec sleep 1000', says: /ETIMEDOUT/ },
  'is stopped': { script: 'kill -STOP $$', says: /ETIMEDOUT/ },
  'ignores SIGTERM': { script: "trap '' TERM; while :; do :; done", says: /ETIMEDOUT/ },
  floods: { script: 'exec yes', says: /EMSGSIZE|ETIMEDOUT/ },
  fails: { script: 'echo no such container >&2; exit 1', says: undefined },
  'ends by a signal': { script: 'kill -SEGV $$', says: undefined },
  'says nonsense': { script: 'head -c 1000 /dev/urandom', says: undefined },
  'leaves a child with its output': { script: 'sleep 1 & exit 0', says: undefined },
};

for (const [title, { script, says }] of Object.entries(FAULTS))
  test(`a runtime that ${title} does not hold up an end, and its state is gone`, async (t) => {
    const directory = await temporary(t);
    const runtime = join(directory, 'runtime');
    await writeFile(runtime, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    await mkdir(join(stateDirectory(directory), 'w'), { recursive: true });
    const warned: string[] = [];
    const options = { deadlineMs: says === undefined ? 600_000 : 300, warn: (message: string) => warned.push(message) };
    await deleteContainer(runtime, directory, 'w', options);
    t.is(warned.length, says === undefined ? 0 : 1, warned.join());
    if (says !== undefined) t.regex(warned[0] ?? '', says);
    t.false(existsSync(stateDirectory(directory)));
  });

test('the signal of a start ends it, and leaves the state for the next one', async (t) => {
  const directory = await temporary(t);
  const runtime = join(directory, 'runtime');
  await writeFile(runtime, '#!/bin/sh\nexec sleep 1000\n', { mode: 0o755 });
  await mkdir(stateDirectory(directory), { recursive: true });
  const stop = new AbortController();
  const deleting = deleteContainer(runtime, directory, 'w', { signal: stop.signal, warn: t.fail });
  stop.abort(new Error('enough'));
  await t.throwsAsync(deleting, { message: 'enough' });
  t.true(existsSync(stateDirectory(directory)));
});
