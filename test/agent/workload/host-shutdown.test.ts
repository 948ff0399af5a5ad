import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { hostGoesDown } from '../../../agent/host/shutdown.js';
import { endAll, shutdownGrace } from '../../../agent/workload/host-shutdown.js';
import { temporaryDirectory } from '../../runner/temporary.js';
import { newLife, specOf, state } from './fake-world.js';

const always = { policy: 'always' };

test('when the host goes down workloads end, no record changes, and the next boot starts them again', async (t) => {
  const first = newLife({ config: { lifecycle: { stop_grace: '20ms' } } });
  await first.manager.recover();
  await first.manager.create(specOf({ restart: always }));
  await first.manager.create(specOf({ id: 'kept', driver: 'external', exec: undefined }));
  await first.until(state('running'));
  await first.until(state('running', 'kept'));
  first.manager.close();
  const before = first.manager.records();

  t.is(await endAll(first.world, before), 1);
  await first.journal.idle();
  t.is(first.host.held.get('web-1')?.exit?.signal, 'SIGKILL', 'it was asked, and did not go by itself');
  t.deepEqual(first.manager.records(), before);
  t.deepEqual(
    first.events.filter(({ type }) => type === 'workload.ended'),
    [],
  );

  const second = newLife({ directory: first.directory, bootId: 'boot-2' });
  const { resumed } = await second.manager.recover();
  t.is(resumed, 2);
  await second.until(state('running'));
  second.manager.close();
});

test('class by class, as in a drain, and each class has its own time', async (t) => {
  const life = newLife({ config: { lifecycle: { stop_grace: '20ms' } } });
  await life.manager.recover();
  const guaranteed = { class: 'guaranteed', resources: { cpu: { limit: 0.1 }, memory: { limit: '64Mi' } } };
  for (const over of [{ id: 'top', ...guaranteed }, { id: 'mid' }, { id: 'low', class: 'besteffort' }]) {
    await life.manager.create(specOf(over));
    await life.until(state('running', over.id));
  }
  life.manager.close();
  const killed: string[] = [];
  const kill = life.world.cgroups.kill;
  const cgroups = {
    ...life.world.cgroups,
    kill: (name: string) => {
      killed.push(name.split('/').at(-1) ?? '');
      return kill(name);
    },
  };
  t.is(await endAll({ ...life.world, cgroups }, life.manager.records()), 3);
  t.deepEqual(killed, ['low', 'mid', 'top']);
  t.is(shutdownGrace(life.world, life.manager.records()), 60);
});

test('one that cannot be asked is killed, and does not keep the others', async (t) => {
  const life = newLife({ config: { lifecycle: { stop_grace: '20ms' } } });
  await life.manager.recover();
  for (const id of ['a', 'b']) {
    await life.manager.create(specOf({ id }));
    await life.until(state('running', id));
  }
  life.manager.close();
  const kill = life.world.cgroups.kill;
  const cgroups = {
    ...life.world.cgroups,
    kill: (name: string) => (name.endsWith('/a') ? Promise.reject(new Error('no')) : kill(name)),
  };
  t.is(await endAll({ ...life.world, cgroups }, life.manager.records()), 2);
  t.is(life.host.held.get('a')?.exit, undefined);
  t.is(life.host.held.get('b')?.exit?.signal, 'SIGKILL');
});

test('the host goes down when its service manager says so', async (t) => {
  const directory = temporaryDirectory('systemctl');
  const says = (word: string, code: number): string => {
    const path = join(directory, word);
    writeFileSync(path, `#!/bin/sh\n[ "$1" = is-system-running ] && echo ${word}\nexit ${code}\n`, { mode: 0o755 });
    return path;
  };
  t.true(await hostGoesDown(says('stopping', 1)));
  t.false(await hostGoesDown(says('running', 0)));
  t.false(await hostGoesDown(says('degraded', 1)));
  t.false(await hostGoesDown(join(directory, 'absent')));
});
