// Kills at any moment: of a start, between its steps and inside them, and of an agent that lends a drive or takes it back.
import { chownSync, statSync, writeFileSync } from 'node:fs';
import { mkdir, readFile, rm, symlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { holdFiles } from '../../../../agent/drivers/firecracker/held.js';
import { uidOf } from '../../../../agent/drivers/firecracker/index.js';
import { type Borrower, giveBack, lend } from '../../../../agent/drivers/firecracker/lent.js';
import { getXattr, setXattr } from '../../../../linux/xattr.js';
import { fc } from '../../../runner/property.js';
import { contextFor, temporary } from '../fixture.js';
import { eventually } from '../host.js';
import { bench, NOTHING, traces } from './bench.js';
import { sectionOf, UIDS, vm } from './fixture.js';

const LENT = 'trusted.berth.lent';
const KILLS = 50;
/** Longer than a start takes. */
const LONGEST_MS = 350;

test.serial(
  'a start that is killed at any moment leaves no mount, no uid, no directory and no drive of its user',
  async (t) => {
    t.timeout(180_000);
    const { host, image, driver, spec } = await bench(t);
    const root = await image('root.img');
    const one = spec('fc-1', { root: { path: root } });
    const directory = join(host.runtime, 'workloads', 'fc-1');
    const inside = async () => (await readFile(join(host.cgroupDirectory, 'cgroup.procs'), 'utf8')).trim();
    const context = await contextFor(t);
    const moments = fc.sample(fc.integer({ min: 0, max: LONGEST_MS }), KILLS);
    const reached = { failed: 0, running: 0 };
    for (const moment of moments) {
      const start = host.run(driver, one, null);
      await Promise.race([start.catch(() => undefined), sleep(moment)]);
      writeFileSync(join(host.cgroupDirectory, 'cgroup.kill'), '1');
      const running = await start.catch(() => undefined);
      reached[running === undefined ? 'failed' : 'running']++;
      // A process that came after the kill is the next one's, as in an agent, which kills until nothing is left.
      await eventually(async () => {
        writeFileSync(join(host.cgroupDirectory, 'cgroup.kill'), '1');
        return (await inside()) === '' ? true : undefined;
      });
      await driver.cleanup(one, { ...context, directory });
      await rm(directory, { recursive: true, force: true });
      t.deepEqual(await traces(host), NOTHING, `killed after ${moment} ms`);
      t.like(statSync(root), { uid: 0, gid: 0 }, `killed after ${moment} ms`);
      t.is(getXattr(root, LENT), undefined);
    }
    t.log(reached);
    t.true(reached.failed > 0 && reached.running > 0, 'kills came before and after the jail was there');
  },
);

interface Drive {
  readonly path: string;
  readonly claims: string;
  readonly uid: number;
}

async function drive(t: ExecutionContext): Promise<Drive> {
  const directory = await temporary(t);
  const [path, claims, uid] = [join(directory, 'image'), join(directory, 'uids'), uidOf('fc-1', UIDS)];
  writeFileSync(path, 'image');
  chownSync(path, 33, 44);
  await mkdir(claims);
  await symlink('fc-1', join(claims, String(uid)));
  return { path, claims, uid };
}

const OWNERS = { uid: 33, gid: 44 };

/** As a start does it. */
async function lendAt(path: string, borrower: Borrower): Promise<void> {
  const root = { path, readOnly: false };
  const { written, release } = await holdFiles(sectionOf(vm({ kernel: import.meta.filename, root })));
  try {
    for (const drive of written) lend(drive, borrower);
  } finally {
    await release();
  }
}

for (const [what, make] of Object.entries({
  'before anything': () => undefined,
  'after the attribute': ({ path, uid }: Drive) =>
    setXattr(path, LENT, JSON.stringify({ uid: 33, gid: 44, to: 'fc-1', as: uid })),
  'after both': ({ path, claims, uid }: Drive) => lendAt(path, { id: 'fc-1', uid, claims }),
  'while it is given back': async ({ path, claims, uid }: Drive) => {
    await lendAt(path, { id: 'fc-1', uid, claims });
    chownSync(path, 33, 44);
  },
}))
  test(`an agent that is killed ${what}: the drive comes back to whose it was`, async (t) => {
    const one = await drive(t);
    const { path, claims, uid } = one;
    await make(one);
    await giveBack(path, 'fc-1');
    await giveBack(path, 'fc-1');
    t.like(statSync(path), OWNERS);
    t.is(getXattr(path, LENT), undefined);
    await make(one);
    await lendAt(path, { id: 'fc-1', uid, claims });
    t.like(statSync(path), { uid, gid: uid });
    await giveBack(path, 'fc-1');
    t.like(statSync(path), OWNERS);
  });

test('a drive of a workload that is no more goes to the next one, and then back to whose it was', async (t) => {
  const { path, claims, uid } = await drive(t);
  await lendAt(path, { id: 'fc-1', uid, claims });
  const next = { id: 'fc-2', uid: uidOf('fc-2', UIDS), claims };
  await t.throwsAsync(lendAt(path, next), { code: 'start_failed' });
  await rm(join(claims, String(uid)));
  await lendAt(path, next);
  t.like(statSync(path), { uid: next.uid });
  await giveBack(path, 'fc-1');
  t.like(statSync(path), { uid: next.uid });
  await giveBack(path, 'fc-2');
  t.like(statSync(path), OWNERS);
  await t.notThrowsAsync(giveBack(join(path, 'gone'), 'fc-2'));
});

test('a link in the place of a drive, or on the way to it, gives nobody the file that it leads to', async (t) => {
  const { path, claims, uid } = await drive(t);
  const directory = dirname(path);
  const [link, way, borrower] = [join(directory, 'link'), join(directory, 'way'), { id: 'fc-1', uid, claims }];
  await symlink(path, link);
  await symlink(directory, way);
  for (const led of [link, join(way, 'image')])
    await t.throwsAsync(lendAt(led, borrower), { message: /symbolic link/ });
  await t.throwsAsync(lendAt(directory, borrower));
  t.like(statSync(path), OWNERS);
  t.is(getXattr(path, LENT), undefined);
  await lendAt(path, borrower);
  for (const led of [link, join(way, 'image')]) await giveBack(led, 'fc-1');
  t.like(statSync(path), { uid }, 'no owner is changed by a link, either when it is given back');
  await giveBack(path, 'fc-1');
  t.like(statSync(path), OWNERS);
});

test('a link in the place of a drive that comes back gives nobody the file that it leads to', async (t) => {
  const { path, claims, uid } = await drive(t);
  const directory = dirname(path);
  const [link, way] = [join(directory, 'link'), join(directory, 'way')];
  await lendAt(path, { id: 'fc-1', uid, claims });
  await symlink(path, link);
  await symlink(directory, way);
  for (const led of [link, join(way, 'image'), `${directory}//image`, `${directory}/../${basename(directory)}/image`])
    await giveBack(led, 'fc-1');
  t.like(statSync(path), { uid, gid: uid });
  t.not(getXattr(path, LENT), undefined);
});
