// What every engine with a socket does, whether it is a double or the real one.
import type { TestFn } from 'ava';
import type { EngineName } from '../../../../agent/model/adopted.js';
import { type Stand, TENANT_LABEL, Watched } from './stand.js';

export interface Conforming {
  readonly test: TestFn;
  readonly engine: EngineName;
  /** Up, with nothing running. */
  readonly open: () => Promise<Stand>;
  /** Of one answer. */
  readonly deadlineMs: number;
  /** Changed limits are an event: of podman since 5, and without one the next look reads them from the cgroup. */
  readonly tellsChanges?: boolean;
  /** podman tells a stop only where no other process of it has seen the end before: 4.3 hardly ever does. */
  readonly tellsStops?: boolean;
}

export function conforms({ test, engine, open, deadlineMs, tellsChanges = true, tellsStops = true }: Conforming): void {
  const watch = ({ socket, proc }: Stand): Watched => new Watched({ engine, socket, proc, deadlineMs });

  test.serial(`${engine}: what runs is found, with its name, tenant, image and limits`, async (t) => {
    const stand = await open();
    t.teardown(() => stand.end());
    const id = await stand.start('web', { memory: 64 << 20, pids: 50, labels: { [TENANT_LABEL]: 'acme', app: 'x' } });
    await stand.start('ci-7');
    const watched = watch(stand);
    t.teardown(() => watched.engines.close());
    await watched.look();
    t.like(watched.view, { state: 'up', why: null, workloads: 2, dropped: 0 });
    const web = watched.named('web');
    t.like(web, { engine, id, tenant: 'acme', image: stand.image, paused: false, within: null });
    t.is(web?.labels.app, 'x');
    t.deepEqual(web?.limits, { cpu: 0.5, memory: 64 << 20, pids: 50 });
    t.regex(web?.cgroup ?? '', new RegExp(`${id}(?:\\.scope)?$`));
    t.is(watched.named('ci-7')?.tenant, 'ci');
  });

  test.serial(`${engine}: what comes, changes and goes is known by its events`, async (t) => {
    const stand = await open();
    t.teardown(() => stand.end());
    const watched = watch(stand);
    t.teardown(() => watched.engines.close());
    await watched.look();
    const id = await stand.start('late', { memory: 32 << 20 });
    await watched.until(() => watched.named('late') !== undefined);
    t.is(watched.named('late')?.limits.memory, 32 << 20);
    if (tellsChanges) {
      await stand.setMemory(id, 48 << 20);
      await watched.until(() => watched.named('late')?.limits.memory === 48 << 20);
    }
    await stand.stop(id);
    await watched.until(() => watched.named('late') === undefined);
    t.is(watched.view?.state, 'up');
  });

  test.serial(`${engine}: how a workload has ended is told, and whether it was stopped there`, async (t) => {
    const stand = await open();
    t.teardown(() => stand.end());
    const watched = watch(stand);
    t.teardown(() => watched.engines.close());
    const killed = await stand.start('killed', { memory: 64 << 20 });
    const stopped = await stand.start('stopped');
    const inTime = await stand.start('stopped-in-time');
    await watched.look();
    // An end may be told later than the table changes.
    await stand.kill(killed);
    await watched.until(() => watched.ended.length === 1);
    await stand.stop(stopped);
    await watched.until(() => watched.ended.length === 2);
    await stand.stopInTime(inTime);
    await watched.until(() => watched.ended.length === 3 && watched.engines.all().length === 0);
    t.like(watched.ended, [
      { engine, id: killed, name: 'killed', code: 137, asked: false, memory: 64 << 20 },
      { engine, id: stopped, name: 'stopped', code: 137, asked: true },
      { engine, id: inTime, name: 'stopped-in-time', code: 137, ...(tellsStops ? { asked: true } : {}) },
    ]);
    t.is(typeof watched.ended[0]?.pid, 'number');
  });

  test.serial(`${engine}: one that ends and comes again is followed again`, async (t) => {
    const stand = await open();
    t.teardown(() => stand.end());
    const watched = watch(stand);
    t.teardown(() => watched.engines.close());
    await watched.look();
    await stand.down();
    await watched.look();
    t.true(['absent', 'unreachable'].includes(watched.view?.state ?? ''));
    await stand.up();
    await watched.look();
    t.is(watched.view?.state, 'up');
    await stand.start('after');
    await watched.until(() => watched.named('after') !== undefined);
  });

  test.serial(`${engine}: one that hangs is unreachable, its workloads stay known, and it recovers`, async (t) => {
    const stand = await open();
    t.teardown(() => stand.end());
    await stand.start('kept');
    const watched = watch(stand);
    t.teardown(() => watched.engines.close());
    await watched.look();
    await stand.hang();
    await watched.look();
    t.like(watched.view, { state: 'unreachable', workloads: 1, why: `no answer within ${deadlineMs} ms` });
    t.not(watched.named('kept'), undefined);
    stand.goOn();
    await watched.look();
    t.like(watched.view, { state: 'up', workloads: 1, why: null });
  });
}
