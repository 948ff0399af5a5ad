// What a tenant chooses has no effect while the process in its name is still root of the host.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { specOf, temporary, testExec } from './fixture.js';
import { startHost } from './host.js';

const driver = testExec();
const NOBODY = 65_534;

async function outputOf(t: Parameters<typeof startHost>[0], section: Record<string, unknown>) {
  const host = await startHost(t);
  const spec = specOf({ driver: 'exec', exec: { isolation: 'none', user: 'nobody', ...section } });
  const running = await host.run(driver, spec, null);
  const code = (await running.exit).exit?.code;
  const output = await running.output();
  await host.remove(driver, spec, running, null);
  return { code, output };
}

test.serial('the loader acts on the environment of the spec for the user of the spec only', async (t) => {
  // The loader prints the ids of each process that starts with it; a root process with LD_PRELOAD would load what it names.
  const env = { LD_SHOW_AUXV: '1', LD_PRELOAD: '/nowhere/evil.so' };
  const { code, output } = await outputOf(t, { command: ['/bin/true'], env });
  t.is(code, 0);
  const uids = [...output.matchAll(/^AT_UID:\s+(\d+)$/gm)].map(([, uid]) => Number(uid));
  t.deepEqual(uids, [NOBODY]);
  t.is(output.match(/evil\.so/g)?.length, 1);
});

test.serial('shells and searches act on the environment of the spec for the user of the spec only', async (t) => {
  const directory = await temporary(t);
  const evil = join(directory, 'evil');
  await writeFile(evil, 'echo "ran as $(/usr/bin/id -u)"\n', { mode: 0o755 });
  for (const name of ['sh', 'setpriv', 'env', 'cd', 'exec', 'unset'])
    await writeFile(join(directory, name), `#!/bin/bash\n. ${evil}\n`, { mode: 0o755 });
  const env = {
    BASH_ENV: evil,
    ENV: evil,
    PATH: `${directory}:/usr/bin:/bin`,
    CDPATH: directory,
    IFS: '/',
    PS4: `$(. ${evil})`,
  };
  const { code, output } = await outputOf(t, { command: ['/bin/bash', '-c', 'true'], env });
  t.is(code, 0);
  t.notRegex(output, /ran as 0/);
});

test.serial('a directory that only root may enter is no working directory of others', async (t) => {
  const closed = join(await temporary(t), 'closed');
  await mkdir(closed, { mode: 0o700 });
  const { code, output } = await outputOf(t, { command: ['/bin/pwd'], cwd: closed });
  t.is(code, 126);
  t.notRegex(output, new RegExp(`^${closed}$`, 'm'));
  t.is((await outputOf(t, { command: ['/bin/pwd'], cwd: '/usr' })).output, '/usr\n');
});
