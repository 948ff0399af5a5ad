// What every driver whose VMs can be saved must do, whichever VMM runs them. Each asks new drivers again and again: the next agent
// knows nothing of what the one before has done.
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { Driver, VmSnapshots } from '../../../agent/drivers/driver.js';
import { which } from '../../../agent/host/which.js';
import type { WorkloadSpec } from '../../../agent/model/spec.js';
import { isSameProcess } from '../../../linux/proc.js';
import type { SandboxNetwork } from '../../../netns/types.js';
import { when } from '../workload/draining-life.js';
import { temporary } from './fixture.js';
import { eventually, type Running, type TestHost } from './host.js';

export interface SnapshotBench {
  readonly host: TestHost;
  /** A new one. */
  readonly driver: () => Driver;
  readonly spec: (id: string, snapshot?: string) => WorkloadSpec;
}

export interface SnapshotSubject {
  readonly name: string;
  readonly open: (t: ExecutionContext) => Promise<SnapshotBench>;
  readonly network: (number: number) => SandboxNetwork;
  /** What a guest says when it has booted, and not when it comes back. */
  readonly booted: RegExp;
  /** What the VMM says of the guest. */
  readonly runs: (running: Running) => Promise<boolean>;
  /** Resolves when a guest answers at its address; absent: there is none that could. */
  readonly answers?: (network: SandboxNetwork) => Promise<unknown>;
  /** The VMM writes, for the save into this directory. */
  readonly writes: (into: string, host: TestHost) => boolean;
  /** Makes `directory` too small for a snapshot; absent: a save does not write there. */
  readonly fill?: (t: ExecutionContext, directory: string) => Promise<void>;
  /** A file of a snapshot with more than a mebibyte. */
  readonly file: string;
  readonly limits: { readonly testMs: number; readonly bootMs: number };
}

const MIB = 2 ** 20;

const snapshotsOf = ({ vm }: Driver) => vm?.snapshots as VmSnapshots;

const alive =
  ({ process }: Running) =>
  () =>
    isSameProcess(process.pid, process.startTime);

async function room(t: ExecutionContext, name: string): Promise<string> {
  const directory = join(await temporary(t), name);
  await mkdir(directory, { mode: 0o700 });
  return directory;
}

async function end({ process: { pid }, exit }: Running): Promise<void> {
  process.kill(pid, 'SIGKILL');
  await exit;
}

async function digestsIn(directory: string): Promise<readonly (readonly [string, string])[]> {
  const names = (await readdir(directory)).sort();
  return Promise.all(
    names.map(
      async (name) =>
        [
          name,
          createHash('sha256')
            .update(await readFile(join(directory, name)))
            .digest('hex'),
        ] as const,
    ),
  );
}

