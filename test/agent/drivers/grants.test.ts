// What a spec asks for beyond its sandbox, of every driver, and that a node which does not grant it refuses.
import test from 'ava';
import { GRANT_NAMES, type GrantName } from '../../../agent/config/drivers.js';
import { type Config, configSchema } from '../../../agent/config/schema.js';
import { requireNodeGrants } from '../../../agent/drivers/grants.js';
import { createDrivers } from '../../../agent/drivers/index.js';
import { DRIVER_NAMES, type WorkloadSpec } from '../../../agent/model/spec.js';
import { BerthError } from '../../../protocol/errors.js';
import { fakeDriver, specOf as lifeSpec, newLife, state } from '../workload/fake-world.js';
import { specOf } from './fixture.js';
import { ASKING, WITHIN } from './grant-specs.js';

const drivers = createDrivers(configSchema.parse({}));
const grantsOf = async (spec: WorkloadSpec): Promise<readonly GrantName[]> =>
  (await drivers.get(spec.driver)?.grants(spec)) ?? [];

/** A node that grants these alone. */
function granting(names: readonly GrantName[]): Config['drivers'] {
  const of = (driver: string) => ({
    allow: names.filter((name) => name.startsWith(`${driver}.`)).map((name) => name.split('.')[1]),
  });
  return configSchema.parse({
    drivers: Object.fromEntries(DRIVER_NAMES.map((name) => [name, of(name)])),
  }).drivers;
}

for (const grant of GRANT_NAMES)
  test(`${grant}: refused until the operator of the node grants it`, async (t) => {
    const { spec, besides = [] } = ASKING[grant];
    const needed = await grantsOf(specOf(spec));
    t.deepEqual([...needed].sort(), [grant, ...besides].sort());
    t.notThrows(() => requireNodeGrants(needed, granting([grant, ...besides])));
    const error = t.throws(() => requireNodeGrants(needed, granting(GRANT_NAMES.filter((name) => name !== grant))), {
      instanceOf: BerthError,
    });
    const [driver, name] = grant.split('.');
    t.like(error, { code: 'not_permitted', data: { missing: [name] } });
    t.true(error?.hint?.includes(`"${name}" to drivers.${driver}.allow`), error?.hint);
  });

test('groups of the host are granted as its users are, those of a container need nothing', async (t) => {
  const groups = ['video'];
  t.deepEqual(await grantsOf(specOf({ driver: 'exec', exec: { command: ['/x'] }, groups })), ['exec.user']);
  const root = { driver: 'exec', exec: { command: ['/x'], user: 'root' }, groups };
  t.deepEqual([...(await grantsOf(specOf(root)))].sort(), ['exec.root', 'exec.user']);
  t.deepEqual(await grantsOf(specOf({ driver: 'oci', image: 'docker://debian:13', oci: {}, groups })), []);
});

test('a node that says nothing grants images and guests of the host, and nothing that is a process or a network of it', (t) => {
  const { drivers: usual } = configSchema.parse({});
  const granted = GRANT_NAMES.filter((name) => {
    try {
      requireNodeGrants([name], usual);
      return true;
    } catch {
      return false;
    }
  });
  t.deepEqual(granted, [
    'oci.bundle',
    'oci.rootfs',
    'oci.image-files',
    'qemu.files',
    'qemu.image-files',
    'qemu.vsock',
    'firecracker.files',
    'firecracker.image-files',
    'external.sandbox',
    'external.namespace',
  ]);
});

test('a sandbox with a uid and a network of its own needs no grant', async (t) => {
  t.deepEqual(await grantsOf(specOf(WITHIN)), []);
});

test('root by another name is root', async (t) => {
  for (const user of ['0', '00', 'root'])
    t.deepEqual(await grantsOf(specOf({ driver: 'exec', exec: { ...WITHIN.exec, user } })), ['exec.root']);
});

test('a workload is refused what the node does not grant, and one that runs is not asked again', async (t) => {
  const driver = { ...fakeDriver, grants: async () => ['exec.root'] as const };
  const world = { drivers: new Map([['exec', driver] as const]) };
  const open = newLife({ world, config: { drivers: { exec: { allow: ['root'] } } } });
  await open.manager.recover();
  await open.manager.create(lifeSpec());
  await open.until(state('running'));
  await open.journal.idle();
  open.host.revive();
  const config = { drivers: { exec: { allow: [] } } };
  const closed = newLife({ host: open.host, directory: open.directory, world, config });
  await closed.manager.recover();
  t.teardown(() => closed.manager.close());
  await t.throwsAsync(closed.manager.create(lifeSpec({ id: 'other' })), { code: 'not_permitted' });
  t.deepEqual(
    closed.manager.records().map(({ id }) => id),
    ['web-1'],
  );
  t.is((await closed.manager.update('web-1', lifeSpec({ priority: 7 }))).generation, 2);
});
