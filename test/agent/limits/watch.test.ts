import test from 'ava';
import type { LimitTarget } from '../../../agent/limits/drift.js';
import { CgroupWatch } from '../../../agent/limits/watch.js';
import type { CgroupEvents } from '../../../cgroups/events.js';
import type { CgroupSignal } from '../../../cgroups/signals/index.js';

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const NOTHING: CgroupEvents = { populated: true, frozen: false };
const kills = (oomKill: number): CgroupEvents => ({
  ...NOTHING,
  memory: { high: 0, max: 0, oom: 0, oomKill, oomGroupKill: 0 },
});

async function room(limits: Readonly<Record<string, string>> = {}) {
  const listeners = new Map<string, (signal: CgroupSignal) => void>();
  const told: string[] = [];
  let targets: readonly LimitTarget[] = [
    { key: 'web', cgroup: 'acme/web', workload: 'web', tenant: 'acme' },
    { key: 'tenant/acme', cgroup: 'acme', workload: null, tenant: 'acme' },
  ];
  let refuse = false;
  const watch = new CgroupWatch({
    signals: {
      watch: (dir, listener) => {
        if (refuse) throw new Error('ENOSPC');
        listeners.set(dir, listener);
        return { events: { ...kills(1), pidsMax: 5 }, close: () => listeners.delete(dir) };
      },
    },
    cgroups: {
      path: (name) => name,
      read: (name) => [{ file: 'pids.max', value: limits[name] ?? 'max' }],
    },
    events: { append: ({ type, data }) => told.push(`${type} ${JSON.stringify(data)}`) },
    log: silent,
    targets: () => targets,
    written: (key) => told.push(`written ${key}`),
    killed: (id) => told.push(`killed ${id}`),
  });
  await watch.sync();
  return {
    ...{ watch, listeners, told },
    only: (...keys: string[]) => {
      targets = targets.filter(({ key }) => keys.includes(key));
    },
    full: () => {
      refuse = true;
    },
    say: (dir: string, events: CgroupEvents) => listeners.get(dir)?.({ kind: 'events', events }),
  };
}

test('only what has risen since the watch began is told, and of a tenant no kills', async (t) => {
  const { told, say } = await room();
  say('acme/web', kills(1));
  t.deepEqual(told, []);
  say('acme/web', kills(2));
  say('acme/web', kills(2));
  say('acme', kills(9));
  t.deepEqual(told, ['killed web']);
});

test('refused forks are told once for many, where the limit is its own', async (t) => {
  const { told, say } = await room({ 'acme/web': '32' });
  say('acme', { ...NOTHING, pidsMax: 8 });
  say('acme/web', { ...NOTHING, pidsMax: 8 });
  say('acme/web', { ...NOTHING, pidsMax: 800 });
  t.deepEqual(told, ['workload.pids_refused {"refused":3,"cgroup":"acme/web"}']);
});

test('a written file is for the audit, and so is what was lost', async (t) => {
  const { told, listeners } = await room();
  listeners.get('acme/web')?.({ kind: 'written', file: 'memory.max' });
  listeners.get('acme')?.({ kind: 'lost' });
  t.deepEqual(told, ['written web', 'written tenant/acme']);
});

test('who does not run any more is left, and who cannot be watched is counted', async (t) => {
  const { watch, listeners, only, full } = await room();
  only('web');
  await watch.sync();
  t.deepEqual([...listeners.keys()], ['acme/web']);
  t.is(watch.unwatched, 0);
  listeners.get('acme/web')?.({ kind: 'gone' });
  full();
  await watch.sync();
  t.is(watch.unwatched, 1);
});
