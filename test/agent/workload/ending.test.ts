// Processes that have left the cgroup of their workload: they end with the run that they are of, and `workload.escaped` is told
// whenever the agent is killed meanwhile.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import test, { type ExecutionContext } from 'ava';
import type { WorkloadRecord } from '../../../agent/model/record.js';
import { hasNoNewPrivileges, readStat } from '../../../linux/proc.js';
import { fakeDriver, type Life, newLife, nextLife, specOf, state } from './fake-world.js';

const drivers = new Map([['exec' as const, { ...fakeDriver, confinement: async () => 'open' as const }]]);
const spec = specOf({ restart: { policy: 'always' } });

/** A process as every workload is, with no_new_privs, that no cgroup of the test has. */
async function leaver(t: ExecutionContext): Promise<ChildProcess & { readonly pid: number }> {
  const child = spawn('setpriv', ['--no-new-privs', 'sleep', '1000'], { stdio: 'ignore' });
  t.teardown(() => child.kill('SIGKILL'));
  await once(child, 'spawn');
  const { pid = 0 } = child;
  // setpriv has it a moment before it becomes the program that is told of.
  const isIt = (): boolean => hasNoNewPrivileges(pid) && readFileSync(`/proc/${pid}/comm`, 'utf8') === 'sleep\n';
  while (!isIt()) await new Promise(setImmediate);
  return child as ChildProcess & { readonly pid: number };
}

/** A workload that runs, and one process of it that has left. */
async function escaped(t: ExecutionContext) {
  const child = await leaver(t);
  const life = newLife({ world: { drivers } });
  t.teardown(() => life.manager.close());
  await life.manager.recover();
  await life.manager.create(spec);
  await life.until(state('running'));
  life.host.members = [child.pid];
  return { ...life, child };
}

const isEscape = ({ type }: { readonly type: string }): boolean => type === 'workload.escaped';

/** How a run ends, and the state that says that all of it has. */
const ENDS = {
  'its restart policy starts it again': { end: (life: Life) => life.host.end('web-1', { code: 1 }), rests: 'pending' },
  'a restart was asked for': {
    end: (life: Life) => life.manager.setDesired('web-1', 'running', { restart: true }),
    rests: 'pending',
  },
  'it is stopped': { end: (life: Life) => life.manager.setDesired('web-1', 'stopped'), rests: 'exited' },
} as const;

for (const [name, { end, rests }] of Object.entries(ENDS))
  test(`what had left the cgroup ends with its run, and is told once: ${name}`, async (t) => {
    const life = await escaped(t);
    const { child, events, manager, until } = life;
    await end(life);
    await until(state(rests));
    t.is(readStat(child.pid)?.state ?? 'Z', 'Z', 'it is dead before the next run begins');
    const [told, ...more] = events.filter(isEscape);
    t.deepEqual(told?.data, { count: 1, processes: [{ pid: child.pid, command: 'sleep' }] });
    t.deepEqual(more, []);
    t.is(manager.actor('web-1').record.escaped, null);
    t.false('escaped' in manager.view(manager.actor('web-1').record));
  });

/** Where the agent is killed; resolves there. The event counts where it is known to be on disk. */
const DEATHS: Readonly<Record<string, (life: Life) => Promise<void>>> = {
  'before it is in the record': ({ journal }) =>
    stuck<'write', WorkloadRecord>(journal, 'write', ({ escaped: it }) => Boolean(it)),
  'before it is killed': ({ journal }) =>
    stuck<'write', WorkloadRecord>(
      journal,
      'write',
      ({ escaped: it }) => Boolean(it),
      (record, write) => write(record),
    ),
  'between the kill and the event': ({ world }) => stuck<'settled', void>(world.events, 'settled', () => true),
  'before the record says that it is told': ({ journal, events }) =>
    stuck<'write', WorkloadRecord>(journal, 'write', ({ escaped: it }) => it === null && events.some(isEscape)),
};

/** From the first call of `method` on that `is` says yes to, none returns. */
function stuck<K extends string, A>(
  on: Record<K, (argument: A) => Promise<void>>,
  method: K,
  is: (argument: A) => boolean,
  effect: (argument: A, work: (argument: A) => Promise<void>) => Promise<void> = async () => undefined,
): Promise<void> {
  const work = on[method].bind(on);
  let dead = false;
  return new Promise((resolve) => {
    on[method] = async (argument) => {
      if (!dead && !is(argument)) return work(argument);
      if (!dead) await effect(argument, work);
      dead = true;
      resolve();
      return new Promise<never>(() => undefined);
    };
  });
}

for (const [where, die] of Object.entries(DEATHS))
  for (const [name, { end, rests }] of Object.entries(ENDS))
    test(`an agent that dies ${where} leaves it to the next to end and tell it: ${name}`, async (t) => {
      const first = await escaped(t);
      const { child } = first;
      const death = die(first);
      void end(first);
      await death;
      const next = await nextLife(first, first.host, 'boot-1', undefined, undefined, { drivers });
      t.teardown(() => next.manager.close());
      if (next.manager.actor('web-1').record.state !== rests) await next.until(state(rests));
      t.is(readStat(child.pid)?.state ?? 'Z', 'Z');
      const told = next.events.filter(isEscape);
      t.true(
        told.some(({ data }) => JSON.stringify(data).includes(`"pid":${child.pid}`)),
        JSON.stringify(told),
      );
      t.falsy(next.manager.actor('web-1').record.escaped);
    });

test('what a boot has ended is told by the first agent after it', async (t) => {
  const first = await escaped(t);
  const death = (DEATHS['before it is killed'] as (life: Life) => Promise<void>)(first);
  first.host.end('web-1', { code: 1 });
  await death;
  first.child.kill('SIGKILL');
  await once(first.child, 'exit');
  const next = await nextLife(first, first.host, 'boot-2', undefined, undefined, { drivers });
  t.teardown(() => next.manager.close());
  t.is(next.events.filter(isEscape).length, 1);
  t.falsy(next.manager.actor('web-1').record.escaped);
});
