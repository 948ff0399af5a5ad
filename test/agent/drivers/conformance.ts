// What every driver must do, whichever it is. Each driver's test file calls this with a way to make one and a spec.
import { mkdir } from 'node:fs/promises';
import { dirname, isAbsolute, join } from 'node:path';
import test from 'ava';
import { type Driver, type DriverContext, type Launch, overheadOf } from '../../../agent/drivers/driver.js';
import type { WorkloadSpec } from '../../../agent/model/spec.js';
import { BerthError, type ErrorCode } from '../../../protocol/errors.js';
import { contextFor, HOST, ROUTED, snapshot } from './fixture.js';

export interface Missing {
  readonly what: string;
  readonly spec: (assets: string) => WorkloadSpec;
  readonly code: ErrorCode;
  /** Must be in the message. */
  readonly names: string;
  /** Programs this host is said not to have. */
  readonly without?: readonly string[];
}

export interface Subject {
  readonly driver: () => Driver;
  /** Makes what the spec refers to below `directory`. */
  readonly assets?: (directory: string) => Promise<void>;
  readonly spec: (assets: string) => WorkloadSpec;
  readonly missing: readonly Missing[];
  /** Of the host that the driver is told of. */
  readonly context?: Partial<DriverContext>;
  /** Of this machine; without them `prepare` cannot be tried. */
  readonly needs?: () => string | undefined;
}

const SECRET = 'berth-conformance-secret';

/** Of a process that is not started: what it would need is let go, and has no number. */
async function prepared(driver: Driver, spec: WorkloadSpec, context: DriverContext): Promise<Launch | null> {
  const launch = await driver.prepare(spec, context);
  if (launch === null) return null;
  const { release, ...rest } = launch;
  await release?.();
  return { ...rest, argv: launch.argv.map((word) => word.replace(/^\/proc\/\d+\/fd\/\d+$/, 'held')) };
}

export function conformance(subject: Subject): void {
  const { name } = subject.driver();
  const make = async (t: Parameters<typeof contextFor>[0], sandbox = ROUTED) => {
    const context = await contextFor(t, { sandbox, ...subject.context });
    const assets = join(dirname(dirname(context.directory)), 'assets');
    await mkdir(assets, { recursive: true });
    await subject.assets?.(assets);
    const spec = subject.spec(assets);
    const tap = subject.driver().tap(spec)?.name ?? null;
    return { context: { ...context, sandbox: { ...sandbox, tap } }, assets, spec };
  };
  const able = subject.needs?.() === undefined ? test : test.skip;

  test(`${name}: check accepts what is there and leaves no trace`, async (t) => {
    const { context, assets, spec } = await make(t);
    const root = dirname(assets);
    const before = await snapshot(root);
    await subject.driver().check(spec, context);
    t.deepEqual(await snapshot(root), before);
  });

  for (const { what, spec, code, names, without = [] } of subject.missing) {
    test(`${name}: check names ${what}`, async (t) => {
      const { context, assets } = await make(t);
      const which = (program: string) => (without.includes(program) ? undefined : context.which(program));
      const root = dirname(assets);
      const before = await snapshot(root);
      const error = await t.throwsAsync(subject.driver().check(spec(assets), { ...context, which }), {
        instanceOf: BerthError,
      });
      t.is(error?.code, code);
      t.true(error?.message.includes(names), error?.message);
      t.deepEqual(await snapshot(root), before);
    });
  }

  able(`${name}: prepare may be repeated and touches only its directory`, async (t) => {
    const { context, assets, spec } = await make(t);
    const before = await snapshot(assets);
    const driver = subject.driver();
    const first = await prepared(driver, spec, context);
    const written = await snapshot(context.directory);
    t.deepEqual(await prepared(driver, spec, context), first);
    t.deepEqual(await snapshot(context.directory), written);
    t.deepEqual(await snapshot(assets), before);
  });

  able(`${name}: cleanup may be repeated, also when nothing was prepared`, async (t) => {
    const { context, assets, spec } = await make(t);
    const driver = subject.driver();
    await driver.cleanup(spec, context);
    await prepared(driver, spec, context);
    const before = await snapshot(assets);
    await driver.cleanup(spec, context);
    await driver.cleanup(spec, context);
    t.deepEqual(await snapshot(assets), before);
  });

  able(`${name}: argv[0] is absolute and nothing of the agent leaks`, async (t) => {
    process.env.BERTH_SECRET_TOKEN = SECRET;
    t.teardown(() => delete process.env.BERTH_SECRET_TOKEN);
    const { context, spec } = await make(t);
    const launch = await prepared(subject.driver(), spec, context);
    t.is(launch === null, name === 'external', 'only the external driver starts nothing itself');
    if (launch === null) return;
    t.true(isAbsolute(launch.argv[0] ?? ''));
    t.false(JSON.stringify(launch).includes(SECRET));
    t.false(JSON.stringify(await snapshot(context.directory)).includes(SECRET));
    if (launch.pidFile !== undefined) t.true(launch.pidFile.startsWith(`${context.directory}/`));
  });

  able(`${name}: the host's network is not joined`, async (t) => {
    const { context, spec } = await make(t, HOST);
    const launch = await prepared(subject.driver(), spec, context);
    t.not(launch?.joinNetns, true);
  });

  test(`${name}: overhead is a number of bytes`, async (t) => {
    const { spec } = await make(t);
    t.true(Number.isSafeInteger(overheadOf(subject.driver(), spec)));
    t.true(overheadOf(subject.driver(), spec) >= 0);
  });
}
