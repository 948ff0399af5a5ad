// What sessions may ask for beyond a sandbox: every grant, by every kind of session, of every method that takes a spec to run.
import test from 'ava';
import { GRANT_NAMES, type GrantName } from '../../../agent/config/drivers.js';
import { configSchema } from '../../../agent/config/schema.js';
import { createDrivers } from '../../../agent/drivers/index.js';
import { BerthError } from '../../../protocol/errors.js';
import { startScheduler } from '../../scheduler/scheduler.js';
import { ASKING, WITHIN } from '../drivers/grant-specs.js';
import { type Harness, startHarness } from './harness.js';

const drivers = createDrivers(configSchema.parse({}));

/** A session is granted what its scheduler or the tenant has; `of` is the grant in question, with what its spec needs besides. */
interface Kind {
  readonly scheduler: (of: readonly GrantName[]) => Readonly<Record<string, unknown>>;
  readonly tenant?: (of: readonly GrantName[]) => readonly GrantName[];
  readonly granted: boolean;
}

const others = (of: readonly GrantName[]): GrantName[] => GRANT_NAMES.filter((name) => !of.includes(name));
const scopes = ['acme'];
const KINDS: Readonly<Record<string, Kind>> = {
  'without scopes': { scheduler: () => ({}), granted: true },
  'without scopes, to which nothing is allowed': { scheduler: () => ({ allow: [] }), granted: false },
  'without scopes, to which all else is allowed': { scheduler: (of) => ({ allow: others(of) }), granted: false },
  'with scopes': { scheduler: () => ({ scopes }), granted: false },
  'with scopes, to which it is allowed': { scheduler: (of) => ({ scopes, allow: of }), granted: true },
  'with scopes, to which all else is allowed': { scheduler: (of) => ({ scopes, allow: others(of) }), granted: false },
  'with scopes, to whose tenant it is allowed': { scheduler: () => ({ scopes }), tenant: (of) => of, granted: true },
  'with scopes, to whose tenant all else is allowed': { scheduler: () => ({ scopes }), tenant: others, granted: false },
};

async function sessionOf(t: Parameters<typeof startHarness>[0], kind: Kind, of: readonly GrantName[]) {
  const scheduler = await startScheduler();
  t.teardown(() => scheduler.stop());
  const harness = await startHarness(t, { schedulers: [{ url: scheduler.url, ...kind.scheduler(of) }] });
  harness.service.grants = async (spec) => ({
    needed: (await drivers.get(spec.driver)?.grants(spec)) ?? [],
    tenant: kind.tenant?.(of) ?? [],
  });
  return { ...harness, node: await scheduler.node() } satisfies Harness & { node: unknown };
}

for (const [name, kind] of Object.entries(KINDS))
  test(`a scheduler ${name}, and every grant`, async (t) => {
    for (const grant of GRANT_NAMES) {
      const { spec: asked, besides = [] } = ASKING[grant];
      const { node, service } = await sessionOf(t, kind, [grant, ...besides]);
      for (const method of ['workload.fits', 'workload.reserve', 'workload.create'] as const) {
        const call = node.call(method, { spec: { id: 'w', tenant: 'acme', ...asked } });
        if (kind.granted) {
          await t.notThrowsAsync(call, grant);
          continue;
        }
        const error = await t.throwsAsync(call, { instanceOf: BerthError }, grant);
        t.is(error?.code, 'not_permitted');
        t.regex(String(error?.data?.missing), new RegExp(grant));
        t.regex(error?.hint ?? '', new RegExp(`"${grant}".*tenant\\.acme\\.allow`));
      }
      t.is(service.calls.length > 0, kind.granted);
      await t.notThrowsAsync(node.call('workload.create', { spec: { id: 'x', tenant: 'acme', ...WITHIN } }));
    }
  });

for (const [name, kind] of Object.entries(KINDS))
  test(`a scheduler ${name}, and an image of the host or of a registry`, async (t) => {
    const { node, service } = await sessionOf(t, kind, ['oci.image-files']);
    const call = node.call('image.pull', { image: 'oci:/srv/image:latest' });
    if (kind.granted) await t.notThrowsAsync(call);
    else t.like(await t.throwsAsync(call, { instanceOf: BerthError }), { code: 'not_permitted' });
    t.is(service.calls.length, kind.granted ? 1 : 0);
    await t.notThrowsAsync(node.call('image.pull', { image: 'docker://debian:13' }));
  });

test('an image of the host is pulled where one tenant of the session is granted it, as a workload of it would', async (t) => {
  const scheduler = await startScheduler();
  t.teardown(() => scheduler.stop());
  const { service } = await startHarness(t, { schedulers: [{ url: scheduler.url, scopes: ['acme', 'globex'] }] });
  let granted = 'globex';
  service.grants = async ({ tenant }) => ({
    needed: ['oci.image-files'],
    tenant: tenant === granted ? ['oci.image-files'] : [],
  });
  const node = await scheduler.node();
  await t.notThrowsAsync(node.call('image.pull', { image: 'oci:/srv/image:latest' }));
  granted = 'initech';
  t.like(await t.throwsAsync(node.call('image.pull', { image: 'oci:/srv/image:latest' }), { instanceOf: BerthError }), {
    code: 'not_permitted',
  });
});

test('a local operator that narrows its scopes keeps its grants, and a session is told its own', async (t) => {
  const { connect, service } = await startHarness(t);
  service.grants = async () => ({ needed: ['exec.root'], tenant: [] });
  const local = await connect();
  const hello = await local.call('session.hello', { scheduler: 'me', epoch: 1, scopes });
  t.deepEqual(hello.session, { role: 'tenant', tenants: ['acme'], allow: null });
  await t.notThrowsAsync(local.call('workload.create', { spec: { id: 'w', tenant: 'acme', ...WITHIN } }));
  const scoped = await sessionOf(t, KINDS['with scopes, to which it is allowed'] as Kind, ['exec.user']);
  t.deepEqual((await scoped.node.call('node.describe')).session.allow, ['exec.user']);
});

test('a session with scopes opens a node, and does not lift a drain: that would start what is not its own', async (t) => {
  const scheduler = await startScheduler();
  t.teardown(() => scheduler.stop());
  const { service } = await startHarness(t, {
    schedulers: [{ url: scheduler.url, scopes: ['acme'], role: 'operator' }],
  });
  const node = await scheduler.node();
  await t.notThrowsAsync(node.call('node.uncordon', {}));
  const { describe } = service;
  service.describe = () => ({ ...describe(), drain: { phase: 'drained' } as never });
  t.like(await t.throwsAsync(node.call('node.uncordon', {}), { instanceOf: BerthError }), { code: 'not_permitted' });
  t.deepEqual(service.calls, ['uncordon']);
});