export function snapshotConformance(subject: SnapshotSubject): void {
  const { name, open, network, booted, runs, answers, limits } = subject;
  const boot = async ({ host, driver, spec }: SnapshotBench, at: SandboxNetwork): Promise<Running> => {
    const running = await host.run(driver(), spec('vm-1'), at);
    await eventually(async () => (booted.test(await running.output()) ? true : undefined), limits.bootMs);
    return running;
  };

  test.serial(`${name}: a guest is saved, goes on, is saved again, comes back, and is cloned`, async (t) => {
    t.timeout(limits.testMs);
    const bench = await open(t);
    const { host, driver, spec } = bench;
    const one = spec('vm-1');
    const home = network(1);
    const first = await boot(bench, home);
    const early = await room(t, 'early');
    const files = await snapshotsOf(driver()).save(one, first.context, early);
    t.deepEqual([...files].sort(), (await readdir(early)).sort());
    t.false(await runs(first), 'it stands still');
    // By an agent that knows of no save.
    for (let times = 0; times < 2; times += 1) await snapshotsOf(driver()).resume(one, first.context);
    t.true(await runs(first));
    await answers?.(home);
    const late = await room(t, 'late');
    await snapshotsOf(driver()).save(one, first.context, late);
    await end(first);
    const said = (await first.output()).length;
    const written = await digestsIn(late);

    const second = await host.run(driver(), one, home, { snapshot: late });
    for (let times = 0; times < 2; times += 1) await snapshotsOf(driver()).loaded(one, second.context, alive(second));
    t.false(await runs(second), 'it waits to be told');
    await snapshotsOf(driver()).resume(one, second.context);
    t.true(await runs(second));
    await answers?.(home);
    t.notRegex((await second.output()).slice(said), booted, 'it has not booted');
    await end(second);
    await host.remove(driver(), one, second, home);

    const clones: (readonly [WorkloadSpec, Running, SandboxNetwork])[] = [];
    for (const number of [2, 3]) {
      const clone = spec(`vm-${number}`, 'vm-1/0001');
      const at = network(number);
      const running = await host.run(driver(), clone, at, { snapshot: late });
      await snapshotsOf(driver()).loaded(clone, running.context, alive(running));
      await snapshotsOf(driver()).resume(clone, running.context);
      clones.push([clone, running, at]);
    }
    for (const [clone, running, at] of clones) {
      t.true(await runs(running), clone.id);
      t.notRegex(await running.output(), booted, clone.id);
      await end(running);
      await host.remove(driver(), clone, running, at);
    }
    t.deepEqual(await digestsIn(late), written, 'none of them has written to it');
  });

  test.serial(`${name}: a save that fails stops no guest, and a snapshot that is cut short starts none`, async (t) => {
    t.timeout(limits.testMs);
    const bench = await open(t);
    const { host, driver, spec } = bench;
    const one = spec('vm-1');
    const at = network(4);
    const first = await boot(bench, at);
    const goesOn = async (what: string): Promise<void> => {
      await snapshotsOf(driver()).resume(one, first.context);
      t.true(await runs(first), what);
    };
    const nowhere = join(await room(t, 'nowhere'), 'not-there');
    await t.throwsAsync(snapshotsOf(driver()).save(one, first.context, nowhere), { code: 'ENOENT' });
    await goesOn('there is no such directory');

    if (subject.fill !== undefined) {
      const small = await room(t, 'small');
      await subject.fill(t, small);
      await t.throwsAsync(snapshotsOf(driver()).save(one, first.context, small), { code: 'snapshot_failed' });
      await goesOn('the disk is full');
    }

    const stop = new AbortController();
    const off = await room(t, 'off');
    let over = false;
    const saving = snapshotsOf(driver())
      .save(one, { ...first.context, signal: stop.signal }, off)
      .catch((error: unknown) => error)
      .finally(() => {
        over = true;
      });
    // While the VMM writes, unless it is quicker.
    await when(() => over || subject.writes(off, host));
    stop.abort();
    const outcome = await saving;
    t.true(outcome instanceof Error || Array.isArray(outcome), String(outcome));
    await goesOn('it was called off');

    const cut = await room(t, 'cut');
    await snapshotsOf(driver()).save(one, first.context, cut);
    await end(first);
    await truncate(join(cut, subject.file), MIB);
    const second = await host.run(driver(), one, at, { snapshot: cut });
    await t.throwsAsync(snapshotsOf(driver()).loaded(one, second.context, alive(second)), { code: 'start_failed' });
    await second.exit;
    await host.remove(driver(), one, second, at);
  });

  test.serial(`${name}: a snapshot fits the files that it was made with, and no others`, async (t) => {
    const { driver, spec } = await open(t);
    const directory = await temporary(t);
    const [kernel, initrd] = [join(directory, 'kernel'), join(directory, 'initrd')];
    for (const path of [kernel, initrd]) await writeFile(path, 'as it was');
    const { driver: kind, ...rest } = spec('vm-1');
    const one = { ...rest, driver: kind, [kind]: { ...rest[kind], kernel, initrd } } as WorkloadSpec;
    const look = () => snapshotsOf(driver()).fit(one, { which, kvmUsable: false, mountRoots: [] });
    const made = await look();
    t.deepEqual(await look(), made);
    await writeFile(initrd, 'another one');
    const now = await look();
    t.deepEqual(
      Object.keys(now).filter((field) => now[field] !== made[field]),
      ['initrd'],
    );
  });
}
