import test, { type ExecutionContext } from 'ava';
import { Chores } from '../../../agent/daemon/chores.js';
import type { Condition } from '../../../agent/model/condition.js';

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

/** Time stands still unless `now` says otherwise: how long the machine takes is not what is tested. */
function newChores(t: ExecutionContext, options: { everyMs?: number; deadlineMs?: number; now?: () => number } = {}) {
  let source: () => readonly Condition[] = () => [];
  const conditions = {
    add(added: () => readonly Condition[]): void {
      source = added;
    },
  };
  // On a busy machine rounds of milliseconds come late: the age of a success is not what most tests are about.
  const chores = new Chores({ conditions, log: silent, everyMs: 5, deadlineMs: 20, now: () => 0, ...options });
  t.teardown(() => chores.close());
  return { chores, conditions: () => source() };
}

test('one that fails and one that never ends hold up no other, and each has its counter and its condition', async (t) => {
  const { chores, conditions } = newChores(t);
  let done = 0;
  const well = new Promise<void>((resolve) => {
    chores.add({ name: 'fails', does: 'fail', work: () => Promise.reject(new Error('no way')) });
    chores.add({ name: 'throws', does: 'throw', work: () => Promise.reject(new TypeError('odd')) });
    chores.add({ name: 'hangs', does: 'hang', work: () => new Promise(() => undefined) });
    chores.add({
      ...{ name: 'works', does: 'work' },
      work() {
        done += 1;
        if (done === 6) resolve();
      },
    });
  });
  await chores.start();
  await well;
  const codes = conditions().map(({ code }) => code);
  chores.close();
  t.deepEqual(codes, ['housekeeping_fails', 'housekeeping_throws', 'housekeeping_hangs']);
  const figures = new Map(chores.figures().map(({ name, runs }) => [name, runs]));
  t.true((figures.get('fails')?.failed ?? 0) >= 2);
  t.true((figures.get('throws')?.failed ?? 0) >= 2);
  t.true((figures.get('hangs')?.late ?? 0) >= 1);
  t.is(figures.get('hangs')?.ok, 0);
  t.true((figures.get('works')?.ok ?? 0) >= 5);
});

test('the start does not wait for one in the background', async (t) => {
  const { chores } = newChores(t, { everyMs: 60_000, deadlineMs: 60_000 });
  const done: string[] = [];
  let end: () => void = () => undefined;
  const held = new Promise<void>((resolve) => {
    end = resolve;
  });
  const slow = async (): Promise<void> => {
    await held;
    done.push('slow');
  };
  chores.add({ name: 'slow', does: 'wait', background: true, work: slow });
  chores.add({ name: 'works', does: 'work', work: () => void done.push('works') });
  await chores.start();
  t.deepEqual(done, ['works']);
  end();
});

test('its condition goes when it works again', async (t) => {
  const { chores, conditions } = newChores(t);
  let works = false;
  const well = new Promise<void>((resolve) => {
    chores.add({
      ...{ name: 'sometimes', does: 'do it' },
      work() {
        if (!works) throw new Error('not yet');
        setImmediate(resolve);
      },
    });
  });
  await chores.start();
  t.is(conditions()[0]?.title, 'berth does not do it');
  t.regex(conditions()[0]?.why ?? '', /^not yet; /);
  works = true;
  await well;
  t.deepEqual(conditions(), []);
  chores.close();
});

test('one that is late gets its signal, is not begun twice, and is well when it ends after all', async (t) => {
  const { chores, conditions } = newChores(t, { deadlineMs: 5 });
  let begun = 0;
  let end = (): void => undefined;
  let told = (): void => undefined;
  const aborted = new Promise<void>((resolve) => {
    told = resolve;
  });
  chores.add({
    ...{ name: 'slow', does: 'hurry' },
    work(signal) {
      begun += 1;
      if (begun > 1) return undefined;
      signal.addEventListener('abort', () => told(), { once: true });
      return new Promise<void>((resolve) => {
        end = resolve;
      });
    },
  });
  await chores.start();
  await aborted;
  t.is(begun, 1);
  t.regex(conditions()[0]?.why ?? '', /^no end after/);
  end();
  await new Promise((resolve) => setImmediate(resolve));
  t.deepEqual(conditions(), []);
  chores.close();
});

test('one that is not run for three rounds is a condition, whatever the reason', async (t) => {
  let now = 0;
  const { chores, conditions } = newChores(t, { everyMs: 60_000, deadlineMs: 60_000, now: () => now });
  chores.add({ name: 'works', does: 'work', work: () => undefined });
  await chores.start();
  now = 179_000;
  t.deepEqual(conditions(), []);
  t.is(chores.figures()[0]?.ageSeconds, 179);
  now = 181_000;
  t.deepEqual(
    conditions().map(({ code }) => code),
    ['housekeeping_works'],
  );
  chores.close();
});

test('many that run at once bring no warning of Node into the log', async (t) => {
  const warnings: string[] = [];
  const note = ({ message }: Error): number => warnings.push(message);
  process.on('warning', note);
  t.teardown(() => process.off('warning', note));
  const { chores } = newChores(t, { deadlineMs: 60_000 });
  const many = 20;
  const again = new Set<number>();
  await new Promise<void>((resolve) => {
    for (let n = 0; n < many; n++) {
      let runs = 0;
      const work = (): Promise<void> | undefined => {
        runs += 1;
        if (runs === 1) return undefined;
        again.add(n);
        if (again.size === many) resolve();
        return new Promise(() => undefined);
      };
      chores.add({ name: `c${n}`, does: 'end', work });
    }
    void chores.start();
  });
  // A warning is emitted in the next turn.
  await new Promise((resolve) => setImmediate(resolve));
  chores.close();
  t.deepEqual(warnings, []);
});
