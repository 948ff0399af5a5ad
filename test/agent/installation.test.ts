// The id of the installation is kept, and where its file is lost or torn, what workloads carry says which it was.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { installationId } from '../../agent/daemon/assembly/installation.js';
import { encode } from '../../agent/workload/journal.js';
import { temporaryDirectory } from '../runner/temporary.js';
import { newLife, specOf, state } from './workload/fake-world.js';

function place() {
  const directory = temporaryDirectory('installation');
  const told: string[] = [];
  const tell = (_: object, message: string): void => void told.push(message);
  const log = { info: tell, warn: tell, error: tell };
  const links = join(directory, 'links');
  return { directory, told, links, id: () => installationId(directory, join(directory, 'cgroups'), log, links) };
}

/** A record of a workload with a link, and the tag on that link. */
async function withWorkload({ directory, links }: ReturnType<typeof place>, tag: string): Promise<void> {
  const life = newLife();
  await life.manager.recover();
  await life.manager.create(specOf());
  await life.until(state('running'));
  const { record } = life.manager.actor('web-1');
  mkdirSync(join(directory, 'workloads'));
  writeFileSync(join(directory, 'workloads/web-1.json'), encode(record));
  mkdirSync(join(links, record.sandbox.hostLink ?? ''), { recursive: true });
  writeFileSync(join(links, record.sandbox.hostLink ?? '', 'ifalias'), `${tag}\n`);
}

test('made once and kept; another place has another', async (t) => {
  const [here, there] = [place(), place()];
  const id = await here.id();
  t.regex(id, /^[0-9a-f]{8}$/);
  t.is(await here.id(), id);
  t.not(await there.id(), id);
  const file = join(here.directory, 'installation.json');
  t.deepEqual(JSON.parse(readFileSync(file, 'utf8')), { version: 1, id });
  // What a later version has added is no damage.
  writeFileSync(file, JSON.stringify({ version: 2, id, name: 'later' }));
  t.is(await here.id(), id);
});

for (const [what, text] of [
  ['lost', undefined],
  ['torn', '{"version":1,"id":"aaaa'],
  ['without an id', '{"version":1}'],
  ['null', 'null'],
] as const)
  test(`a file that is ${what}: the tag of a workload with a record says which it was`, async (t) => {
    const here = place();
    await withWorkload(here, 'berth:0badcafe:web-1');
    const file = join(here.directory, 'installation.json');
    if (text !== undefined) writeFileSync(file, text);
    t.is(await here.id(), '0badcafe');
    t.is(existsSync(`${file}.damaged`), text !== undefined);
    rmSync(join(here.directory, 'workloads'), { recursive: true });
    t.is(await here.id(), '0badcafe', 'it is kept');
  });

test('tags of the version before, and of a workload of another name, name no installation', async (t) => {
  for (const tag of ['berth:web-1', 'berth:0badcafe:web-2', 'uplink']) {
    const here = place();
    await withWorkload(here, tag);
    t.not(await here.id(), '0badcafe', tag);
  }
});

test('a state directory that cannot be written keeps no agent from its start', async (t) => {
  const here = place();
  const id = await installationId(join(here.directory, 'missing'), here.directory, {
    ...{ info: () => undefined, error: () => undefined },
    warn: (_, message) => void here.told.push(message),
  });
  t.regex(id, /^[0-9a-f]{8}$/);
  t.deepEqual(here.told, ['the id of the installation could not be written']);
});
