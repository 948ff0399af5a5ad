// What the ladder may count on of a host, stated once: the kernel's keeps to it, and so does the one of files that its tests play.
import { existsSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { basename, dirname, join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { Measure, RESOURCES } from '../../../agent/pressure/measure.js';
import type { SignalPort } from '../../../agent/pressure/ports.js';
import { SysError } from '../../../linux/errors.js';
import { target } from './fixture.js';

export interface PressureHost {
  readonly proc: string;
  readonly signals: SignalPort;
  /** Directory of a new and empty cgroup. */
  cgroup(): string;
  /** What the kernel does when it is removed. */
  remove(dir: string): void;
}

const TRIGGER = { kind: 'some', stallUsec: 150_000, windowUsec: 2_000_000 } as const;
const { EINVAL, ENOENT } = constants.errno;

export function conformance(name: string, open: (t: ExecutionContext) => PressureHost): void {
  const measured = async (t: ExecutionContext, host: PressureHost, ...dirs: string[]) => {
    const measure = new Measure(host.proc);
    t.teardown(() => measure.close());
    const targets = dirs.map((dir) => target(basename(dir), { dir, tenantDir: dirname(dir) }));
    return { measure, found: await measure.sweep(targets, new Set(RESOURCES), () => performance.now()) };
  };

  test.serial(`${name}: the host says how it stalls, and what memory it has`, (t) => {
    const measure = new Measure(open(t).proc);
    t.teardown(() => measure.close());
    for (const resource of RESOURCES) {
      const { some = -1, full = -1 } = measure.totals('host', resource) ?? {};
      t.true(Number.isInteger(some) && Number.isInteger(full) && some >= 0 && full >= 0, resource);
    }
    const { available = 0, total = 0, swapFree = -1 } = measure.hostMemory() ?? {};
    t.true(available > 0 && total >= available && swapFree >= 0);
  });

  test.serial(`${name}: so does a cgroup, and what it uses`, async (t) => {
    const host = open(t);
    const dir = host.cgroup();
    const { measure, found } = await measured(t, host, dir);
    const usage = found.get(basename(dir))?.usage('memory');
    t.true([usage?.memory, usage?.cpu, usage?.io].every((figure) => Number.isFinite(figure)));
    for (const resource of RESOURCES) t.true(Number.isInteger(measure.totals({ dir }, resource)?.some), resource);
    t.deepEqual(measure.tenantLimited(dir), { memory: false, cpu: false, io: false });
  });

  test.serial(`${name}: a cgroup that is not there, or not any more, is missing, and no error`, async (t) => {
    const host = open(t);
    const dir = host.cgroup();
    host.remove(dir);
    const { measure, found } = await measured(t, host, dir, join(dirname(dir), 'never'));
    t.is(found.size, 0);
    t.is(measure.totals({ dir }, 'memory'), undefined);
    t.is(measure.memoryOf(dir), 0);
    t.deepEqual(measure.tenantLimited(dir), { memory: false, cpu: false, io: false });
  });

  test.serial(`${name}: a trigger is refused with errno, and may be closed twice`, (t) => {
    const host = open(t);
    const dir = host.cgroup();
    const errno = (file: string, more: object = {}): number | undefined => {
      const error = t.throws(() => host.signals.pressure(file, { ...TRIGGER, ...more }, () => undefined), {
        instanceOf: SysError,
      });
      return error?.errno;
    };
    const file = join(dir, 'memory.pressure');
    const trigger = host.signals.pressure(file, TRIGGER, () => undefined);
    for (const wrong of [
      { windowUsec: 100_000 },
      { windowUsec: 10_000_001 },
      { stallUsec: 0 },
      { stallUsec: 2_000_001 },
    ])
      t.is(errno(file, wrong), EINVAL, JSON.stringify(wrong));
    trigger.close();
    t.notThrows(() => trigger.close());
    host.remove(dir);
    t.is(errno(file), ENOENT);
    t.is(errno(join(host.proc, 'pressure/nothing')), ENOENT);
  });

  test.serial(`${name}: a watch of nothing is refused with errno, and may be closed twice`, (t) => {
    const host = open(t);
    const dir = host.cgroup();
    const watch = host.signals.watch(dir, () => undefined);
    watch.close();
    t.notThrows(() => watch.close());
    host.remove(dir);
    const error = t.throws(() => host.signals.watch(dir, () => undefined), { instanceOf: SysError });
    t.is(error?.errno, ENOENT);
  });
}

/** The lines of a keyed or pressure file without their figures, which a file of a newer kernel may have more of. */
export function shapeOf(text: string): string[] {
  const lines = text.trimEnd().replaceAll(/ +/g, ' ').split('\n');
  return lines.map((line) => line.replace(/(^| |=|: +)(?:\d[\d.]*|max)(?= |$)/g, '$1#').replace(/^\d+:\d+ /, 'DEV '));
}

/** Lines of `fake` that the kernel does not write like that. */
export function strangeLines(fake: string, kernel: string): string[] {
  if (!existsSync(kernel)) return [`no ${kernel}`];
  const known = shapeOf(readFileSync(kernel, 'utf8'));
  return shapeOf(readFileSync(fake, 'utf8')).filter(
    (line) => !known.some((one) => one === line || one.startsWith(`${line} `)),
  );
}
